"""How many calls of the API one caller may make: counted in each web process, at no round trip."""

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

if TYPE_CHECKING:  # its views look this module up by its name when they are imported
    from rest_framework.views import APIView

MINUTE = 60


class _Minute:
    """The calls of the present minute, by caller."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._minute = 0

    def count(self, caller: str) -> int:
        """Return the number of the caller's calls in this minute, this one included."""
        minute = int(time.time()) // MINUTE
        with self._lock:
            if minute != self._minute:
                self._calls, self._minute = Counter(), minute
            self._calls[caller] += 1
            return self._calls[caller]

    def forget(self) -> None:
        """Start counting anew."""
        with self._lock:
            self._calls.clear()


calls = _Minute()


def may_call(caller: str, *, known: bool) -> bool:
    """Count a call, and return whether the caller is within the limit, which is half for a stranger."""
    limit = settings.API_REQUESTS_PER_MINUTE if known else settings.API_REQUESTS_PER_MINUTE // 2
    return calls.count(caller) <= limit


def seconds_left() -> int:
    """Return the seconds until everybody may call again."""
    return MINUTE - int(time.time()) % MINUTE


class PerMinute(BaseThrottle):
    """The limit as the REST framework asks for it: by account, and by address for guests."""

    def allow_request(self, request: Request, view: "APIView") -> bool:
        user_id = request.user.pk if request.user else None
        if user_id is not None:
            return may_call(f"user:{user_id}", known=True)
        return may_call(f"address:{self.get_ident(request)}", known=False)

    def wait(self) -> float:
        return float(seconds_left())
