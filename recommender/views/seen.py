"""POST /api/seen/: which cards of which lists came into view, told by static/impressions.js."""

import json
import uuid
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from recommender import impressions
from recommender.recommendations import MAX_K
from shop.visitors import ShopRequest

MAX_BYTES = 16_384
MAX_LISTS = 50
EXAMPLE = '[{"impression": "6f0b3d1e-4a55-4c0e-9a3c-2f6f1c8f0a11", "positions": [0, 1]}]'


@csrf_exempt  # a beacon carries no token; the browser's own word on where it comes from stands in for it
@require_POST
def seen(request: HttpRequest) -> HttpResponse:
    """Return 204 once every list is passed on; 4xx, with nothing passed on, for what is not such a list."""
    if not _is_same_origin(request):
        return _refuse("Only pages of this shop may tell what was seen.", HTTPStatus.FORBIDDEN)
    if not _is_small(request):
        message = f"Send at most {MAX_BYTES} bytes at a time."
        return _refuse(message, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    try:
        told = read_told(request.body)
    except ValueError as error:
        return _refuse(f"{error} Send such as {EXAMPLE}.", HTTPStatus.BAD_REQUEST)
    visitor = cast(ShopRequest, request).visitor
    if visitor.personalised:
        for impression_id, positions in told.items():
            impressions.record_seen(impression_id, visitor=visitor, positions=sorted(positions))
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def read_told(body: bytes) -> dict[uuid.UUID, set[int]]:
    """Return the positions seen of each impression; raise ValueError, naming what is wrong."""
    try:
        entries = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError("This is not JSON.") from error
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_LISTS:
        raise ValueError(f"This is not a list of 1 to {MAX_LISTS} entries.")
    told: dict[uuid.UUID, set[int]] = {}
    for entry in entries:
        impression_id, positions = _read_entry(entry)
        told.setdefault(impression_id, set()).update(positions)
    return told


def _read_entry(entry: Any) -> tuple[uuid.UUID, list[int]]:
    try:
        impression_id, positions = uuid.UUID(entry["impression"]), entry["positions"]
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise ValueError("An entry is no object with an impression's UUID and positions.") from error
    if not isinstance(positions, list) or not all(
        type(position) is int and 0 <= position < MAX_K for position in positions
    ):
        raise ValueError(f"An entry's positions are not a list of whole numbers from 0 to {MAX_K - 1}.")
    return impression_id, positions


def _is_same_origin(request: HttpRequest) -> bool:
    """Return whether the browser says that a page of this shop sent this.

    Every browser of today sends Sec-Fetch-Site, which no page can forge; an older one sends Origin. The
    visitor's cookie is SameSite=Lax besides, so that another site's request belongs to nobody's lists.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin", "")
    return origin in settings.CSRF_TRUSTED_ORIGINS or urlsplit(origin).netloc == request.get_host()


def _is_small(request: HttpRequest) -> bool:
    try:
        return len(request.body) <= MAX_BYTES
    except RequestDataTooBig:  # than Django reads at all
        return False


def _refuse(message: str, status: HTTPStatus) -> JsonResponse:
    return JsonResponse({"detail": message}, status=status)
