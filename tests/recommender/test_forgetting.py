"""What Redis holds of a shopper goes, and of nobody else."""

import uuid
from dataclasses import replace

import pytest
from django.utils import timezone

from recommender import counting, forgetting, redis_door, windows
from recommender.feature_settings import project_name
from recommender.interactions import record_interaction
from recommender.models import Interaction
from shop.visitors import Visitor

pytestmark = pytest.mark.django_db


def counted(visitor, product):
    """Count a view of the product by the visitor, as the consumer does."""
    now = timezone.now()
    event = counting.Event(
        event_id=uuid.uuid4(),
        kind=Interaction.Kind.VIEW,
        product_id=product.pk,
        visitor_id=visitor.id,
        user_id=visitor.user_id,
        occurred_at=now.timestamp(),
    )
    redis_door.ask(lambda client: counting.count(client, [event], now=now))


def views(visitor):
    return int(windows.of_visitor(visitor, now=timezone.now()).views[0, -1])


def test_the_counts_of_the_account_and_of_its_browser_go_and_anothers_stay(visitor, alice, bob, make_product):
    known, other = replace(visitor, user=alice), Visitor(id=uuid.uuid4(), user=bob)
    mug = make_product()
    for shopper in (visitor, known, other):
        counted(shopper, mug)
    forgetting.forget(known)
    assert (views(visitor), views(known), views(other)) == (0, 0, 1)
    due = redis_door.ask(lambda client: client.zrange(f"{counting.prefix()}due", 0, -1))
    assert f"user:{alice.pk}".encode() not in due


def test_the_feature_rows_of_the_account_go(alice, bob, visitor):
    keys = [forgetting.online_key(user.pk) for user in (alice, bob)]
    for key in keys:
        redis_door.ask(lambda client, key=key: client.hset(key, "x", "y"))
    forgetting.forget(replace(visitor, user=alice))
    assert [redis_door.ask(lambda client, key=key: client.exists(key)) for key in keys] == [0, 1]
    redis_door.ask(lambda client: client.delete(*keys))


@pytest.mark.parametrize("user_id", [1, 7, 2**40])
def test_the_key_is_the_one_that_feast_gives(user_id):
    from feast.infra.online_stores.helpers import _redis_key
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    entity = EntityKey(join_keys=["user_id"], entity_values=[Value(int64_val=user_id)])
    theirs = _redis_key(project_name(), entity, entity_key_serialization_version=3)
    assert forgetting.online_key(user_id) == theirs


def test_an_event_of_a_paused_visitor_is_not_published(visitor, make_product, monkeypatch):
    told = []
    monkeypatch.setattr("recommender.streams.publish", lambda **facts: told.append(facts))
    paused = replace(visitor, personalised=False)
    saved = record_interaction(
        event_id=uuid.uuid4(), visitor=paused, product_id=make_product().pk, kind=Interaction.Kind.VIEW
    )
    assert (saved, told) == (False, [])
