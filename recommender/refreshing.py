"""Values that a process keeps and makes anew in the background, so that no request waits for them."""

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

from django.db import DatabaseError, connection, transaction

T = TypeVar("T")
logger = logging.getLogger(__name__)
_kept: "weakref.WeakSet[Refreshed]" = weakref.WeakSet()


class Refreshed(Generic[T]):
    """A value for every request of this process, made by `make`, which is given the value before.

    The first request makes it and the others of that moment wait. Once it is older than `seconds`, one thread
    makes it anew in the background, while all go on with the one they have; so does a failed attempt, which
    is logged. Inside a transaction it is made at once, on the transaction's own connection.
    """

    def __init__(self, make: Callable[[T | None], T], *, seconds: float, name: str) -> None:
        self._make, self._seconds, self._name = make, seconds, name
        self.forget()
        _kept.add(self)

    def get(self) -> T:
        """Return the value; raises what `make` raises only when there is no value yet."""
        value = self._value
        if value is not None and time.monotonic() < self._stale_at:
            return value
        if value is not None and not connection.in_atomic_block:
            self._renew_in_background()
            return value
        with self._lock:
            if self._value is None or time.monotonic() >= self._stale_at:
                self._renew()
            assert self._value is not None
            return self._value

    def forget(self) -> None:
        """Make the value anew for the next request, which waits for it."""
        self._lock = threading.RLock()
        self._value: T | None = None
        self._stale_at = 0.0
        self._renewing = False

    def after_fork(self) -> None:
        """Keep the value, but share no lock and await no thread of the parent."""
        self._lock, self._renewing = threading.RLock(), False

    def _renew(self) -> None:
        if connection.in_atomic_block:
            with transaction.atomic():  # a failed query must leave the caller's transaction usable
                self._value = self._make(self._value)
        else:
            self._value = self._make(self._value)
        self._stale_at = time.monotonic() + self._seconds

    def _renew_in_background(self) -> None:
        with self._lock:
            if self._renewing:
                return
            self._renewing = True
        threading.Thread(target=self._renew_quietly, name=f"refresh {self._name}", daemon=True).start()

    def _renew_quietly(self) -> None:
        try:
            self._renew()
        except (DatabaseError, OSError) as error:
            logger.warning("%s could not be read again; the one before serves on: %s", self._name, error)
            self._stale_at = time.monotonic() + self._seconds
        finally:
            self._renewing = False
            connection.close()  # of this thread, which ends here


def forget_everything() -> None:
    """Make every kept value anew for its next request; for what changes behind the program's back."""
    for value in list(_kept):
        value.forget()


def _after_fork() -> None:
    for value in list(_kept):
        value.after_fork()


os.register_at_fork(after_in_child=_after_fork)
