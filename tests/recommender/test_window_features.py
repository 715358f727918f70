"""The windows reach Feast when they rise and when they fall, and what was never pushed is just not known."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from recommender import counting, features, redis_door, window_features
from recommender.counting import Event
from recommender.feature_settings import project_name
from shop import embedded
from tests.recommender.redis_states import empty_redis, mend_redis

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy"),
]
NOON = datetime(2026, 3, 10, 12, 0, 7, tzinfo=UTC)


@pytest.fixture
def client() -> Any:
    features._state.quiet_until, features._state.outage_reported = 0.0, False
    client = redis.Redis.from_url(embedded.redis_url())
    for key in client.scan_iter(match=f"*{project_name()}"):
        client.delete(key)
    empty_redis()
    mend_redis()
    features.apply()
    features.open_store()
    yield redis_door.connect(reply_seconds=5)
    empty_redis()


def tell(client: redis.Redis, product: Any, user: Any, *, at: datetime, kind: str = "view") -> None:
    told = Event(
        event_id=uuid.uuid4(),
        kind=kind,
        product_id=product.pk,
        visitor_id=None,
        user_id=user.pk,
        occurred_at=at.timestamp(),
    )
    counting.count(client, [told], now=at)


def test_windows_are_pushed_when_they_rise_and_again_when_they_fall(
    client: redis.Redis, make_product: Any, alice: Any
) -> None:
    mug = make_product()
    tell(client, mug, alice, at=NOON)
    tell(client, mug, alice, at=NOON, kind="click")

    assert window_features.push_due(client, now=NOON) == 2
    assert window_features.push_due(client, now=NOON) == 0
    users = window_features.online_users([alice.pk, 999_999], now=NOON)
    products = window_features.online_products([mug.pk], now=NOON)

    assert users is not None
    assert products is not None
    assert (users[0]["views_5m"], users[0]["clicks_24h"], users[0]["categories_1h"]) == (
        1,
        1,
        [mug.category_id],
    )
    assert users[1] == {}
    assert (products[0]["views_5m"], products[0]["clicks_5m"], products[0]["velocity"]) == (1, 1, 12)

    after = NOON + timedelta(minutes=6)
    assert window_features.push_due(client, now=after) == 2
    products = window_features.online_products([mug.pk], now=after)
    assert products is not None
    assert (products[0]["views_5m"], products[0]["views_1h"], products[0]["velocity"]) == (0, 1, 0)
    assert products[0]["counted_at"] == after.timestamp()

    long_after = NOON + timedelta(hours=25)
    assert window_features.push_due(client, now=long_after) == 2
    assert client.zcard(f"{counting.prefix()}due") == 0


def test_windows_fall_although_nobody_pushes_any_more(
    client: redis.Redis, make_product: Any, alice: Any
) -> None:
    mug = make_product()
    tell(client, mug, alice, at=NOON)
    window_features.push_due(client, now=NOON)

    rows = window_features.online_products([mug.pk], now=NOON + timedelta(minutes=5))
    users = window_features.online_users([alice.pk], now=NOON + timedelta(hours=1))

    assert rows is not None
    assert users is not None
    assert (rows[0]["views_5m"], rows[0]["velocity"], rows[0]["views_1h"]) == (0, 0, 1)
    assert (users[0]["views_1h"], users[0]["categories_1h"], users[0]["views_24h"]) == (0, [], 1)


def test_an_event_during_a_push_is_pushed_next(
    client: redis.Redis, make_product: Any, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mug = make_product()
    tell(client, mug, alice, at=NOON)
    push = features.push

    def push_while_another_comes(source: str, columns: dict[str, Any]) -> bool:
        if source == "product_windows_source":
            tell(client, mug, alice, at=NOON)
        return push(source, columns)

    monkeypatch.setattr(features, "push", push_while_another_comes)
    window_features.push_due(client, now=NOON)
    monkeypatch.undo()

    assert window_features.push_due(client, now=NOON) == 2
    rows = window_features.online_products([mug.pk], now=NOON)
    assert rows is not None
    assert rows[0]["views_5m"] == 2


def test_what_could_not_be_pushed_stays_due(
    client: redis.Redis, make_product: Any, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(client, make_product(), alice, at=NOON)
    monkeypatch.setattr(features, "push", lambda source, columns: False)
    assert window_features.push_due(client, now=NOON) == 0
    monkeypatch.undo()
    assert window_features.push_due(client, now=NOON) == 2


def test_before_the_store_is_loaded_nothing_is_known_and_nothing_pushed(
    client: redis.Redis, make_product: Any, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(client, make_product(), alice, at=NOON)
    monkeypatch.setattr(features._state, "stores", {})
    assert window_features.online_products([1], now=NOON) is None
    assert window_features.online_users([1], now=NOON) is None
    assert window_features.push_due(client, now=NOON) == 0


def test_a_view_that_was_never_pushed_has_no_values(client: redis.Redis) -> None:
    assert window_features.online_products([1, 2], now=NOON) == [{}, {}]


def test_a_registry_without_the_definitions_is_no_outage(client: redis.Redis) -> None:
    assert features.online_rows("serving_nothing_v1", key="user_id", ids=[1]) == [{}]
    assert features.online_user_features([1]) == [{}]


def test_materialising_leaves_pushed_windows_alone(
    client: redis.Redis, make_product: Any, alice: Any
) -> None:
    mug = make_product()
    tell(client, mug, alice, at=NOON)
    window_features.push_due(client, now=NOON)
    features.materialize()
    rows = window_features.online_products([mug.pk], now=NOON)
    assert rows is not None
    assert rows[0]["views_5m"] == 1
