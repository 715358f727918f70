"""The cart: each change is a form that works by itself, and swaps a part of the page where htmx runs."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from shop.forms import CartForm
from shop.selectors import carts as selectors
from shop.services import carts
from shop.services.carts import CartChange, NotForSale
from shop.views.provenance import read_provenance
from shop.visitors import ShopRequest


@require_safe
def show(request: ShopRequest) -> HttpResponse:
    return render(request, "shop/cart.html", {"cart": selectors.cart(request.visitor)})


@require_POST
def add(request: ShopRequest, pk: int) -> HttpResponse:
    form = CartForm({"quantity": request.POST.get("quantity", "1")})
    origin = read_provenance(request.POST)
    if not form.is_valid() or not form.cleaned_data["quantity"]:
        messages.error(request, _first_error(form) or "Add at least one.")
    else:
        try:
            change = carts.add(
                request.visitor,
                product_id=pk,
                quantity=form.cleaned_data["quantity"],
                placement=origin.placement,
                impression_id=origin.impression_id,
            )
            _say(request, change)
        except NotForSale as error:
            messages.error(request, str(error))
    if request.htmx:
        return render(request, "shop/_cart_added.html")
    return redirect("shop:product", pk=pk)


@require_POST
def update(request: ShopRequest, pk: int) -> HttpResponse:
    form = CartForm(request.POST)
    if form.is_valid():
        _change(request, pk, quantity=form.cleaned_data["quantity"])
    else:
        messages.error(request, _first_error(form))
    return _cart_again(request)


@require_POST
def remove(request: ShopRequest, pk: int) -> HttpResponse:
    _change(request, pk, quantity=0)
    return _cart_again(request)


def _change(request: ShopRequest, pk: int, *, quantity: int) -> None:
    try:
        _say(request, carts.set_quantity(request.visitor, product_id=pk, quantity=quantity))
    except NotForSale as error:
        messages.error(request, str(error))


def _say(request: ShopRequest, change: CartChange) -> None:
    level = messages.WARNING if change.capped else messages.SUCCESS
    messages.add_message(request, level, change.message)


def _first_error(form: CartForm) -> str:
    return str(next(iter(form.errors.get("quantity", [])), ""))


def _cart_again(request: ShopRequest) -> HttpResponse:
    if request.htmx:
        return render(request, "shop/_cart_update.html", {"cart": selectors.cart(request.visitor)})
    return redirect("shop:cart")
