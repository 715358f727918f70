"""Accounts are found by their email, whatever its case."""

import pytest
from django.db import connection

from shop.models import User

pytestmark = pytest.mark.django_db


def test_the_case_of_the_email_does_not_matter() -> None:
    alice = User.objects.create_user("Alice@Example.com")
    assert User.objects.get_by_natural_key("aLICE@example.COM") == alice
    for stranger in ("alice@example.org", "", None):
        with pytest.raises(User.DoesNotExist):
            User.objects.get_by_natural_key(stranger)


def test_a_log_in_finds_its_account_by_an_index() -> None:
    User.objects.create_user("alice@example.com")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plans: list[str] = []

    def explained(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        with connection.connection.cursor() as cursor:
            plans.extend(line for (line,) in cursor.execute(f"EXPLAIN {sql}", params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explained):
        User.objects.get_by_natural_key("alice@example.com")
    assert "user_email_unique" in " ".join(plans)
