"""Who is looking: a signed cookie gives every browser an id, known or not."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from shop.models import User

COOKIE = "visitor"
MAX_AGE_SECONDS = 400 * 24 * 3600  # the longest that browsers keep a cookie


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """A browser and, once logged in, its account, with the facts that eligibility needs."""

    id: uuid.UUID
    user: User | None = None
    region: str = ""
    age: int | None = None
    preference_ids: tuple[int, ...] = field(default=())

    @property
    def user_id(self) -> int | None:
        return self.user.pk if self.user else None
