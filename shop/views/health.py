"""Whether this process can serve: for load balancers and container health checks."""

from typing import cast

from django.core.cache import caches
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from shop.embedded.cache import RedisCache


def healthz(request: HttpRequest) -> JsonResponse:
    """Return 200 when the database and Redis answer, else 503 that names the one that does not."""
    answered = {"database": _database_answers(), "redis": _redis_answers()}
    problems = [name for name, fine in answered.items() if not fine]
    return JsonResponse({"ok": not problems, "failing": problems}, status=503 if problems else 200)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _redis_answers() -> bool:
    return cast(RedisCache, caches["default"]).answers()
