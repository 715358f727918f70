"""What pages tell has its effect once: whoever dies in between, whatever is away for a while."""

import contextlib
import json
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
import redis
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from recommender import consumer, counting, impressions, interactions, redis_door, streams, windows
from recommender.consumer import Consumer
from recommender.interactions import record_interaction
from recommender.models import Impression, Interaction
from shop.visitors import Visitor
from tests.recommender.redis_states import NOBODY, break_redis, empty_redis, mend_redis

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def client(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    settings.BUFFER_IMPRESSIONS = True
    monkeypatch.setattr(streams._fullness, "full_until", 0.0)
    empty_redis()
    mend_redis()
    client = redis_door.connect(reply_seconds=5)
    streams.prepare(client)
    yield client
    mend_redis()
    empty_redis()


def guest() -> Visitor:
    return Visitor(id=uuid.uuid4())


def view(product: Any, visitor: Visitor | None = None, kind: str = "view") -> uuid.UUID:
    event_id = uuid.uuid4()
    record_interaction(event_id=event_id, visitor=visitor or guest(), product_id=product.pk, kind=kind)
    return event_id


def views(product: Any) -> int:
    found = windows.of_products([product.pk], now=timezone.now())
    assert found is not None
    return int(found.views[0, 0])


def turn() -> Consumer:
    one = Consumer()
    one.turn(block_seconds=0.01)
    return one


def serve(visitor: Visitor, *products: Any, **fields: Any) -> uuid.UUID:
    ids = [product.pk for product in products]
    given = {"source": "trending", "version_id": None, **fields}
    return impressions.record_served("home_for_you", visitor=visitor, product_ids=ids, **given)


# Interactions


def test_a_view_is_counted_and_leaves_the_stream(client: redis.Redis, make_product: Any) -> None:
    mug = make_product()
    view(mug)
    assert streams.status().num_waiting["interactions"] == 1
    turn()
    assert views(mug) == 1
    assert streams.status().num_waiting["interactions"] == 0


def test_an_event_told_twice_enters_the_stream_once(client: redis.Redis, make_product: Any) -> None:
    mug, visitor, event_id = make_product(), guest(), uuid.uuid4()
    for _ in range(2):
        record_interaction(event_id=event_id, visitor=visitor, product_id=mug.pk, kind="view")
    assert streams.status().num_waiting["interactions"] == 1


def test_a_consumer_killed_between_effect_and_acknowledgement_counts_once(
    client: redis.Redis, make_product: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mug, visitor = make_product(), guest()
    view(mug)
    impression_id = serve(visitor, mug)
    killed = streams.read(client, consumer="killed", num=10, block_seconds=0.01)
    assert len(consumer.handle(client, killed, now=timezone.now())) == 2  # and no acknowledgement
    assert views(mug) == 1

    monkeypatch.setattr(consumer, "CLAIM_SECONDS", 0.0)
    turn()

    assert views(mug) == 1
    assert Impression.objects.get().pk == impression_id
    assert set(streams.status().num_waiting.values()) == {0}


def test_a_consumer_killed_before_the_effect_loses_nothing(
    client: redis.Redis, make_product: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mug = make_product()
    view(mug)
    serve(guest(), mug)
    streams.read(client, consumer="killed", num=10, block_seconds=0.01)
    monkeypatch.setattr(consumer, "replay", lambda client, now: iter(()))
    turn()
    assert views(mug) == 0  # still the other's
    monkeypatch.setattr(consumer, "CLAIM_SECONDS", 0.0)
    turn()
    assert views(mug) == 1
    assert Impression.objects.count() == 1


def test_what_happened_while_redis_was_away_is_counted_from_the_database(
    client: redis.Redis, make_product: Any
) -> None:
    mug = make_product()
    view(mug)
    break_redis()
    view(mug)
    mend_redis()
    turn()
    assert views(mug) == 2
    turn()
    assert views(mug) == 2


def test_a_redis_that_lost_its_data_is_filled_again(client: redis.Redis, make_product: Any) -> None:
    mug = make_product()
    view(mug)
    running = turn()
    empty_redis()
    with pytest.raises(redis.ResponseError, match="NOGROUP"):
        running.turn(block_seconds=0.01)
    assert views(mug) == 0
    turn()
    assert views(mug) == 1


def test_the_replay_goes_on_where_it_ended(client: redis.Redis, make_product: Any, monkeypatch: Any) -> None:
    mug = make_product()
    monkeypatch.setattr(consumer, "REPLAYED_AT_ONCE", 2)
    monkeypatch.setattr(consumer, "OVERLAP", 1)
    for _ in range(5):
        view(mug)
    assert list(consumer.replay(client, now=timezone.now())) == [2, 2, 1]
    assert list(consumer.replay(client, now=timezone.now())) == [1]  # the overlap
    assert views(mug) == 5


def test_imports_and_older_events_stay_out_of_the_windows(
    client: redis.Redis, make_product: Any, alice: Any
) -> None:
    mug, now = make_product(), timezone.now()
    Interaction.objects.create(user=alice, product=mug, kind="view", occurred_at=now)
    old = now - timedelta(hours=25)
    Interaction.objects.create(visitor_id=uuid.uuid4(), product=mug, kind="view", occurred_at=old)
    turn()
    assert views(mug) == 0


def test_what_a_guest_did_is_the_accounts_after_the_log_in(
    client: redis.Redis, make_product: Any, alice: Any
) -> None:
    mug, browser = make_product(), guest()
    member = Visitor(id=browser.id, user=alice)
    view(mug, browser)
    interactions.join_guest_history(member)
    view(mug, member)
    turn()
    found = windows.of_visitor(member, now=timezone.now())
    assert found is not None
    assert found.views[0].tolist() == [2, 2, 2]


def test_an_entry_that_cannot_be_read_holds_up_nothing(client: redis.Redis, make_product: Any) -> None:
    mug = make_product()
    client.xadd(streams._key("interactions"), {"j": "{broken"})
    client.xadd(streams._key("interactions"), {"j": '{"id": "no id"}'})
    client.xadd(streams._key("impressions"), {"other": "1"})
    streams.add_impression(json.dumps({"id": "no id", "visitor_id": "no id", "positions": ["first"]}))
    client.xadd(streams._key("interactions"), {"j": '{"joins": null, "visitor": "nobody"}'})
    view(mug)
    turn()
    assert views(mug) == 1
    assert set(streams.status().num_waiting.values()) == {0}


def test_a_full_stream_of_interactions_drops_the_oldest_and_the_database_has_them(
    client: redis.Redis, make_product: Any, monkeypatch: Any
) -> None:
    mug = make_product()
    monkeypatch.setattr(streams, "MAX_INTERACTIONS", 1)
    for _ in range(300):
        view(mug)
    assert streams.status().num_waiting["interactions"] < 300
    one = turn()
    one.turn(block_seconds=0.01)
    assert views(mug) == 300


# Impressions


def test_an_impression_waits_in_redis_and_is_then_saved_whole(
    client: redis.Redis, make_product: Any, alice: Any, django_assert_num_queries: Any
) -> None:
    import numpy as np

    from recommender.candidates import Reason

    mug, pan = make_product(), make_product()
    member = Visitor(id=uuid.uuid4(), user=alice)
    values = np.array([[1.5, float("nan")], [2.0, 3.0]], dtype=np.float32)
    with django_assert_num_queries(0):
        impression_id = serve(
            member,
            mug,
            pan,
            sources=["trending", "newest"],
            reasons=[Reason(kind="popular"), None],
            features={"names": ["price", "velocity"], "values": values},
        )
    assert not Impression.objects.exists()
    before = timezone.now()
    turn()
    row = Impression.objects.get()
    assert (row.pk, row.visitor_id, row.user, row.product_ids) == (
        impression_id,
        member.id,
        alice,
        [mug.pk, pan.pk],
    )
    assert (row.source, row.sources) == ("trending", ["trending", "newest"])
    assert row.reasons == [{"kind": "popular"}, None]
    assert row.features == {"names": ["price", "velocity"], "values": [[1.5, None], [2.0, 3.0]]}
    assert row.created_at < before  # when it was shown, not when it was saved
    assert (row.seen_positions, row.seen_at) == ([], None)


def test_without_redis_the_page_saves_its_own(make_product: Any) -> None:
    break_redis()
    impression_id = serve(guest(), make_product())
    assert Impression.objects.get().pk == impression_id


def test_a_full_stream_is_refused_and_nothing_is_lost(make_product: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(streams, "MAX_IMPRESSIONS", 2)
    mug = make_product()
    served = {serve(guest(), mug) for _ in range(5)}
    assert Impression.objects.count() == 2
    turn()
    assert set(Impression.objects.values_list("pk", flat=True)) == served


def test_a_click_before_the_impression_is_saved_joins_it_later(make_product: Any) -> None:
    mug, visitor = make_product(), guest()
    impression_id = serve(visitor, mug)
    record_interaction(
        event_id=uuid.uuid4(),
        visitor=visitor,
        product_id=mug.pk,
        kind="click",
        impression_id=impression_id,
    )
    turn()
    assert Impression.objects.filter(pk=Interaction.objects.get().impression_id).exists()


def test_impressions_of_what_was_deleted_meanwhile_hold_up_no_other(make_product: Any, alice: Any) -> None:
    mug, anchor = make_product(), make_product()
    serve(Visitor(id=uuid.uuid4(), user=alice), mug)
    serve(guest(), mug, anchor_id=anchor.pk)
    kept = serve(guest(), mug, version_id=999, ranker_id=999)
    alice.delete()
    anchor.delete()
    turn()
    row = Impression.objects.get()
    assert (row.pk, row.version_id, row.ranker_id) == (kept, None, None)


def test_one_that_the_database_refuses_holds_up_no_other(make_product: Any) -> None:
    mug = make_product()
    kept = serve(guest(), mug)
    streams.add_impression(json.dumps({"id": uuid.uuid4().hex, "product_ids": ["no number"], "at": 1.0}))
    turn()
    assert Impression.objects.get().pk == kept
    assert streams.status().num_waiting["impressions"] == 0


# What was seen


@pytest.mark.parametrize("buffered", [True, False])
def test_seen_positions_are_a_union_of_those_the_list_has(
    make_product: Any, settings: Any, buffered: bool
) -> None:
    settings.BUFFER_IMPRESSIONS = buffered
    visitor, mugs = guest(), [make_product() for _ in range(3)]
    impression_id = serve(visitor, *mugs)
    for positions in ([2, 0], [0], [2, 7, -1, 99_999], []):
        impressions.record_seen(impression_id, visitor=visitor, positions=positions)
    turn()
    row = Impression.objects.get()
    assert row.seen_positions == [0, 2]
    first_seen = row.seen_at
    assert first_seen is not None
    impressions.record_seen(impression_id, visitor=visitor, positions=[1])
    turn()
    row.refresh_from_db()
    assert (row.seen_positions, row.seen_at) == ([0, 1, 2], first_seen)


@pytest.mark.parametrize("buffered", [True, False])
def test_another_browser_cannot_tell_what_was_seen(make_product: Any, settings: Any, buffered: bool) -> None:
    settings.BUFFER_IMPRESSIONS = buffered
    impression_id = serve(guest(), make_product())
    impressions.record_seen(impression_id, visitor=guest(), positions=[0])
    impressions.record_seen(uuid.uuid4(), visitor=guest(), positions=[0])
    turn()
    assert Impression.objects.get().seen_positions == []


def test_what_was_seen_waits_for_its_list_and_not_for_ever(
    client: redis.Redis, make_product: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(consumer, "CLAIM_SECONDS", 0.0)
    visitor, mug = guest(), make_product()
    impression_id = serve(visitor, mug)
    held = streams.read(client, consumer="slow", num=1, block_seconds=0.01)
    impressions.record_seen(impression_id, visitor=visitor, positions=[0])
    impressions.record_seen(uuid.uuid4(), visitor=visitor, positions=[0])
    told = streams.read(client, consumer="fast", num=9, block_seconds=0.01)
    assert consumer.handle(client, told, now=timezone.now()) == []
    consumer.handle(client, held, now=timezone.now())
    turn()
    assert Impression.objects.get().seen_positions == [0]
    assert streams.status().num_waiting["impressions"] == 1
    monkeypatch.setattr(consumer, "LIST_PATIENCE_SECONDS", 0.0)
    turn()
    assert streams.status().num_waiting["impressions"] == 0


def test_what_is_seen_often_and_never_followed_is_known(client: redis.Redis, make_product: Any) -> None:
    visitor, mug, pan = guest(), make_product(), make_product()
    for _ in range(3):
        impressions.record_seen(serve(visitor, mug, pan), visitor=visitor, positions=[0, 1])
        turn()
    assert windows.seen_without_click(visitor, [mug.pk, pan.pk]).tolist() == [3, 3]
    view(pan, visitor, kind="click")
    turn()
    assert windows.seen_without_click(visitor, [mug.pk, pan.pk]).tolist() == [3, 0]


def test_old_impressions_are_deleted(make_product: Any, settings: Any) -> None:
    settings.BUFFER_IMPRESSIONS, settings.IMPRESSION_DAYS = False, 30
    kept, _ = serve(guest(), make_product()), serve(guest(), make_product())
    Impression.objects.exclude(pk=kept).update(created_at=timezone.now() - timedelta(days=31))
    assert impressions.purge() == 1
    assert Impression.objects.get().pk == kept


# The program


def test_the_status_tells_lag_and_freshness(client: redis.Redis, make_product: Any) -> None:
    status = streams.status()
    assert (status.oldest_seconds, status.newest_counted_seconds, status.alive_seconds) == (0, None, None)
    assert not status.is_running
    view(make_product())
    time.sleep(0.05)
    assert 0.04 < streams.status().oldest_seconds < 30
    assert "1 interactions" in streams.in_words(streams.status())
    turn()
    status = streams.status()
    assert status.is_running
    assert status.newest_counted_seconds is not None
    assert status.newest_counted_seconds < 30


def test_the_command_tells_the_status_and_fails_where_no_consumer_runs(
    client: redis.Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError, match="manage.py consume"):
        call_command("consume", "--status")
    turn()
    call_command("consume", "--status")
    assert "a consumer runs" in capsys.readouterr().out
    break_redis()
    with pytest.raises(CommandError, match="REDIS_URL"):
        call_command("consume", "--status")


def test_the_admins_first_page_tells_the_status(
    client: redis.Redis, admin_client: Any, make_product: Any
) -> None:
    view(make_product())
    page = reverse("admin:index")
    assert "1 interactions and 0 impressions wait" in admin_client.get(page).content.decode()
    break_redis()
    assert "Redis does not answer" in admin_client.get(page).content.decode()


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Consumer]:
    """A consumer at work in a thread, impatient where a real one waits."""
    monkeypatch.setattr(consumer.features, "warm_in_background", lambda: None)
    monkeypatch.setattr(consumer, "FIRST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(consumer, "BLOCK_SECONDS", 0.1)
    one, stop = Consumer(), threading.Event()
    thread = threading.Thread(target=lambda: (one.run(stop), connection.close()))
    thread.start()
    yield one
    stop.set()
    thread.join(timeout=20)
    assert not thread.is_alive()


def test_a_running_consumer_outlives_an_outage_and_says_so_once(
    client: redis.Redis, make_product: Any, monkeypatch: pytest.MonkeyPatch, running: Consumer
) -> None:
    lines: list[Any] = []
    monkeypatch.setattr(consumer.logger, "warning", lambda *line: lines.append(line))
    _wait_until(lambda: streams.status().is_running)
    with patch("shop.embedded.redis_url", lambda: NOBODY):
        running._client = None  # as if the connection broke
        time.sleep(0.5)
    mug = make_product()
    view(mug)
    _wait_until(lambda: views(mug) == 1)
    assert len(lines) == 1


def test_an_embedded_redis_that_was_killed_is_started_again_and_nothing_is_lost(
    client: redis.Redis, make_product: Any, running: Consumer
) -> None:
    mug = make_product()
    view(mug)
    _wait_until(lambda: views(mug) == 1)
    client.shutdown(nosave=True)
    view(mug)  # Redis is away or coming: it is saved in PostgreSQL
    _wait_until(client.ping)
    _wait_until(lambda: views(mug) == 2)
    assert Interaction.objects.count() == 2


def test_a_consumer_that_stops_leaves_the_group(client: redis.Redis, make_product: Any) -> None:
    one, stop = Consumer(), threading.Event()
    view(make_product())
    one.turn(block_seconds=0.01)
    assert client.xinfo_consumers(streams._key("interactions"), streams.GROUP)
    stop.set()
    one.run(stop)
    assert client.xinfo_consumers(streams._key("interactions"), streams.GROUP) == []


def _wait_until(condition: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(redis.RedisError, redis_door.RedisAway, AttributeError):
            if condition():
                return
        redis_door._state.quiet_until = 0.0
        time.sleep(0.02)
    raise AssertionError("it never came about")


def test_counting_a_batch_is_one_query(
    client: redis.Redis, make_product: Any, django_assert_num_queries: Any
) -> None:
    mug = make_product()
    for _ in range(20):
        view(mug)
    entries = streams.read(client, consumer="one", num=50, block_seconds=0.01)
    with django_assert_num_queries(1):
        consumer.handle(client, entries, now=timezone.now())
    assert counting.count(client, [], now=timezone.now()) == 0
