"""The loop's speed on this machine: make, import, train, recommend. Run by `make bench`.

Everything happens in a data folder of its own, which is removed at the end. Prints a table and writes the
same to .bench/loop.json.
"""

import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIZES = {"users": 1000, "items": 5000, "interactions": 100_000, "seed": 7}
REPEATS = 60


def main() -> None:
    """Measure each step in the order of the flow, and print what it took."""
    folder = Path(tempfile.mkdtemp(prefix="shop-bench-"))
    folder.chmod(0o711)  # PostgreSQL started by root runs as another user, which must be able to enter
    os.environ["DATA_DIR"] = str(folder / "data")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    sys.path.insert(0, str(ROOT))
    try:
        rows = measure(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report(rows)


def measure(folder: Path) -> dict[str, float]:
    """Return every figure by its name. DATA_DIR is set, so Django may be loaded from here on."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    made = folder / "made"
    make = {**SIZES, "out": made, "no_load": True, "no_pictures": True}
    rows = {"generate_s": seconds(lambda: call_command("generate_dataset", **make))}
    events = folder / "events"
    events.mkdir()
    for path in made.glob("recommendation_*"):
        path.unlink()
    shutil.move(made / "interactions.parquet", events)
    rows["import_catalogue_s"] = seconds(lambda: call_command("import_dataset", str(made)))
    took = seconds(lambda: call_command("import_dataset", str(events)))
    rows["import_interactions_per_s"] = SIZES["interactions"] / took
    rows["import_again_per_s"] = SIZES["interactions"] / seconds(
        lambda: call_command("import_dataset", str(events))
    )
    rows["embed_content_s"] = seconds(lambda: call_command("embed_content"))
    rows["features_apply_s"] = seconds(lambda: call_command("features", "apply"))
    rows["train_to_serving_s"] = seconds(lambda: call_command("train"))
    return rows | serving()


def serving() -> dict[str, float]:
    """Return the median milliseconds of a list and of whole pages, for shoppers of the data."""
    from django.test import Client

    from recommender.models import Placement
    from recommender.recommendations import recommend
    from shop.models import Product, User
    from shop.visitors import Visitor

    users = list(User.objects.order_by("pk")[:REPEATS])
    products = list(Product.objects.available().order_by("pk")[:REPEATS])
    visitors = [Visitor(id=uuid.uuid4(), user=user) for user in users]
    client = Client()
    client.force_login(users[0])
    return {
        "for_you_ms": median_ms([lambda v=v: recommend(Placement.HOME_FOR_YOU, visitor=v) for v in visitors]),
        "similar_ms": median_ms(
            [
                lambda p=p: recommend(Placement.PRODUCT_SIMILAR, visitor=visitors[0], anchor=p)
                for p in products
            ]
        ),
        "home_page_ms": median_ms([lambda: client.get("/")] * REPEATS),
        "product_page_ms": median_ms([lambda p=p: client.get(p.get_absolute_url()) for p in products]),
        "search_page_ms": median_ms([lambda: client.get("/search/", {"q": "red mug"})] * REPEATS),
    }


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median_ms(calls: list[Callable[[], object]]) -> float:
    """Return the median of the calls, the first fifth left out as warm-up."""
    times = [seconds(call) for call in calls]
    return 1000 * statistics.median(times[len(times) // 5 :])


def report(rows: dict[str, float]) -> None:
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(f"\n{SIZES} on {machine}")
    for name, value in rows.items():
        print(f"{name:<28}{value:>12,.1f}")
    out = ROOT / ".bench" / "loop.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps({"sizes": SIZES, "machine": machine, **rows}, indent=2))


if __name__ == "__main__":
    main()
