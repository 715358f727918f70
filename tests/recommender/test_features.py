"""The feature store: nothing of later leaks, what is materialised is read, and an outage costs no page."""

import logging
import subprocess
import sys
import threading
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import redis
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from feature_repo.sources import POPULARITY_WEIGHTS
from ml.data import KIND_WEIGHTS
from recommender import feature_settings, features
from recommender.feature_settings import project_name
from recommender.models import Interaction, ModelVersion, Recommendation
from shop import embedded
from shop.models import Product
from shop.services.reviews import submit_review
from shop.visitors import Visitor

# Feast reads over connections of its own, which see committed rows only.
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy"),
]
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def empty_online_store(db: None) -> None:
    """No row in Redis and no outage remembered from another test or run."""
    features._state.quiet_until, features._state.outage_reported = 0.0, False
    client = redis.Redis.from_url(embedded.redis_url())
    for key in client.scan_iter(match=f"*{project_name()}"):
        client.delete(key)


def act(user: Any, product: Any, kind: str, at: datetime, value: float | None = None) -> Interaction:
    visitor_id = None if user else uuid.uuid4()
    return Interaction.objects.create(
        user=user, visitor_id=visitor_id, product=product, kind=kind, occurred_at=at, value=value
    )


def signed_up(user: Any, at: datetime) -> Any:
    user.date_joined = at
    user.save()
    return user


def test_a_later_event_does_not_leak_into_an_earlier_row(alice: Any, make_product: Any) -> None:
    signed_up(alice, NOON - timedelta(days=10))
    cheap, dear = make_product(price=10), make_product(price=30)
    act(alice, cheap, "view", NOON - timedelta(days=1))
    act(alice, dear, "purchase", NOON + timedelta(hours=1))

    before = features.historical_user_features(np.array([alice.pk]), NOON)
    after = features.historical_user_features(np.array([alice.pk]), NOON + timedelta(hours=2))

    assert (before["num_interactions"][0], before["num_purchases"][0], before["mean_price"][0]) == (1, 0, 10)
    # the mean of 10 and 30 is 20
    assert (after["num_interactions"][0], after["num_purchases"][0], after["mean_price"][0]) == (2, 1, 20)


def test_events_of_the_running_day_wait_for_its_last_event(alice: Any, make_product: Any) -> None:
    signed_up(alice, NOON - timedelta(days=10))
    act(alice, make_product(), "view", NOON - timedelta(hours=1))
    act(alice, make_product(), "view", NOON + timedelta(hours=1))

    columns = features.historical_user_features(np.array([alice.pk]), NOON)

    assert np.isnan(columns["num_interactions"][0])


def test_a_user_is_unknown_before_signing_up(alice: Any) -> None:
    signed_up(alice, NOON)

    columns = features.historical_user_features(np.array([alice.pk]), NOON - timedelta(seconds=1))

    assert np.isnan(columns["signed_up_at"][0])
    assert columns["preferences"][0] == ()


def test_preferences_come_with_their_parents(alice: Any, make_product: Any) -> None:
    mug = make_product(category="Home > Kitchen")
    alice.profile.preferences.add(mug.category)

    columns = features.historical_user_features(np.array([alice.pk]), timezone.now())

    assert columns["preferences"][0] == ("home", "home/kitchen")


def test_rows_keep_the_order_of_the_ids(alice: Any, bob: Any) -> None:
    alice.profile.region, bob.profile.region = "DE", "FR"
    alice.profile.save()
    bob.profile.save()

    columns = features.historical_user_features(np.array([bob.pk, alice.pk]), timezone.now())

    assert columns["region"].tolist() == ["FR", "DE"]


