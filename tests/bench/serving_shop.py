"""Shops with thousands of shoppers and a trained version, and the cookies of their shoppers.

`python -m tests.bench.serving_shop FOLDER small|large`, with DATA_DIR and the settings in the environment.

Every second shopper is logged in; the others are guests whom a cookie tells apart. All have a past.
"""

import shutil
import sys
import uuid
from pathlib import Path

SIZES = {
    "small": {"users": 10_000, "items": 5_000, "interactions": 200_000, "seed": 7},
    "large": {"users": 2_000, "items": 100_000, "interactions": 200_000, "seed": 7},
}
COOKIES, PRODUCTS = "cookies.txt", "products.txt"


def main() -> None:
    """Make the shop, and leave its services stopped."""
    import django

    django.setup()
    from shop import embedded

    folder, size = Path(sys.argv[1]), sys.argv[2]
    make(folder, size=size)
    embedded.stop_all()


def make(folder: Path, *, size: str) -> None:
    """Make, import and train in the folder; DATA_DIR is `folder`/data and Django is set up."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    made = folder / "made"
    call_command("generate_dataset", **SIZES[size], out=made, no_load=True, no_pictures=True)
    for path in made.glob("recommendation_*"):
        path.unlink()
    call_command("import_dataset", str(made))
    call_command("embed_content")
    call_command("features", "apply")
    call_command("train", force=True)
    _turn_into_guests()
    write_cookies(folder)
    shutil.rmtree(made)


def write_cookies(folder: Path) -> None:
    """Write a Cookie header for each shopper, and the products that have a page, a line each."""
    from shop.models import Product, User

    users = list(User.objects.filter(is_staff=False).order_by("pk"))
    lines = [_cookies_of(user) for user in users]
    (folder / COOKIES).write_text("\n".join(lines) + "\n")
    ids = Product.objects.available().order_by("-rating_count", "pk").values_list("pk", flat=True)
    (folder / PRODUCTS).write_text("\n".join(map(str, ids)) + "\n")


def _turn_into_guests() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE recommender_interaction SET visitor_id = md5(user_id::text)::uuid, user_id = NULL"
            " WHERE user_id % 2 = 1"
        )
        cursor.execute("VACUUM ANALYZE")


def _cookies_of(user: object) -> str:
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.cached_db import SessionStore
    from django.core.signing import get_cookie_signer

    from shop.visitors import COOKIE

    browser = uuid.UUID(hex=_digest(user.pk))
    visitor = f"{COOKIE}={get_cookie_signer(salt=COOKIE + COOKIE).sign(str(browser))}"
    if user.pk % 2:
        return visitor
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return f"{visitor}; sessionid={session.session_key}"


def _digest(number: int) -> str:
    from hashlib import md5

    return md5(str(number).encode(), usedforsecurity=False).hexdigest()


if __name__ == "__main__":
    main()
