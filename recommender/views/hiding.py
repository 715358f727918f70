"""Not interested: a recommended product is hidden at once, and comes back when asked."""

import uuid
from typing import cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from recommender import interactions
from recommender.interactions import Kind, interactions_of
from recommender.views.returning import way_back
from shop.models import Product
from shop.selectors.catalogue import listed_product
from shop.views.provenance import read_provenance
from shop.visitors import ShopRequest


@require_POST
def hide(request: HttpRequest) -> HttpResponse:
    """Keep a product from the visitor's lists; answer with a way to undo it."""
    shopper = cast(ShopRequest, request)
    product = _product(request.POST.get("product", ""))
    if not shopper.visitor.personalised:
        return _explain_pause(shopper)
    origin = read_provenance(request.POST)
    event_id = interactions.record_dislike(
        product.pk,
        visitor=shopper.visitor,
        placement=origin.placement,
        impression_id=origin.impression_id,
    )
    if shopper.htmx:
        context = {"product": product, "event_id": event_id, "next": way_back(request)}
        return render(request, "recommender/_hidden.html", context)
    page = reverse("recommender:hidden", args=[event_id])
    return redirect(f"{page}?{urlencode({'next': way_back(request)})}")


@require_safe
def hidden(request: HttpRequest, event_id: uuid.UUID) -> HttpResponse:
    """Show what was hidden, with a way to undo it; for browsers without scripts."""
    mine = interactions_of(cast(ShopRequest, request).visitor)
    event = mine.filter(event_id=event_id, kind=Kind.DISLIKE).select_related("product").first()
    if event is None:
        raise Http404("You hid no such product, or it is shown again.")
    context = {"product": event.product, "event_id": event_id, "next": way_back(request)}
    return render(request, "recommender/hidden.html", context)


@require_POST
def unhide(request: HttpRequest, event_id: uuid.UUID) -> HttpResponse:
    """Take a Not interested back; asking twice changes nothing more."""
    shopper = cast(ShopRequest, request)
    interactions.withdraw(event_id, visitor=shopper.visitor)
    if shopper.htmx:
        return HttpResponse()  # the browser removes the note, and the card under it is back
    messages.success(request, "It may be shown to you again.")
    return redirect(way_back(request))


def _product(given: str) -> Product:
    """Return the product that the form names; raise Http404 for anything else."""
    is_number = given.isascii() and given.isdigit() and len(given) < 19
    product = listed_product(int(given)) if is_number else None
    if product is None:
        raise Http404("There is no such product.")
    return product


def _explain_pause(request: ShopRequest) -> HttpResponse:
    messages.info(request, "Personalisation is paused, so nothing is written down. Resume it to hide things.")
    page = reverse("recommender:your_data")
    return HttpResponseClientRedirect(page) if request.htmx else redirect(page)