def test_product_features_hold_content_and_the_popularity_of_everybody(alice: Any, make_product: Any) -> None:
    mug = make_product(category="Home > Kitchen", brand="Mara", attributes={"colour": "Blue"}, price=15)
    mug.list_price = 20
    mug.released_at = NOON - timedelta(days=5)
    mug.save()
    act(alice, mug, "purchase", NOON - timedelta(days=2))
    act(None, mug, "view", NOON - timedelta(days=2))
    act(alice, mug, "rating", NOON - timedelta(days=1), 4)
    act(alice, mug, "rating", NOON + timedelta(days=1), 1)

    row = features.historical_item_features(np.array([mug.pk]), NOON)

    assert row["category_path"][0] == ("home", "home/kitchen")
    assert row["attributes"][0] == ("colour=blue",)
    assert row["discount"][0] == pytest.approx(0.25)
    assert row["popularity"][0] == pytest.approx(1.2)  # a purchase 1.0 and a guest's view 0.2
    assert (row["mean_rating"][0], row["num_ratings"][0]) == (4, 1)


def test_the_catalogues_rating_does_not_tell_of_reviews_to_come(alice: Any, make_product: Any) -> None:
    imported = make_product(rating=4, rating_count=3)
    unrated = make_product()
    ids = np.array([imported.pk, unrated.pk])
    before = features.historical_item_features(ids, timezone.now())
    moment = timezone.now()
    for product in (imported, unrated):
        submit_review(Visitor(id=uuid.uuid4(), user=alice), product=product, rating=2)

    after = features.historical_item_features(ids, moment)

    assert Product.objects.get(pk=imported.pk).rating == Decimal("3.5")  # (3 x 4 + 2) / 4
    for columns in (before, after):
        assert columns["catalogue_rating"][0] == 4
        assert np.isnan(columns["catalogue_rating"][1])
        assert columns["catalogue_rating_count"].tolist() == [3, 0]


def test_popularity_weighs_kinds_as_training_does() -> None:
    positive = {kind: weight for kind, weight in KIND_WEIGHTS.items() if weight > 0 and kind != "rating"}

    assert positive == POPULARITY_WEIGHTS


def test_materialised_features_are_read_online(alice: Any, make_product: Any) -> None:
    act(alice, make_product(price=12), "purchase", timezone.now() - timedelta(hours=1))

    features.materialize()
    rows = features.online_user_features([alice.pk, 999_999])

    assert rows is not None
    assert (rows[0]["num_interactions"], rows[0]["num_purchases"], rows[0]["mean_price"]) == (1, 1, 12)
    assert rows[1] == {}


def test_an_edited_profile_wins_at_the_next_materialisation(alice: Any) -> None:
    features.materialize()
    alice.profile.region = "IT"
    alice.profile.save()

    features.materialize()

    rows = features.online_user_features([alice.pk])
    assert rows is not None
    assert rows[0]["region"] == "IT"


def test_the_active_versions_list_goes_through_feast(alice: Any, bob: Any) -> None:
    active = ModelVersion.objects.create(status=ModelVersion.Status.ACTIVE)
    retired = ModelVersion.objects.create(status=ModelVersion.Status.RETIRED)
    Recommendation.objects.create(version=active, user=alice, product_ids=[7, 3], scores=[0.9, 0.5])
    Recommendation.objects.create(version=retired, user=alice, product_ids=[1], scores=[0.1])

    features.materialize()

    assert features.online_top_k(alice.pk) == features.TopK(
        product_ids=(7, 3), scores=(0.9, 0.5), version_id=active.pk
    )
    assert features.online_top_k(bob.pk) is None


def test_applying_twice_writes_once(db: None) -> None:
    with connection.cursor() as cursor:
        features.apply()
        cursor.execute("COMMENT ON SCHEMA feast IS NULL")

    assert features.apply() is True
    assert features.apply() is False


def test_a_definition_that_is_gone_leaves_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    features.apply()
    definitions = features._definitions()
    monkeypatch.setattr(features, "_fingerprint", lambda: "f" * 64)
    kept = [item for item in definitions if item.name != "serving_top_k_v1"]
    monkeypatch.setattr(features, "_definitions", lambda: kept)

    features.apply()

    names = {service.name for service in features.open_store().list_feature_services()}
    assert "serving_top_k_v1" not in names
    assert "serving_users_v1" in names
    monkeypatch.undo()
    assert features.apply() is True  # and it comes back


