"""Who is looking: a signed cookie gives every browser an id, known or not."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject
from django_htmx.middleware import HtmxDetails

from shop.models import Profile, User

COOKIE = "visitor"
PAUSE_COOKIE = "unpersonalised"  # of a browser that nobody is logged in on; an account has its profile
MAX_AGE_SECONDS = 400 * 24 * 3600  # the longest that browsers keep a cookie

# Every page of an account asks this; the ORM takes longer to build it than the database to answer.
_PROFILE = """
    SELECT region, birth_date, personalised,
        ARRAY(SELECT category_id FROM shop_profile_preferences WHERE profile_id = p.id ORDER BY category_id)
    FROM shop_profile p WHERE user_id = %s
"""


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """A browser and, once logged in, its account, with the facts that eligibility needs."""

    id: uuid.UUID
    user: User | None = None
    region: str = ""
    age: int | None = None
    preference_ids: tuple[int, ...] = field(default=())
    personalised: bool = True  # False: lists take no notice of who is looking

    @property
    def user_id(self) -> int | None:
        return self.user.pk if self.user else None


class ShopRequest(HttpRequest):
    """A request as the middleware leaves it; only types read this class."""

    visitor: Visitor
    htmx: HtmxDetails


class VisitorMiddleware:
    """Sets `request.visitor`, worked out when first read; only then is a new browser given its cookie."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        shopper = cast(ShopRequest, request)
        shopper.visitor = cast(Visitor, SimpleLazyObject(lambda: read_visitor(request)))
        response = self.get_response(request)
        if _browser_id_read(request) is not None:
            patch_vary_headers(response, ("Cookie",))
        new_id = request.META.get(_NEW_ID)
        if new_id is not None:
            _sign_cookie(response, COOKIE, value=str(new_id))
        return response


_ID = "shop.visitor_id"
_NEW_ID = "shop.new_visitor_id"


def read_visitor(request: HttpRequest) -> Visitor:
    """Return who sends this request; at most one query, and none for a guest."""
    browser_id = _browser_id_read(request) or read_browser_id(request) or forget_browser(request)
    request.META[_ID] = browser_id
    user = request.user
    if not isinstance(user, User):
        return Visitor(id=browser_id, region=settings.DEFAULT_REGION, personalised=not _is_paused(request))
    return visitor_of(user, browser_id=browser_id)


def visitor_of(user: User, *, browser_id: uuid.UUID) -> Visitor:
    """Return the account as it visits from a browser; one query."""
    with connection.cursor() as cursor:
        cursor.execute(_PROFILE, [user.pk])
        profile = cursor.fetchone()
    if profile is None:
        return Visitor(id=browser_id, user=user, region=settings.DEFAULT_REGION)
    region, birth_date, personalised, preference_ids = profile
    return Visitor(
        id=browser_id,
        user=user,
        region=region or settings.DEFAULT_REGION,
        age=Profile(birth_date=birth_date).age_on(timezone.localdate()),
        preference_ids=tuple(preference_ids),
        personalised=personalised,
    )


def forget_browser(request: HttpRequest) -> uuid.UUID:
    """Return the new id that the response will give to this browser, whatever its cookie says.

    After a log-out this keeps what one person does next from joining another's history.
    """
    new_id = uuid.uuid4()
    request.META[_ID] = request.META[_NEW_ID] = new_id
    return new_id


def personalise_browser(response: HttpResponse, *, personalised: bool) -> None:
    """Make the browser remember whether its guests are shown lists of their own, whoever logs in between."""
    if personalised:
        response.delete_cookie(PAUSE_COOKIE, samesite="Lax")
    else:
        _sign_cookie(response, PAUSE_COOKIE, value="yes")


def _is_paused(request: HttpRequest) -> bool:
    return bool(
        request.get_signed_cookie(PAUSE_COOKIE, default=None, salt=PAUSE_COOKIE, max_age=MAX_AGE_SECONDS)
    )


def _browser_id_read(request: HttpRequest) -> uuid.UUID | None:
    return request.META.get(_ID)


def read_browser_id(request: HttpRequest) -> uuid.UUID | None:
    """Return the id in the cookie; None when there is no cookie, or one that we did not sign."""
    value = request.get_signed_cookie(COOKIE, default=None, salt=COOKIE, max_age=MAX_AGE_SECONDS)
    return uuid.UUID(value) if value else None


def _sign_cookie(response: HttpResponse, name: str, *, value: str) -> None:
    response.set_signed_cookie(
        name,
        value,
        salt=name,
        max_age=MAX_AGE_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
