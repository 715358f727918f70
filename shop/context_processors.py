"""What every page of the shop may show; each value costs its query only on the pages that read it."""

from typing import Any

from django.conf import settings
from django.utils.functional import SimpleLazyObject

from shop.selectors import carts, catalogue
from shop.visitors import ShopRequest


def shop(request: ShopRequest) -> dict[str, Any]:
    """Return the shop's name, the departments and the number of things in the visitor's cart."""
    return {
        "shop_name": settings.SHOP_NAME,
        "departments": SimpleLazyObject(catalogue.departments),
        "cart_count": SimpleLazyObject(lambda: carts.count_items(request.visitor)),
    }