def test_while_redis_is_down_the_answer_is_none_and_one_line_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = _store_with_dead_redis(monkeypatch)
    name = project_name()
    monkeypatch.setitem(features._state.stores, name, store)
    logger = logging.getLogger("recommender.features")
    monkeypatch.setattr(logger, "propagate", True)
    logger.addHandler(caplog.handler)

    answers = []
    for _ in range(3):
        features._state.quiet_until = 0.0  # as if the pause between attempts were over
        answers.append(features.online_user_features([1]))
    logger.removeHandler(caplog.handler)

    assert answers == [None, None, None]
    messages = {record.getMessage() for record in caplog.records if record.levelno == logging.WARNING}
    assert len(messages) == 1
    assert "REDIS_URL" in messages.pop()


def _store_with_dead_redis(monkeypatch: pytest.MonkeyPatch) -> Any:
    features.apply()
    with monkeypatch.context() as patched:
        patched.setattr("shop.embedded.redis_url", lambda: "unix:///nowhere/redis.sock")
        return features._open_store()


def test_before_the_store_is_loaded_a_page_gets_none_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features._state, "stores", {})

    assert features.online_user_features([1]) is None
    assert features.online_top_k(1) is None


def test_warming_loads_the_store_beside_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    features.apply()
    monkeypatch.setattr(features._state, "stores", {})
    monkeypatch.setattr(features._state, "warm_requested", False)

    features.warm_in_background()
    thread = features._state.loading
    assert thread is not None
    thread.join(timeout=60)

    assert features.online_user_features([999_999]) == [{}]


def test_a_page_does_not_wait_for_the_thread_that_loads_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    held, done = threading.Event(), threading.Event()

    def load() -> None:
        with features._state.lock:
            held.set()
            done.wait(timeout=60)

    loading = threading.Thread(target=load)
    monkeypatch.setattr(features._state, "stores", {})
    monkeypatch.setattr(features._state, "warm_requested", True)
    monkeypatch.setattr(features._state, "loading", loading)
    loading.start()
    assert held.wait(timeout=60)

    page = threading.Thread(target=features.online_user_features, args=([1],))
    page.start()
    page.join(timeout=5)
    answered = not page.is_alive()
    done.set()
    loading.join()
    assert answered


def test_pages_and_commands_start_without_feast_and_feast_without_torch() -> None:
    script = (
        "import os, sys, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'shop.settings'; django.setup();"
        "from recommender import datasets, feature_settings; assert 'feast' not in sys.modules;"
        "feature_settings.quieten(); import feast.feature_store, feast; assert 'torch' not in sys.modules;"
        "assert os.environ['FEAST_USAGE'] == 'False'"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://:secret@cache:6380/2", ["cache:6380", "password=secret", "db=2"]),
        ("rediss://cache:6379/0", ["cache:6379", "ssl=true"]),
        ("unix:///run/redis.sock", ["localhost:6379", "unix_socket_path=/run/redis.sock"]),
    ],
)
def test_redis_urls_reach_feast(url: str, expected: list[str]) -> None:
    parts = feature_settings._redis_connection_string(url).split(",")

    assert parts[0] == expected[0]
    assert set(expected) <= set(parts)


def test_a_redis_password_with_a_comma_is_refused_with_the_cure() -> None:
    with pytest.raises(ValueError, match="without one"):
        feature_settings._redis_connection_string("redis://:a,b@cache:6379/0")


def test_the_command_shows_a_user(alice: Any, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("features", "apply")
    call_command("features", "materialize")
    call_command("features", "show", str(alice.pk))
    call_command("features", "env")

    printed = capsys.readouterr().out
    assert "up to date" in printed or "applied" in printed
    assert "signed_up_at" in printed
    assert f"export FEAST_PG_NAME={connection.settings_dict['NAME']}" in printed
