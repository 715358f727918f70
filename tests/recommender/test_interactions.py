"""What is written when a visitor does something, and what is refused."""

import uuid
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from ml.data import KINDS
from recommender import interactions
from recommender.filtering import past_of
from recommender.interactions import record_interaction
from recommender.models import Interaction
from shop.models import Category, Order, OrderItem, Product, Review, User
from shop.visitors import Visitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def mug() -> Product:
    kitchen = Category.objects.create(name="Kitchen", slug="kitchen", path="kitchen")
    return Product.objects.create(sku="MUG", name="Blue mug", category=kitchen, price=8, stock=5)


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice@example.com")


def guest() -> Visitor:
    return Visitor(id=uuid.uuid4())


def view(product: Product, visitor: Visitor, **fields: object) -> bool:
    given = {"event_id": uuid.uuid4(), "kind": "view", **fields}
    return record_interaction(visitor=visitor, product_id=product.pk, **given)  # type: ignore[arg-type]


def test_kinds_are_those_that_the_model_learns_from() -> None:
    assert tuple(Interaction.Kind.values) == KINDS


def test_an_event_is_saved_with_its_visitor_place_and_impression(mug: Product, alice: User) -> None:
    visitor, impression = Visitor(id=uuid.uuid4(), user=alice), uuid.uuid4()
    assert view(mug, visitor, placement="home_for_you", impression_id=impression)
    row = Interaction.objects.get()
    assert (row.visitor_id, row.user, row.product, row.kind) == (visitor.id, alice, mug, "view")
    assert (row.placement, row.impression_id, row.value) == ("home_for_you", impression, None)


def test_the_same_event_id_again_changes_nothing(mug: Product) -> None:
    visitor, event_id = guest(), uuid.uuid4()
    assert view(mug, visitor, event_id=event_id) is True
    assert view(mug, visitor, event_id=event_id, kind="click") is False
    assert Interaction.objects.get().kind == "view"


