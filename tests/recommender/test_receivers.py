"""Each of the shop's signals becomes the row that it tells of."""

import uuid

import pytest
from django.db import transaction

from recommender.models import Interaction
from shop import signals
from shop.models import Category, Order, OrderItem, Product, Review, User
from shop.visitors import Visitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def mug() -> Product:
    kitchen = Category.objects.create(name="Kitchen", slug="kitchen", path="kitchen")
    return Product.objects.create(sku="MUG", name="Blue mug", category=kitchen, price=8, stock=5)


@pytest.fixture
def shopper() -> Visitor:
    return Visitor(id=uuid.uuid4(), user=User.objects.create_user("alice@example.com"))


def rows() -> list[tuple[str, float | None]]:
    return list(Interaction.objects.order_by("id").values_list("kind", "value"))


def test_a_view_told_twice_is_one_row(mug: Product, shopper: Visitor) -> None:
    told = {
        "visitor": shopper,
        "product": mug,
        "event_id": uuid.uuid4(),
        "placement": "",
        "impression_id": None,
    }
    signals.product_viewed.send(sender=None, **told)
    signals.product_viewed.send(sender=None, **told)
    assert rows() == [("view", None)]


def test_a_click_carries_the_impression_that_it_answers(mug: Product, shopper: Visitor) -> None:
    impression = uuid.uuid4()
    signals.product_clicked.send(
        sender=None,
        visitor=shopper,
        product=mug,
        event_id=uuid.uuid4(),
        placement="home_for_you",
        impression_id=impression,
    )
    row = Interaction.objects.get()
    assert (row.kind, row.placement, row.impression_id) == ("click", "home_for_you", impression)


def test_cart_changes_carry_their_quantities(mug: Product, shopper: Visitor) -> None:
    impression = uuid.uuid4()
    signals.cart_item_added.send(
        sender=None, visitor=shopper, product=mug, quantity=3, placement="search", impression_id=impression
    )
    signals.cart_item_removed.send(sender=None, visitor=shopper, product=mug, quantity=2)
    assert rows() == [("cart_add", 3), ("cart_remove", 2)]
    assert Interaction.objects.earliest("id").impression_id == impression


def test_a_cart_that_fails_to_save_leaves_no_event(mug: Product, shopper: Visitor) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        signals.cart_item_added.send(
            sender=None, visitor=shopper, product=mug, quantity=1, placement="", impression_id=None
        )
        raise RuntimeError("stock ran out")
    assert rows() == []


def test_an_event_that_cannot_be_saved_takes_the_cart_change_with_it(mug: Product, shopper: Visitor) -> None:
    with pytest.raises(ValueError, match="1 or more"), transaction.atomic():
        Product.objects.filter(pk=mug.pk).update(stock=4)
        signals.cart_item_added.send(
            sender=None, visitor=shopper, product=mug, quantity=0, placement="", impression_id=None
        )
    mug.refresh_from_db()
    assert mug.stock == 5


def test_an_order_is_a_purchase_for_each_line(mug: Product, shopper: Visitor) -> None:
    order = Order.objects.create(
        user=shopper.user, total=16, ship_to_name="A", ship_to_address="B", ship_to_region="DE"
    )
    OrderItem.objects.create(order=order, product=mug, name=mug.name, price=8, quantity=2)
    signals.order_placed.send(sender=None, visitor=shopper, order=order)
    signals.order_placed.send(sender=None, visitor=shopper, order=order)
    assert rows() == [("purchase", 2)]


def test_a_review_is_a_rating(mug: Product, shopper: Visitor) -> None:
    review = Review.objects.create(product=mug, user=shopper.user, rating=2)
    signals.review_submitted.send(sender=None, visitor=shopper, review=review)
    assert rows() == [("rating", 2)]


def test_logging_in_gives_the_guests_past_to_the_user(mug: Product, shopper: Visitor) -> None:
    guest = Visitor(id=shopper.id)
    signals.product_viewed.send(
        sender=None, visitor=guest, product=mug, event_id=uuid.uuid4(), placement="", impression_id=None
    )
    signals.visitor_logged_in.send(sender=None, visitor=shopper)
    assert Interaction.objects.get().user == shopper.user
