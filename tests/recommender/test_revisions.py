"""Marks change when things do, after the commit, and Redis being away costs nothing but freshness."""

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.db import transaction
from django.urls import reverse

from recommender import redis_door, revisions
from recommender.interactions import record_interaction
from recommender.models import ItemEmbedding, ModelVersion
from recommender.versions import _switch_to
from shop.models import Product
from shop.services import carts, checkout
from shop.visitors import Visitor
from tests.recommender.redis_states import break_redis, empty_redis, mend_redis

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh_redis() -> Iterator[None]:
    empty_redis()
    yield
    mend_redis()


def changed(names: tuple[str, ...], by: Callable[[], object]) -> bool:
    before = revisions.current(names)
    by()
    after = revisions.current(names)
    assert before is not None
    assert after is not None
    return before != after


def test_a_bump_changes_its_own_name_alone() -> None:
    assert changed(("rules",), lambda: revisions.bump("rules"))
    assert not changed(("catalogue",), lambda: revisions.bump("rules"))
    assert changed(("catalogue", "rules"), lambda: revisions.bump("rules"))
    assert not changed(("rules",), lambda: None)


def test_a_bump_waits_for_the_commit_and_a_rollback_forgets_it() -> None:
    before = revisions.current(["rules"])
    with transaction.atomic():
        revisions.bump("rules")
        assert revisions.current(["rules"]) == before
    after = revisions.current(["rules"])
    assert after != before
    with pytest.raises(RuntimeError), transaction.atomic():
        revisions.bump("rules")
        raise RuntimeError
    assert revisions.current(["rules"]) == after


def test_reading_takes_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    revisions.current(["catalogue", "version", "rules"])
    sent = []
    send = redis.connection.Connection.send_packed_command
    monkeypatch.setattr(
        redis.connection.AbstractConnection,
        "send_packed_command",
        lambda self, command, **options: (sent.append(command), send(self, command, **options))[1],
    )
    revisions.current(["catalogue", "version", "rules", "user:1"])
    assert len(sent) == 1


def test_a_redis_that_lost_its_data_does_not_show_the_marks_of_before() -> None:
    assert changed(("catalogue",), empty_redis)


def test_while_redis_is_away_the_answer_is_none_at_once() -> None:
    break_redis()
    started = time.perf_counter()
    assert [revisions.current(["catalogue"]) for _ in range(1000)] == [None] * 1000
    assert time.perf_counter() - started < 0.5


def test_an_outage_is_one_line_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    break_redis()
    lines: list[Any] = []
    monkeypatch.setattr(redis_door.logger, "warning", lambda *line: lines.append(line))
    for _ in range(3):
        redis_door._state.quiet_until = 0.0
        revisions.bump("rules")
    assert len(lines) == 1
    assert "REDIS_URL" in lines[0][0]


def test_what_changed_during_an_outage_is_marked_when_redis_answers_again() -> None:
    before = revisions.current(["catalogue"])
    break_redis()
    revisions.bump("catalogue")
    mend_redis()
    assert revisions.current(["catalogue"]) != before
    assert not revisions._owed


def test_more_shoppers_than_can_be_remembered_are_one_mark_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisions, "_MOST_OWED", 2)
    before = revisions.current(["catalogue"])
    break_redis()
    for number in range(4):
        revisions.bump(f"user:{number}")
    assert revisions._owed == {"user:0", "user:1", "catalogue"}
    mend_redis()
    assert revisions.current(["catalogue"]) != before


def test_an_interaction_marks_its_browser_and_its_account(alice: Any, make_product: Any) -> None:
    guest, member = Visitor(id=uuid.uuid4()), Visitor(id=uuid.uuid4(), user=alice)
    mug = make_product()

    def view(visitor: Visitor) -> None:
        record_interaction(event_id=uuid.uuid4(), visitor=visitor, product_id=mug.pk, kind="view")

    assert changed(revisions.names_of(guest), lambda: view(guest))
    assert not changed(revisions.names_of(guest), lambda: view(member))
    assert changed((f"user:{alice.pk}",), lambda: view(Visitor(id=uuid.uuid4(), user=alice)))


def test_activating_a_version_marks_the_version(make_product: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    version = ModelVersion.objects.create()
    ItemEmbedding.objects.create(version=version, product=make_product(), vector=[1.0, 0.0])
    monkeypatch.setattr("recommender.versions._check_servable", lambda target: None)
    assert changed(("version",), lambda: _switch_to(version, activated_at=None))


@pytest.mark.parametrize(("stock", "marks"), [(1, True), (2, False)], ids=["the-last", "one-of-two"])
def test_an_order_marks_the_catalogue_when_it_sells_something_out(
    alice: Any, make_product: Any, stock: int, marks: bool
) -> None:
    mug, visitor = make_product(stock=stock), Visitor(id=uuid.uuid4(), user=alice)
    carts.add(visitor, product_id=mug.pk)
    seen = checkout.lines_seen(alice.cart.items.select_related("product"))
    delivery = checkout.Delivery(name="A", address="B", region="DE")

    def order() -> None:
        checkout.place_order(visitor, number=uuid.uuid4(), delivery=delivery, seen=seen)

    assert changed(("catalogue",), order) is marks


def test_editing_a_product_in_the_admin_marks_the_catalogue(admin_client: Any, make_product: Any) -> None:
    mug = make_product()
    page = reverse("admin:shop_product_changelist")
    form = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": mug.pk, "form-0-stock": 3}

    def edit() -> None:
        admin_client.post(page, {**form, "form-0-active": "on", "_save": "Save"})
        assert Product.objects.get().stock == 3

    def delete() -> None:
        admin_client.post(reverse("admin:shop_product_delete", args=[mug.pk]), {"post": "yes"})
        assert not Product.objects.exists()

    assert changed(("catalogue",), edit)
    assert changed(("catalogue",), delete)
