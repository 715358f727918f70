"""The home page's lower shelves: fetched when a shopper scrolls to them, and a page of their own."""

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from recommender.templatetags import shown_products
from shop.visitors import ShopRequest


@require_safe
def more(request: HttpRequest) -> HttpResponse:
    """Show what the visitor looked at and may buy again, what trends and what is new.

    `?shown=` are the products of the page that this is to stand on, which are not shown twice. Apart from
    the home page, since half of its cost was in lists that few scroll down to.
    """
    shown_products.remember(request, shown_products.read(request.GET.get("shown", "")))
    is_part = bool(cast(ShopRequest, request).htmx)
    template = "recommender/_more_shelves.html" if is_part else "recommender/more_shelves.html"
    response = render(request, template)
    patch_vary_headers(response, ("HX-Request",))
    return response
