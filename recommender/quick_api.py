"""The API's answers that are ready: sent before sessions, policies and the REST framework are gone through.

It answers only what the full way would answer alike, from what is kept for this very shopper; everything
else, errors included, goes the full way, which keeps its answer for the next call. The same answer given
again is the same impression.
"""

from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import parse_qsl

from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user
from django.contrib.sessions.backends.cached_db import SessionStore
from django.core.cache import caches
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.functional import SimpleLazyObject

from recommender import caching, throttling
from recommender.models import Placement
from shop.visitors import read_browser_id, read_visitor

PATH = "/api/recommendations/"
MAX_K, DEFAULT_K = 100, 12
MAX_QUERY = 200  # characters; longer ones go the full way
PARAMETERS = frozenset({"placement", "k", "anchor"})
JSON = "application/json"
HEADERS = {
    "Allow": "GET, HEAD, OPTIONS",
    "Vary": "Cookie",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
Asked = tuple[str, int, tuple[int, ...]]  # placement, k, anchors


class QuickApiMiddleware:
    """Answers a call of the API from what is kept, before any other middleware but that of HTTPS."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info == PATH and request.method == "GET" and settings.LIST_CACHE_SECONDS:
            response = answer(request)
            if response is not None:
                return response
        return self.get_response(request)


def answer(request: HttpRequest) -> HttpResponse | None:
    """Return the kept answer as a new impression; None where there is none, or anything is out of the way."""
    asked = read_query(request.META.get("QUERY_STRING", ""))
    if asked is None or not _takes_json(request):
        return None
    browser_id = read_browser_id(request)
    if browser_id is None:
        return None
    request.get_host()  # raises DisallowedHost, as the full way would
    placement, k, anchor_ids = asked
    session_key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    user_id = _user_of(session_key) if session_key else None
    if session_key is None or user_id is None:
        return _by_visitor(request, asked=asked)
    place = caching.look_by_session(
        placement,
        browser_id=browser_id,
        user_id=user_id,
        session=_cached_session(session_key),
        anchor_ids=anchor_ids,
        k=k,
    )
    if place.found is None:
        return _by_visitor(request, asked=asked, by_session=place)
    return _served(place.found, caller=f"user:{user_id}")


def _by_visitor(
    request: HttpRequest, *, asked: Asked, by_session: caching.Place | None = None
) -> HttpResponse | None:
    """The kept answer for who calls, by the same reading as everywhere; kept for their session as well."""
    placement, k, anchor_ids = asked
    request.session = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    request.user = SimpleLazyObject(lambda: get_user(request))  # type: ignore[assignment]
    try:
        visitor = read_visitor(request)
    except DatabaseError:
        return None
    place = caching.look(placement, visitor=visitor, anchor_ids=anchor_ids, k=k, form=caching.BODY)
    if place.found is None:
        return None
    if visitor.user_id is None:
        return _served(place.found, caller=f"visitor:{visitor.id}")
    if by_session is not None:
        caching.keep(by_session, place.found, product_ids=place.product_ids)
    return _served(place.found, caller=f"user:{visitor.user_id}")


def _served(content: str, *, caller: str) -> HttpResponse:
    if not throttling.may_call(caller, known=True):
        return _too_many()
    return HttpResponse(content, content_type=JSON, headers=HEADERS)


@lru_cache(maxsize=50_000)
def _known_user_of(session_key: str) -> int:
    """Whose session it is; raises KeyError when it is nobody's, which is not remembered.

    A session's key changes when somebody logs in or out, so that it is never another's. Whether it still
    holds is not said here: what is kept lies under the session's own entry in Redis.
    """
    return int(SessionStore(session_key)[SESSION_KEY])


def _user_of(session_key: str) -> int | None:
    try:
        return _known_user_of(session_key)
    except (KeyError, ValueError, DatabaseError):
        return None


def _cached_session(session_key: str) -> str:
    """The key of the session in Redis, as Django's cache names it."""
    return caches["default"].make_key(SessionStore(session_key).cache_key)


@lru_cache(maxsize=4096)
def read_query(query: str) -> Asked | None:
    """Return what is asked; None for what the full way must look at, such as errors."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=3)
        values = dict(pairs)
        k, anchor = int(values.get("k", DEFAULT_K)), values.get("anchor")
        anchor_ids = (int(anchor),) if anchor is not None else ()
    except ValueError:
        return None
    placement = values.get("placement", Placement.HOME_FOR_YOU.value)
    known = placement in Placement.values and PARAMETERS.issuperset(values) and len(values) == len(pairs)
    if not known or not 1 <= k <= MAX_K or any(not 0 < anchor_id < 2**63 for anchor_id in anchor_ids):
        return None
    return placement, k, anchor_ids


def _takes_json(request: HttpRequest) -> bool:
    accepted = request.META.get("HTTP_ACCEPT", "*/*")
    return len(request.META.get("QUERY_STRING", "")) <= MAX_QUERY and ("*/*" in accepted or JSON in accepted)


def _too_many() -> HttpResponse:
    seconds = throttling.seconds_left()
    message = f"Request was throttled. Expected available in {seconds} seconds."
    return JsonResponse(
        {"detail": message}, status=HTTPStatus.TOO_MANY_REQUESTS, headers={**HEADERS, "Retry-After": seconds}
    )
