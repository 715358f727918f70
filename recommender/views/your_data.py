"""Your data: what the shop knows of whoever looks, and the ways to take it along, delete it, or pause."""

import uuid
from typing import cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from recommender import your_data
from recommender.models import Interaction
from shop.visitors import ShopRequest, personalise_browser

PAGE_SIZE = 25
PAGE = "recommender:your_data"
Kind = Interaction.Kind
DONE = {
    Kind.VIEW: "Looked at",
    Kind.CLICK: "Followed a suggestion to",
    Kind.CART_ADD: "Put in the cart",
    Kind.CART_REMOVE: "Took out of the cart",
    Kind.PURCHASE: "Bought",
    Kind.RATING: "Rated",
    Kind.DISLIKE: "Not interested in",
}


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show what is known, the events page by page."""
    visitor = cast(ShopRequest, request).visitor
    listing = Paginator(your_data.events_of(visitor), PAGE_SIZE)
    page = listing.get_page(request.GET.get("page"))
    context = {
        "page": page,
        "page_range": listing.get_elided_page_range(page.number, on_each_side=1, on_ends=1),
        "rows": [(DONE[Kind(event.kind)], event) for event in page],
        "holdings": your_data.holdings(visitor),
        "profile": your_data.profile_of(visitor.user) if visitor.user else None,
        "visitor": visitor,
    }
    return render(request, "recommender/your_data.html", context)


@require_safe
def export(request: HttpRequest) -> StreamingHttpResponse:
    """Send all of it as one JSON file, written while it is read."""
    visitor = cast(ShopRequest, request).visitor
    day = timezone.localdate().isoformat()
    return StreamingHttpResponse(
        your_data.export(visitor),
        content_type="application/json",
        headers={
            "Content-Disposition": f'attachment; filename="your-data-{day}.json"',
            "Cache-Control": "no-store, private",
        },
    )


@require_POST
def personalise(request: HttpRequest) -> HttpResponse:
    """Pause personalisation, or resume it, for the account or, for a guest, for this browser."""
    visitor = cast(ShopRequest, request).visitor
    on = request.POST.get("on") == "1"
    response = redirect(PAGE)
    your_data.personalise(visitor, on=on)
    if visitor.user is None:
        personalise_browser(response, personalised=on)
    messages.success(request, "Personalisation is on." if on else "Personalisation is paused.")
    return response


@require_POST
def delete_event(request: HttpRequest, event_id: uuid.UUID) -> HttpResponse:
    """Delete one event; one that is gone already is no trouble."""
    your_data.delete_event(event_id, visitor=cast(ShopRequest, request).visitor)
    messages.success(request, "Deleted. It shapes nothing any more.")
    back = request.POST.get("page", "")
    return redirect(f"{reverse(PAGE)}?page={back}" if back.isdigit() else PAGE)


@require_http_methods(["GET", "HEAD", "POST"])
def delete_all(request: HttpRequest) -> HttpResponse:
    """Ask once, then delete all that was gathered."""
    visitor = cast(ShopRequest, request).visitor
    if request.method != "POST":
        context = {"holdings": your_data.holdings(visitor), "events": your_data.events_of(visitor).count()}
        return render(request, "recommender/delete_data.html", {**context, "visitor": visitor})
    try:
        count = your_data.delete_all(visitor)
    except your_data.StoreAway as error:
        messages.error(request, str(error))
    else:
        things = "event" if count == 1 else "events"
        messages.success(request, f"Deleted: {count} {things}, and all that was worked out from them.")
    return redirect(PAGE)
