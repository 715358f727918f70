"""COPY of interactions."""

import re
import uuid
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from django.db import IntegrityError, connection, transaction

from recommender.bulk import copy_interactions
from recommender.models import Interaction

pytestmark = pytest.mark.django_db
MOMENT = datetime(2026, 3, 1, 10, tzinfo=UTC)


def batch(
    product: Any, *, ids: list[uuid.UUID], user_id: int | None = None, visitor: str | None = None
) -> pa.Table:
    count = len(ids)
    return pa.table(
        {
            "event_id": [event_id.hex for event_id in ids],
            "visitor_id": pa.array([visitor] * count, pa.string()),
            "user_id": pa.array([user_id] * count, pa.int64()),
            "product_id": [product.pk] * count,
            "kind": ["purchase"] * count,
            "value": pa.array([1.5] * count),
            "occurred_at": pa.array([MOMENT] * count, pa.timestamp("us", tz="UTC")),
        }
    )


def structure() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT indexdef FROM pg_indexes WHERE tablename = 'recommender_interaction'
            UNION ALL SELECT conname || pg_get_constraintdef(oid)
            FROM pg_constraint WHERE conrelid = 'recommender_interaction'::regclass
            """
        )
        # PostgreSQL writes the casts of a condition down differently each time it reads them.
        return {re.sub(r"::\w+( varying)?(\[\])?|[()]", "", row[0]) for row in cursor.fetchall()}


def test_new_events_are_counted_and_repeats_left_alone(alice: Any, make_product: Any) -> None:
    product, ids = make_product(), [uuid.uuid4() for _ in range(3)]

    assert copy_interactions([batch(product, ids=ids[:2], user_id=alice.pk)]) == 2
    assert copy_interactions([batch(product, ids=ids, user_id=alice.pk)]) == 1

    event = Interaction.objects.get(event_id=ids[0])
    assert (event.user, event.product, event.kind, event.value) == (alice, product, "purchase", 1.5)
    assert (event.occurred_at, event.placement, event.visitor_id) == (MOMENT, "", None)


def test_a_repeat_within_one_load_is_stored_once(alice: Any, make_product: Any) -> None:
    product, event_id = make_product(), uuid.uuid4()
    twice = batch(product, ids=[event_id, event_id], user_id=alice.pk)

    assert copy_interactions([twice, twice]) == 1


def test_no_batches_are_no_events() -> None:
    assert copy_interactions([]) == 0


def test_the_first_load_puts_indexes_and_foreign_keys_back(alice: Any, make_product: Any) -> None:
    before = structure()

    copy_interactions([batch(make_product(), ids=[uuid.uuid4()], user_id=alice.pk)])

    assert structure() == before
    assert sum("FOREIGN KEY" in part for part in before) == 2


def test_the_first_load_still_checks_the_foreign_keys(make_product: Any) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        copy_interactions([batch(make_product(), ids=[uuid.uuid4()], user_id=10**9)])

    assert not Interaction.objects.exists()


def test_a_guests_event_has_a_visitor_and_no_user(make_product: Any) -> None:
    visitor = uuid.uuid4()

    copy_interactions([batch(make_product(), ids=[uuid.uuid4()], visitor=str(visitor))])

    assert (Interaction.objects.get().visitor_id, Interaction.objects.get().user) == (visitor, None)
