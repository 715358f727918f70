"""What Django tells the shop, and the one call that answers it."""

from typing import Any

from django.contrib.auth.signals import user_logged_in

from shop.services.accounts import join_guest
from shop.visitors import ShopRequest, read_visitor


def connect() -> None:
    """Listen to Django; calling it again changes nothing."""
    user_logged_in.connect(on_user_logged_in, dispatch_uid="shop.on_user_logged_in")


def on_user_logged_in(*, request: ShopRequest | None, **_: Any) -> None:
    """Join the guest's past to the account at every door: log-in, sign-up and the admin's own."""
    if request is None or not hasattr(request, "visitor"):
        return  # a log-in by code, with no browser behind it
    request.visitor = read_visitor(request)
    join_guest(request.visitor)
