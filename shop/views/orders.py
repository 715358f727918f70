"""A shopper's own orders."""

import uuid

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from shop.models import User
from shop.selectors import orders
from shop.visitors import ShopRequest

PAGE_SIZE = 20


@login_required
@require_safe
def order_list(request: ShopRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    listing = Paginator(orders.orders_of(request.user), PAGE_SIZE)
    page = listing.get_page(request.GET.get("page"))
    context = {
        "page": page,
        "page_range": listing.get_elided_page_range(page.number, on_each_side=1, on_ends=1),
    }
    return render(request, "shop/orders.html", context)


@login_required
@require_safe
def order(request: ShopRequest, number: uuid.UUID) -> HttpResponse:
    assert isinstance(request.user, User)
    found = orders.order_of(request.user, number=number)
    if found is None:
        raise Http404("You have no such order.")
    return render(request, "shop/order.html", {"order": found})
