"""The search at 100,000 products: how long a text search and a suggestion take. Run by `make bench-search`.

A shop of generated products is made once, in .bench/search-shop; --no-vectors leaves their vectors out, which
take minutes. Every query is asked once, of a warm process: the catalogue, the words and the encoder are in
memory, and no answer is kept. Prints p50, p95 and p99 in milliseconds and writes .bench/search.json.
"""

import argparse
import json
import os
import random
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / ".bench"
TARGETS = {"find": 50.0, "suggest": 20.0}  # p95, milliseconds
WARM_SECONDS = 120
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def main() -> None:
    """Make the shop where it is not there, measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--no-vectors", action="store_true", help="words alone answer")
    parser.add_argument("--json", type=Path, default=BENCH / "search.json")
    options = parser.parse_args()
    prepare(options.products, with_vectors=not options.no_vectors)
    try:
        rows = measure(options.queries, with_vectors=not options.no_vectors)
    finally:
        stop()
    report(rows, options=options)


def prepare(number: int, *, with_vectors: bool) -> None:
    """Set Django up in the shop's folder, and fill it unless it was filled before."""
    kind = "vectors" if with_vectors else "words"
    folder = BENCH / "search-shop" / f"{number}-{kind}"
    done = folder / "made"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    for path in (folder, *folder.parents[:1]):
        path.chmod(0o711)  # PostgreSQL started by root runs as another user, which must be able to enter
    os.environ["DATA_DIR"] = str(folder / "data")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    sys.path.insert(0, str(ROOT))
    import django

    django.setup()
    if not done.exists():
        fill(number, with_vectors=with_vectors)
        done.touch()


def fill(number: int, *, with_vectors: bool) -> None:
    """Make the products, their stored words and their vectors."""
    from django.core.management import call_command
    from django.db import connection

    from recommender.documents import update_search_documents
    from tests.recommender.search.generated import make_products

    print(f"Making {number:,} products", flush=True)
    call_command("migrate", verbosity=0)
    make_products(number)
    update_search_documents()
    if with_vectors:
        call_command("embed_content")
    with connection.cursor() as cursor:
        # The products of the bench have no pictures; a shop's have, and are compared by those, too.
        cursor.execute("UPDATE recommender_contentembedding SET image_vector = text_vector")
        cursor.execute("VACUUM ANALYZE")


def stop() -> None:
    from shop import embedded

    embedded.stop_all()


# What is asked


def queries(number: int) -> Iterator[tuple[str, str]]:
    """Yield kinds and texts of queries as shoppers type them, of products of the shop."""
    from recommender.search.tokens import words_of
    from shop.models import Product

    chance = random.Random(11)
    ids = list(Product.objects.order_by("pk").values_list("pk", flat=True))
    products = Product.objects.select_related("category").in_bulk(chance.choices(ids, k=number))
    kinds = list(KINDS)
    for product in products.values():
        kind = chance.choice(kinds)
        words = [word for word in words_of(product.name) if word.isalpha() and len(word) > 2]
        if words:
            yield kind, KINDS[kind](product, words, chance)


def _typo(product: Any, words: list[str], chance: random.Random) -> str:
    picked = chance.sample(words, min(2, len(words)))
    place = chance.randrange(len(picked[0]))
    return " ".join([picked[0][:place] + chance.choice(LETTERS) + picked[0][place + 1 :], *picked[1:]])


def _priced(product: Any, words: list[str], chance: random.Random) -> str:
    colour = str(product.attributes.get("colour", "")).lower()
    return f"{colour} {product.category.name.lower()} under {int(product.price) + 20}"


KINDS: dict[str, Callable[[Any, list[str], random.Random], str]] = {
    "one word": lambda product, words, chance: chance.choice(words),
    "two words": lambda product, words, chance: " ".join(chance.sample(words, min(2, len(words)))),
    "three words": lambda product, words, chance: " ".join(chance.sample(words, min(3, len(words)))),
    "name": lambda product, words, chance: product.name,
    "sku": lambda product, words, chance: product.sku.lower(),
    "half typed": lambda product, words, chance: f"{words[0]} {words[-1][:3]}",
    "typo": _typo,
    "colour, type and price": _priced,
    "unknown word": lambda product, words, chance: f"{chance.choice(words)} zyzzyvas",
    "phrase": lambda product, words, chance: f'"{" ".join(words[:2])}"',
}


# What is measured


def measure(number: int, *, with_vectors: bool) -> dict[str, list[float]]:
    """Return milliseconds by what was asked."""
    from recommender.search import finding, suggestions
    from recommender.search.requests import SearchRequest
    from recommender.search.requests_url import clean_query
    from shop.visitors import Visitor

    def find(text: str) -> None:
        finding.find(SearchRequest(text=clean_query(text)), visitor=Visitor(id=uuid.uuid4()))

    def suggest(text: str) -> None:
        suggestions.suggest(text, visitor=Visitor(id=uuid.uuid4()))

    asked = list(queries(number))
    warm_up(with_vectors=with_vectors)
    for _, text in asked[:20]:
        find(text)
        suggest(text)
    times: dict[str, list[float]] = {"find": [], "suggest": []}
    for kind, text in asked[20:]:
        taken = milliseconds(find, text)
        times["find"].append(taken)
        times.setdefault(f"find: {kind}", []).append(taken)
    for _, text in asked[20 :: max(1, len(asked) // 200)]:
        times["suggest"] += [
            milliseconds(suggest, text[:length]) for length in range(1, min(len(text), 25) + 1)
        ]
    return times


def warm_up(*, with_vectors: bool) -> None:
    """Wait until the words are in memory, and the encoder with the vectors where there are some."""
    from recommender import encoders, snapshot
    from recommender.search import vectors, word_index

    deadline = time.monotonic() + WARM_SECONDS
    while time.monotonic() < deadline:
        catalogue = snapshot.current()
        has_words = word_index.current(catalogue) is not None
        if has_words and not with_vectors:
            return
        is_encoder_ready = encoders.encoder_if_ready() is not None
        if is_encoder_ready and has_words and vectors.are_read(catalogue):
            return
        time.sleep(0.2)
    raise SystemExit("The words or the encoder were not loaded in time; see the log.")


def milliseconds(action: Callable[[str], None], text: str) -> float:
    start = time.perf_counter()
    action(text)
    return 1000 * (time.perf_counter() - start)


def report(rows: dict[str, list[float]], *, options: argparse.Namespace) -> None:
    """Print the percentiles and write them as JSON."""
    import numpy as np

    figures = {
        name: {
            **{f"p{q}": round(float(np.percentile(times, q)), 2) for q in (50, 95, 99)},
            "number": len(times),
        }
        for name, times in rows.items()
    }
    print(f"{options.products:,} products, milliseconds")
    for name, row in figures.items():
        aim = f"aim: p95 below {TARGETS[name]:g}" if name in TARGETS else ""
        percentiles = "  ".join(f"p{q} {row[f'p{q}']:7.2f}" for q in (50, 95, 99))
        print(f"{name:30} {percentiles}  of {row['number']:5}  {aim}")
    options.json.parent.mkdir(exist_ok=True)
    shown = {"products": options.products, "vectors": not options.no_vectors, "search": figures}
    options.json.write_text(json.dumps(shown, indent=2))


if __name__ == "__main__":
    main()