def test_recording_costs_one_query(mug: Product, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        view(mug, guest())


def test_the_time_is_clamped_between_yesterday_and_now(mug: Product) -> None:
    now = timezone.now()
    view(mug, guest(), occurred_at=now + timedelta(days=3))
    view(mug, guest(), occurred_at=now - timedelta(days=30))
    view(mug, guest(), occurred_at=now - timedelta(hours=2))
    future, ancient, late = Interaction.objects.order_by("id").values_list("occurred_at", flat=True)
    assert abs(future - now) < timedelta(seconds=10)
    assert abs(ancient - (now - timedelta(hours=24))) < timedelta(seconds=10)
    assert late == now - timedelta(hours=2)


def test_a_time_without_a_zone_is_refused(mug: Product) -> None:
    with pytest.raises(ValueError, match="time zone"):
        view(mug, guest(), occurred_at=timezone.now().replace(tzinfo=None))


@pytest.mark.parametrize(
    ("kind", "value", "cure"),
    [
        ("glance", None, "use one of view, click"),
        ("rating", None, "1 to 5 stars"),
        ("rating", 6, "1 to 5 stars"),
        ("rating", float("nan"), "1 to 5 stars"),
        ("purchase", 0, "1 or more"),
        ("cart_add", -1, "1 or more"),
        ("cart_remove", float("inf"), "1 or more"),
        ("view", 3, "leave it out"),
    ],
)
def test_a_wrong_value_is_refused_with_its_cure(
    mug: Product, kind: str, value: float | None, cure: str
) -> None:
    with pytest.raises(ValueError, match=cure):
        view(mug, guest(), kind=kind, value=value)
    assert not Interaction.objects.exists()


def test_a_quantity_left_out_is_one(mug: Product) -> None:
    view(mug, guest(), kind="cart_add")
    assert Interaction.objects.get().value == 1


def test_an_unknown_product_is_refused(mug: Product) -> None:
    with pytest.raises(ValueError, match=r"no product 999999999"):
        record_interaction(event_id=uuid.uuid4(), visitor=guest(), product_id=999_999_999, kind="view")


def test_the_event_shares_the_fate_of_the_callers_transaction(mug: Product) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        view(mug, guest(), kind="cart_add", value=2)
        assert Interaction.objects.count() == 1
        raise RuntimeError("the cart could not be saved")
    assert not Interaction.objects.exists()


def test_an_order_told_twice_is_one_purchase_for_each_line(mug: Product, alice: User) -> None:
    pan = Product.objects.create(sku="PAN", name="Pan", category=mug.category, price=20, stock=5)
    order = Order.objects.create(
        user=alice, total=28, ship_to_name="A", ship_to_address="B", ship_to_region="DE"
    )
    OrderItem.objects.create(order=order, product=mug, name="Blue mug", price=8, quantity=3)
    OrderItem.objects.create(order=order, product=pan, name="Pan", price=20, quantity=1)
    visitor = Visitor(id=uuid.uuid4(), user=alice)
    assert interactions.record_order(order, visitor=visitor) == 2
    assert interactions.record_order(order, visitor=visitor) == 0
    bought = Interaction.objects.order_by("value").values_list("product__sku", "value", "kind")
    assert list(bought) == [("PAN", 1, "purchase"), ("MUG", 3, "purchase")]


def test_a_changed_review_is_another_rating_and_a_repeated_one_is_not(mug: Product, alice: User) -> None:
    visitor = Visitor(id=uuid.uuid4(), user=alice)
    review = Review.objects.create(product=mug, user=alice, rating=2)
    assert interactions.record_review(review, visitor=visitor)
    assert not interactions.record_review(review, visitor=visitor)
    review.rating = 5
    assert interactions.record_review(review, visitor=visitor)
    assert list(Interaction.objects.order_by("id").values_list("value", flat=True)) == [2, 5]


def test_the_guests_history_joins_the_user_who_logs_in_and_nobody_elses_does(
    mug: Product, alice: User
) -> None:
    browser, other = guest(), guest()
    bob = User.objects.create_user("bob@example.com")
    view(mug, browser)
    view(mug, other)
    view(mug, Visitor(id=browser.id, user=bob))  # Bob used this browser before
    assert interactions.join_guest_history(Visitor(id=browser.id, user=alice)) == 1
    owners = Interaction.objects.order_by("id").values_list("user__email", flat=True)
    assert list(owners) == ["alice@example.com", None, "bob@example.com"]


def test_a_guest_has_nobody_to_join() -> None:
    with pytest.raises(ValueError, match="after the log-in"):
        interactions.join_guest_history(guest())


def test_recent_history_is_newest_first_and_limited(mug: Product, alice: User) -> None:
    visitor, now = Visitor(id=uuid.uuid4(), user=alice), timezone.now()
    for hours, kind in ((3, "view"), (1, "click"), (2, "dislike")):
        view(mug, visitor, kind=kind, occurred_at=now - timedelta(hours=hours))
    rows = past_of(visitor, num_events=2).history
    assert [(row.product_id, row.kind) for row in rows] == [(mug.pk, "click"), (mug.pk, "dislike")]


def test_recent_history_is_as_long_as_what_the_model_learns_from(mug: Product, alice: User) -> None:
    now = timezone.now()
    Interaction.objects.bulk_create(
        Interaction(user=alice, product=mug, kind="view", occurred_at=now) for _ in range(60)
    )
    assert len(past_of(Visitor(id=uuid.uuid4(), user=alice)).history) == 60


def test_a_guest_does_not_see_what_a_user_did_on_the_same_browser(mug: Product, alice: User) -> None:
    browser = guest()
    view(mug, Visitor(id=browser.id, user=alice))
    assert past_of(browser).history == []
    view(mug, browser, kind="click")
    assert [row.kind for row in past_of(browser).history] == ["click"]
