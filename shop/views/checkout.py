"""Checkout: an address, a last look at the prices, and the order."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from shop.forms import CheckoutForm
from shop.selectors import carts, orders
from shop.services.checkout import CheckoutRefused, Delivery, lines_seen, place_order
from shop.visitors import ShopRequest


@login_required
@sensitive_post_parameters("name", "address")
@require_http_methods(["GET", "HEAD", "POST"])
def checkout(request: ShopRequest) -> HttpResponse:
    if request.method != "POST":
        return _show(request, CheckoutForm(initial=_known_address(request)))
    form = CheckoutForm(request.POST)
    if not form.is_valid():
        return _show(request, form)
    given = form.cleaned_data
    try:
        order = place_order(
            request.visitor,
            number=given["number"],
            delivery=Delivery(name=given["name"], address=given["address"], region=given["region"]),
            seen=given["seen"],
        )
    except CheckoutRefused as error:
        return _show(request, form, problems=error.problems)
    messages.success(request, "Thank you. Your order is placed.")
    return redirect(order)


def _show(request: ShopRequest, form: CheckoutForm, *, problems: tuple[str, ...] = ()) -> HttpResponse:
    """Show the form beside the cart as it is now; its hidden fields are made anew for what is shown."""
    cart = carts.cart(request.visitor)
    if not cart.lines:
        messages.info(request, "Your cart is empty: there is nothing to order.")
        return redirect("shop:cart")
    number = str(form.data.get("number", "")) if "number" not in form.errors else ""
    context = {
        "form": form,
        "cart": cart,
        "problems": problems or [line.problem for line in cart.lines if line.problem],  # type: ignore[attr-defined]
        "number": number or uuid.uuid4(),
        "seen": lines_seen(cart.lines),
    }
    return render(request, "shop/checkout.html", context, status=409 if problems else 200)


def _known_address(request: ShopRequest) -> dict[str, str]:
    assert request.visitor.user is not None
    last = orders.last_order_of(request.visitor.user)
    if last is None:
        return {"name": request.visitor.user.name, "region": request.visitor.region}
    return {"name": last.ship_to_name, "address": last.ship_to_address, "region": last.ship_to_region}
