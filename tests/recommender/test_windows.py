"""Counts of the last minutes rise with real events and fall with the clock, each event once."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import redis

from recommender import counting, windows
from recommender.counting import Event
from shop.visitors import Visitor
from tests.recommender.redis_states import break_redis, empty_redis, mend_redis

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 10, 12, 0, 7, tzinfo=UTC)


@pytest.fixture
def client() -> Any:
    from recommender import redis_door

    empty_redis()
    yield redis_door.connect(reply_seconds=5)
    mend_redis()


def event(product: Any, *, at: datetime = NOON, kind: str = "view", **actor: Any) -> Event:
    who = actor or {"user_id": 7}
    return Event(
        event_id=uuid.uuid4(),
        kind=kind,
        product_id=product.pk,
        visitor_id=who.get("visitor_id"),
        user_id=who.get("user_id"),
        occurred_at=at.timestamp(),
    )


def views(product: Any, *, now: datetime) -> list[int]:
    found = windows.of_products([product.pk], now=now)
    assert found is not None
    return found.views[0].tolist()


def later(**time: float) -> datetime:
    return NOON + timedelta(**time)


def test_the_windows_rise_with_events_and_fall_with_the_clock(client: redis.Redis, make_product: Any) -> None:
    mug = make_product()
    assert views(mug, now=NOON) == [0, 0, 0]
    counting.count(client, [event(mug)], now=NOON)
    counting.count(client, [event(mug, at=later(minutes=3))], now=later(minutes=3))
    assert views(mug, now=later(minutes=3)) == [2, 2, 2]
    assert views(mug, now=later(minutes=4, seconds=45)) == [2, 2, 2]
    assert views(mug, now=later(minutes=5, seconds=1)) == [1, 2, 2]
    assert views(mug, now=later(minutes=8, seconds=1)) == [0, 2, 2]
    assert views(mug, now=later(minutes=58)) == [0, 2, 2]
    assert views(mug, now=later(minutes=61)) == [0, 1, 2]
    assert views(mug, now=later(hours=23, minutes=40)) == [0, 0, 2]
    assert views(mug, now=later(hours=24, minutes=4)) == [0, 0, 0]


def test_coarse_records_of_the_past_keep_their_counts(client: redis.Redis, make_product: Any) -> None:
    mugs = [make_product(category=f"Home > Room {number}") for number in range(2)]
    # 200 views, one each 20 seconds, that is 66 minutes in which no two records are alike.
    events = [event(mugs[n % 2], at=NOON + timedelta(seconds=20 * n)) for n in range(200)]
    for one in events:
        moment = datetime.fromtimestamp(one.occurred_at, tz=UTC)
        counting.count(client, [one], now=moment)
    now = later(seconds=20 * 199)
    shopper = windows.of_users([7], now=now)
    assert shopper is not None
    assert shopper.views[0, 2] == 200
    assert shopper.views[0, 0] == 15  # one each 20 seconds of 300
    assert abs(shopper.views[0, 1] - 180) <= 3  # of 3600, to the minute
    assert len(client.get(f"{counting.prefix()}of:user:7")) < 200 * 16  # type: ignore[arg-type]


def test_an_event_that_comes_again_is_counted_once(client: redis.Redis, make_product: Any) -> None:
    mug = make_product()
    told = event(mug)
    assert counting.count(client, [told, told], now=NOON) == 1
    assert counting.count(client, [told], now=later(hours=20)) == 0
    assert views(mug, now=NOON) == [1, 1, 1]


def test_clicks_and_views_are_counted_apart_and_other_kinds_not(
    client: redis.Redis, make_product: Any
) -> None:
    mug = make_product()
    kinds = ["view", "view", "click", "purchase", "dislike"]
    assert counting.count(client, [event(mug, kind=kind) for kind in kinds], now=NOON) == 5
    found = windows.of_products([mug.pk], now=NOON)
    assert found is not None
    assert (found.views[0, 0], found.clicks[0, 0]) == (2, 1)


def test_velocity_is_one_while_steady_and_twelve_when_all_came_now(
    client: redis.Redis, make_product: Any
) -> None:
    steady, sudden, never = make_product(), make_product(), make_product()
    old = [event(steady, at=NOON - timedelta(minutes=5 * n, seconds=20)) for n in range(12)]
    counting.count(client, [*old, event(sudden), event(sudden)], now=NOON)
    found = windows.of_products([steady.pk, sudden.pk, never.pk], now=NOON)
    assert found is not None
    assert found.velocity.tolist() == [1, 12, 0]


def test_rows_keep_the_order_of_the_ids_and_unknown_ones_are_zero(
    client: redis.Redis, make_product: Any
) -> None:
    mug, pan = make_product(), make_product()
    counting.count(client, [event(mug), event(mug), event(pan)], now=NOON)
    found = windows.of_products(np.array([pan.pk, 999_999, mug.pk]), now=NOON)
    assert found is not None
    assert found.views[:, 0].tolist() == [1, 0, 2]
    empty = windows.of_products([], now=NOON)
    assert empty is not None
    assert empty.views.shape == (0, 3)


def test_a_shoppers_top_categories_follow_the_window(client: redis.Redis, make_product: Any) -> None:
    mug, toy = make_product(category="Home"), make_product(category="Toys")
    old = [event(mug, at=NOON - timedelta(minutes=20)) for _ in range(3)]
    counting.count(client, [*old, event(toy)], now=NOON)
    found = windows.of_users([7, 8], now=NOON)
    assert found is not None
    both = (mug.category_id, toy.category_id)
    assert found.top_categories == [((toy.category_id,), both, both), ((), (), ())]


def test_a_guests_windows_are_their_browsers(client: redis.Redis, make_product: Any) -> None:
    mug, browser = make_product(), uuid.uuid4()
    counting.count(client, [event(mug, visitor_id=browser)], now=NOON)
    mine = windows.of_visitor(Visitor(id=browser), now=NOON)
    other = windows.of_visitor(Visitor(id=uuid.uuid4()), now=NOON)
    assert mine is not None
    assert other is not None
    assert (mine.views[0, 0], other.views[0, 0]) == (1, 0)


def test_logging_in_takes_the_guests_windows_along_once(
    client: redis.Redis, make_product: Any, alice: Any
) -> None:
    mug, browser = make_product(), uuid.uuid4()
    counting.count(client, [event(mug, visitor_id=browser), event(mug, user_id=alice.pk)], now=NOON)
    for _ in range(2):
        counting.join_guest(client, visitor_id=browser, user_id=alice.pk, now=NOON)
    member, guest = Visitor(id=browser, user=alice), Visitor(id=browser)
    found = [windows.of_visitor(visitor, now=NOON) for visitor in (member, guest)]
    assert [each.views[0, 0] for each in found if each] == [2, 0]
    assert windows.seen_without_click(member, [mug.pk]).tolist() == [0]


@pytest.mark.parametrize("away", [timedelta(hours=-24, seconds=-1), timedelta(hours=2), timedelta(days=400)])
def test_events_of_another_day_change_nothing(
    client: redis.Redis, make_product: Any, away: timedelta
) -> None:
    mug = make_product()
    assert counting.count(client, [event(mug, at=NOON + away)], now=NOON) == 0
    assert views(mug, now=NOON) == [0, 0, 0]


def test_an_event_from_a_clock_that_is_ahead_counts_when_its_time_has_come(
    client: redis.Redis, make_product: Any
) -> None:
    mug, ahead = make_product(), event(make_product(), at=later(minutes=2))
    assert counting.count(client, [ahead, event(mug)], now=NOON) == 2
    found = [windows.of_products([ahead.product_id], now=later(minutes=minutes)) for minutes in (0, 2, 8)]
    assert [each.views[0, 0] for each in found if each] == [0, 1, 0]


def test_events_of_deleted_products_are_left_out(client: redis.Redis, make_product: Any) -> None:
    mug = make_product()
    told = event(mug)
    mug.delete()
    assert counting.count(client, [told], now=NOON) == 0


def test_a_shopper_with_twenty_thousand_events_stays_small(client: redis.Redis, make_product: Any) -> None:
    mugs = [make_product(category=f"Room {number}") for number in range(4)]
    for start in range(0, 20_000, 500):
        moment = NOON + timedelta(seconds=4 * start)
        events = [event(mugs[n % 4], at=moment + timedelta(seconds=4 * n)) for n in range(500)]
        counting.count(client, events, now=moment + timedelta(seconds=2000))
    size = len(client.get(f"{counting.prefix()}of:user:7"))  # type: ignore[arg-type]
    assert size < 64_000
    found = windows.of_users([7], now=NOON + timedelta(seconds=80_000))
    assert found is not None
    assert found.views[0, 2] == 20_000


def test_every_key_expires(client: redis.Redis, make_product: Any) -> None:
    mug, browser = make_product(), Visitor(id=uuid.uuid4())
    counting.count(client, [event(mug), event(mug, visitor_id=browser.id)], now=NOON)
    keys = {key.decode().removeprefix(counting.prefix()) for key in client.scan_iter(f"{counting.prefix()}*")}
    left = {name for name in keys if client.ttl(counting.prefix() + name) < 0}
    assert left == {"due", "newest"}  # one of each: what is due leaves when its windows are empty


def test_seen_counts_rise_until_the_product_is_followed(
    client: redis.Redis, make_product: Any, alice: Any
) -> None:
    mug, pan = make_product(), make_product()
    member = Visitor(id=uuid.uuid4(), user=alice)
    now = datetime.now(tz=UTC)

    def see(impression: uuid.UUID, positions: list[int]) -> None:
        counting.count_seen(
            client,
            impression,
            actor_name=f"user:{alice.pk}",
            served_at=now,
            product_ids=[mug.pk, pan.pk],
            positions=positions,
        )

    first = uuid.uuid4()
    see(first, [0])
    see(first, [0, 1])  # the browser told of the first again
    see(uuid.uuid4(), [0])
    assert windows.seen_without_click(member, [pan.pk, mug.pk, 999]).tolist() == [1, 2, 0]
    counting.count(client, [event(mug, kind="click", at=now, user_id=alice.pk)], now=now)
    see(uuid.uuid4(), [0, 1])
    assert windows.seen_without_click(member, [pan.pk, mug.pk]).tolist() == [2, 0]
    assert windows.seen_without_click(Visitor(id=member.id), [pan.pk]).tolist() == [0]


def test_a_shopper_can_be_forgotten(client: redis.Redis, make_product: Any, alice: Any) -> None:
    mug, member = make_product(), Visitor(id=uuid.uuid4(), user=alice)
    counting.count(client, [event(mug, user_id=alice.pk), event(mug, visitor_id=member.id)], now=NOON)
    windows.forget(member)
    found = [windows.of_visitor(visitor, now=NOON) for visitor in (member, Visitor(id=member.id))]
    assert [each.views.sum() for each in found if each] == [0, 0]
    assert views(mug, now=NOON) == [2, 2, 2]


def test_while_redis_is_away_nothing_is_known(client: redis.Redis, make_product: Any) -> None:
    break_redis()
    assert windows.of_products([1], now=NOON) is None
    assert windows.of_users([1], now=NOON) is None
    assert windows.seen_without_click(Visitor(id=uuid.uuid4()), [1, 2]).tolist() == [0, 0]
    windows.forget(Visitor(id=uuid.uuid4()))
