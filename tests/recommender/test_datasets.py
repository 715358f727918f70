"""Training data as of a moment, and the same features for one live visitor."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import redis
from django.test import RequestFactory
from django.utils import timezone

from ml.data import KINDS
from recommender import datasets, encoders, features
from recommender.feature_settings import project_name
from recommender.models import ContentEmbedding, Interaction
from shop import embedded
from shop.models import Profile
from shop.visitors import Visitor, read_visitor

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


def act(user: Any, product: Any, kind: str, at: datetime, value: float | None = None) -> None:
    visitor_id = None if user else uuid.uuid4()
    Interaction.objects.create(
        user=user, visitor_id=visitor_id, product=product, kind=kind, occurred_at=at, value=value
    )


def describe(user: Any, category: Any) -> Any:
    """Give a user a region, a birth date and one preference; return the user."""
    user.date_joined = timezone.now() - timedelta(days=30)
    user.save()
    Profile.objects.filter(user=user).update(region="DE", birth_date="1990-05-01")
    user.profile.preferences.add(category)
    return user


def visitor_of(user: Any) -> Visitor:
    """The visitor of a page that the user opens."""
    request = RequestFactory().get("/")
    request.user = user
    return read_visitor(request)


def test_a_small_shop_becomes_arrays_in_time_order(alice: Any, bob: Any, make_product: Any) -> None:
    mug, lamp = make_product(price=10), make_product(price=20)
    unsold = make_product(active=False)
    act(bob, lamp, "rating", NOON + timedelta(hours=2), 2)
    act(alice, mug, "view", NOON)
    act(None, lamp, "purchase", NOON + timedelta(hours=1))

    dataset = datasets.build_dataset()

    assert dataset.users.ids.tolist() == [alice.pk, bob.pk]
    assert dataset.items.ids.tolist() == [mug.pk, lamp.pk]
    assert unsold.pk not in dataset.items.ids
    events = dataset.interactions
    assert events.user_index.tolist() == [0, 1]  # the guest's purchase is no user's row
    assert events.item_index.tolist() == [0, 1]
    assert [KINDS[code] for code in events.kind] == ["view", "rating"]
    assert np.isnan(events.value[0])
    assert events.value[1] == 2
    assert events.timestamp.tolist() == [int(NOON.timestamp()), int(NOON.timestamp()) + 7200]
    # but the guest's purchase (weight 1) counts: ln(1 + 1)
    assert dataset.items.numeric["log_popularity"][1] == pytest.approx(np.log(2))


def test_a_product_no_longer_sold_stays_while_it_has_events(alice: Any, make_product: Any) -> None:
    gone = make_product(active=False)
    act(alice, gone, "purchase", NOON)

    assert datasets.build_dataset().items.ids.tolist() == [gone.pk]


def test_nothing_after_the_moment_is_in_the_dataset(alice: Any, make_product: Any) -> None:
    mug = make_product(released_at=NOON - timedelta(days=3))
    act(alice, mug, "view", NOON - timedelta(days=1))
    act(alice, mug, "purchase", NOON + timedelta(days=1))

    dataset = datasets.build_dataset(as_of=NOON)

    assert len(dataset.interactions) == 1
    assert dataset.items.numeric["log_popularity"][0] == pytest.approx(np.log(1.2))  # one view of 0.2
    assert dataset.items.numeric["days_since_release"][0] == pytest.approx(3)


def test_features_may_be_of_an_earlier_moment_than_the_events(alice: Any, make_product: Any) -> None:
    mug = make_product(released_at=NOON - timedelta(days=3))
    act(alice, mug, "view", NOON - timedelta(days=1))
    act(alice, mug, "purchase", NOON + timedelta(days=1))

    dataset = datasets.build_dataset(features_as_of=NOON)

    assert len(dataset.interactions) == 2
    assert dataset.items.numeric["log_popularity"][0] == pytest.approx(np.log(1.2))
    assert dataset.users.numeric["num_interactions"][0] == 1


def test_item_features_follow_their_formulas(alice: Any, make_product: Any) -> None:
    mug = make_product(category="Home > Kitchen", brand="Mara", price=15, list_price=20, rating=4)
    mug.rating_count, mug.attributes = 9, {"colour": "blue"}
    mug.save()

    items = datasets.build_dataset().items

    assert items.numeric["log_price"][0] == pytest.approx(np.log(16))
    assert items.numeric["discount"][0] == pytest.approx(0.25)
    assert items.numeric["rating"][0] == 4
    assert items.numeric["log_rating_count"][0] == pytest.approx(np.log(10))
    assert (items.categorical["category"][0], items.categorical["brand"][0]) == ("home/kitchen", "Mara")
    assert items.multi["category_path"][0] == ("home", "home/kitchen")
    assert items.multi["attributes"][0] == ("colour=blue",)


def test_content_vectors_are_those_of_the_encoder_of_most_products(make_product: Any) -> None:
    first, second, bare = make_product(), make_product(), make_product()
    encoded = ((first, "compact"), (second, "compact"), (bare, "half-done"))
    for number, (product, encoder) in enumerate(encoded, start=1):
        ContentEmbedding.objects.create(
            product=product,
            encoder=encoder,
            content_hash="",
            text_vector=[0.5, -0.25, number],
            image_vector=[1, 0, 0] if product == second else None,
        )

    vectors = datasets.build_dataset().items.vectors

    assert vectors["text"].dtype == np.float32
    assert vectors["text"].tolist() == [[0.5, -0.25, 1], [0.5, -0.25, 2], [0, 0, 0]]
    assert vectors["image"].tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]


def test_of_two_encoders_that_have_read_everything_the_one_in_use_counts(
    make_product: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = make_product()
    for encoder, first in (("in use", 0.5), ("before", -0.25)):  # the newest row is not the one in use
        ContentEmbedding.objects.create(
            product=product, encoder=encoder, content_hash="", text_vector=[first, 1]
        )
    monkeypatch.setattr(encoders, "name_in_use", lambda: "in use")
    assert datasets.build_dataset().items.vectors["text"].tolist() == [[0.5, 1]]
    assert datasets.build_dataset(encoder="before").items.vectors["text"].tolist() == [[-0.25, 1]]
    assert datasets.build_dataset(encoder="of no product").items.vectors == {}


def test_an_empty_shop_gives_an_empty_dataset() -> None:
    dataset = datasets.build_dataset()

    assert (len(dataset.users), len(dataset.items), len(dataset.interactions)) == (0, 0, 0)


def test_progress_is_told_from_start_to_end(alice: Any, make_product: Any) -> None:
    make_product()
    told: list[float] = []

    datasets.build_dataset(on_progress=lambda fraction, message: told.append(fraction))

    assert told[0] == 0
    assert told == sorted(told)
    assert len(told) == 4


def test_age_is_in_whole_years_on_the_birthday_and_the_day_before() -> None:
    raw = {
        "birth_day": np.array([19900310.0, 19900311.0, np.nan]),
        "signed_up_at": np.full(3, NOON.timestamp() - 86_400),
        "num_interactions": np.array([np.nan, 2, 3]),
        "mean_price": np.full(3, np.nan),
    }

    numbers = datasets.user_numbers(raw, NOON)

    assert numbers["age"][:2].tolist() == [36, 35]
    assert np.isnan(numbers["age"][2])
    assert numbers["days_since_signup"].tolist() == [1, 1, 1]
    assert numbers["num_interactions"].tolist() == [0, 2, 3]


def as_online(users: Any, row: int) -> tuple[dict[str, float], dict[str, str], dict[str, tuple[str, ...]]]:
    """One row of the training table in the shape of the live features."""
    numeric = {name: float(column[row]) for name, column in users.numeric.items()}
    return (
        {name: value for name, value in numeric.items() if np.isfinite(value)},
        {name: column[row] for name, column in users.categorical.items() if column[row]},
        {name: rows[row] for name, rows in users.multi.items()},
    )


@pytest.mark.parametrize("with_store", [True, False], ids=["from Feast", "from the database"])
def test_live_features_equal_training_features(
    with_store: bool, alice: Any, make_product: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mug = make_product(category="Home > Kitchen", price=10)
    describe(alice, mug.category)
    act(alice, mug, "view", timezone.now() - timedelta(days=2))
    act(alice, make_product(price=30), "purchase", timezone.now() - timedelta(days=1))
    act(alice, make_product(price=500), "dislike", timezone.now() - timedelta(days=1))
    numeric, categorical, multi = as_online(datasets.build_dataset().users, 0)
    if with_store:
        features.materialize()
        monkeypatch.setattr(datasets, "_raw_user_from_database", None)  # must not be needed
    else:
        monkeypatch.setattr(features._state, "stores", {})

    live = datasets.user_features_online(visitor_of(alice))

    assert live.numeric == pytest.approx(numeric, abs=0.01)  # days go by between the two reads
    assert live.numeric["mean_price"] == 20  # of 10 and 30, the dislike aside
    assert (live.categorical, live.multi) == (categorical, multi)
    assert live.multi["preferences"] == ("home", "home/kitchen")


def test_what_the_visitor_says_is_fresher_than_the_store(alice: Any, make_product: Any) -> None:
    toy = make_product(category="Toys")
    describe(alice, make_product(category="Home").category)
    features.materialize()

    live = datasets.user_features_online(
        Visitor(id=uuid.uuid4(), user=alice, region="FR", age=20, preference_ids=(toy.category_id,))
    )

    assert live.multi["preferences"] == ("toys",)
    assert live.categorical["region"] == "FR"
    assert live.numeric["age"] == 20


def test_what_the_visitor_took_back_is_gone_at_once(alice: Any, make_product: Any) -> None:
    describe(alice, make_product(category="Home").category)
    features.materialize()
    alice.profile.preferences.clear()
    Profile.objects.filter(user=alice).update(region="", birth_date=None)

    live = datasets.user_features_online(visitor_of(alice))

    assert (live.multi["preferences"], live.categorical) == ((), {})
    assert "age" not in live.numeric


def test_a_guests_features_are_what_they_chose(make_product: Any) -> None:
    mug = make_product(category="Home > Kitchen")

    live = datasets.user_features_online(Visitor(id=uuid.uuid4(), preference_ids=(mug.category_id,)))

    assert live.multi == {"preferences": ("home", "home/kitchen")}
    assert live.numeric == {"num_interactions": 0}
    assert live.categorical == {}


def test_a_new_user_whom_the_store_has_not_met_is_read_from_the_database(
    alice: Any, make_product: Any
) -> None:
    features.materialize()
    carol = type(alice).objects.create_user("carol@example.com", "correct-horse-battery")
    describe(carol, make_product(category="Toys").category)

    live = datasets.user_features_online(visitor_of(carol))

    assert live.multi["preferences"] == ("toys",)
    assert live.numeric["days_since_signup"] == pytest.approx(30, abs=0.01)


def test_a_row_left_in_redis_by_another_account_of_the_same_id_is_not_used(
    alice: Any, make_product: Any
) -> None:
    describe(alice, make_product(category="Home").category)
    features.materialize()
    alice.profile.preferences.clear()
    alice.date_joined = timezone.now() - timedelta(days=2)
    alice.save()

    live = datasets.user_features_online(visitor_of(alice))

    assert live.multi["preferences"] == ()
    assert live.numeric["days_since_signup"] == pytest.approx(2, abs=0.01)
