"""With Redis or the consumer away every page is whole, and comes in time."""

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest
from django.core.cache import caches
from django.test import Client
from django.urls import reverse

from recommender import features, redis_door, streams
from recommender.interactions import record_interaction
from recommender.models import Impression, Interaction
from recommender.recommendations import recommend
from shop.visitors import Visitor
from tests.recommender.redis_states import NOBODY, break_redis, empty_redis, mend_redis

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def products(make_product: Callable[..., Any]) -> list[Any]:
    return [make_product(category=f"Home > Room {number % 2}") for number in range(12)]


@pytest.fixture
def no_redis(settings: Any, products: list[Any]) -> Iterator[None]:
    """Nobody listens where Redis should be, for the recommender and for Django's cache alike."""
    settings.BUFFER_IMPRESSIONS = True
    break_redis()
    _forget_cache()
    with patch("shop.embedded.redis_url", lambda: NOBODY), patch.object(features._state, "stores", {}):
        yield
    _forget_cache()
    mend_redis()


def _forget_cache() -> None:
    """Let Django make its cache anew, for the address of now."""
    _ = caches["default"]
    del caches["default"]


def test_without_redis_an_interaction_is_saved_in_no_time(no_redis: None, products: list[Any]) -> None:
    started = time.perf_counter()
    for product in products:
        record_interaction(
            event_id=uuid.uuid4(), visitor=Visitor(id=uuid.uuid4()), product_id=product.pk, kind="view"
        )
    assert time.perf_counter() - started < 1
    assert Interaction.objects.count() == len(products)


def test_without_redis_a_list_is_full_and_its_impression_saved(no_redis: None) -> None:
    started = time.perf_counter()
    recommended = recommend("home_for_you", visitor=Visitor(id=uuid.uuid4()), k=10)
    assert time.perf_counter() - started < 1
    assert len(recommended.products) == 10
    assert Impression.objects.get().pk == recommended.impression_id


def test_without_redis_every_page_is_whole(no_redis: None, products: list[Any], alice: Any) -> None:
    browser, product = Client(), products[0]
    pages = [
        reverse("shop:home"),
        product.get_absolute_url(),
        product.category.get_absolute_url(),
        reverse("recommender:search") + "?q=product",
        reverse("shop:cart"),
        reverse("recommender:api-recommendations") + "?k=5",
    ]
    assert {page: browser.get(page).status_code for page in pages} == dict.fromkeys(pages, 200)
    for page in pages:  # again, now that templates are compiled; the best of three on a busy machine
        assert min(_seconds(browser, page) for _ in range(3)) < 1, page
    assert browser.get("/healthz").json()["failing"] == ["redis"]


def _seconds(browser: Client, page: str) -> float:
    started = time.perf_counter()
    browser.get(page)
    return time.perf_counter() - started


def test_without_redis_a_shopper_logs_in_and_out(no_redis: None, alice: Any) -> None:
    browser = Client()
    form = {"username": "alice@example.com", "password": "correct-horse-battery"}
    assert browser.post(reverse("shop:login"), form).status_code == 302
    assert browser.session["_auth_user_id"] == str(alice.pk)
    assert browser.post(reverse("shop:logout")).status_code == 302
    assert "_auth_user_id" not in browser.session


def test_without_a_consumer_pages_are_whole_and_events_wait(settings: Any, products: list[Any]) -> None:
    settings.BUFFER_IMPRESSIONS = True
    empty_redis()
    browser = Client()
    for _ in range(3):
        assert browser.get(reverse("shop:home")).status_code == 200
        assert browser.get(products[0].get_absolute_url()).status_code == 200
    waiting = streams.status().num_waiting
    assert waiting["interactions"] == Interaction.objects.count() == 3
    assert waiting["impressions"] > 0
    assert not Impression.objects.exists()
    empty_redis()


def test_a_redis_that_is_back_is_used_again_after_the_pause() -> None:
    break_redis()
    with pytest.raises(redis_door.RedisAway):
        streams.status()
    redis_door._state.client = redis_door.connect(reply_seconds=1)
    with pytest.raises(redis_door.RedisAway, match="a moment ago"):
        streams.status()
    redis_door._state.quiet_until = 0.0
    assert streams.status().num_waiting
    assert not redis_door._state.away
