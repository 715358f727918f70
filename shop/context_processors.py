"""What every page of the shop may show; each value costs its query only on the pages that read it."""

from typing import Any

from django.utils.functional import SimpleLazyObject

from shop.selectors import carts, catalogue
from shop.visitors import ShopRequest

SHOP_NAME = "Tandem"


def shop(request: ShopRequest) -> dict[str, Any]:
    """Return the shop's name, the departments and the number of things in the visitor's cart."""
    return {
        "shop_name": SHOP_NAME,
        "departments": SimpleLazyObject(catalogue.departments),
        "cart_count": SimpleLazyObject(lambda: carts.count_items(request.visitor)),
    }
