"""Rules and exploration in the lists that pages show: the whole way from the database to the impression."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recommender import impressions, recommendations
from recommender.interactions import record_interaction
from recommender.models import BusinessRule
from recommender.recommendations import recommend
from shop.models import Product
from shop.visitors import Visitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def mugs(make_product: Callable[..., Product]) -> list[Product]:
    """Mug 0 is the newest, Mug 19 the oldest; all of a guest's lists follow that order."""
    then = timezone.now() - timedelta(days=100)
    return [
        make_product(f"Mug {n}", category="Mugs", released_at=then - timedelta(days=n)) for n in range(20)
    ]


@pytest.fixture
def no_impressions(monkeypatch: pytest.MonkeyPatch) -> None:
    """An impression that is written fails the test."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("An impression was written.")

    monkeypatch.setattr(impressions, "record_served", refuse)


def names(visitor: Visitor, *, placement: str = "home_for_you", k: int = 6) -> list[str]:
    return [product.name for product in recommend(placement, visitor=visitor, k=k).products]


def pin(product: Product, *, position: int, **fields: Any) -> BusinessRule:
    return BusinessRule.objects.create(name="P", action="pin", product=product, position=position, **fields)


def exclude(**targets: Any) -> BusinessRule:
    return BusinessRule.objects.create(name="E", action="exclude", **targets)


def numbered(*numbers: int) -> list[str]:
    return [f"Mug {number}" for number in numbers]


def test_a_pinned_product_stands_at_its_position(visitor: Visitor, mugs: list[Product]) -> None:
    pin(mugs[15], position=2)
    assert names(visitor) == numbered(0, 15, 1, 2, 3, 4)


def test_a_pinned_product_stays_when_the_shopper_has_looked_at_it(
    visitor: Visitor, mugs: list[Product]
) -> None:
    pin(mugs[15], position=2)
    record_interaction(event_id=uuid.uuid4(), visitor=visitor, product_id=mugs[15].pk, kind="view")
    assert names(visitor)[1] == "Mug 15"


@pytest.mark.parametrize("fields", [{"stock": 0}, {"active": False}, {"min_age": 18}, {"regions": ["FR"]}])
def test_what_may_not_be_sold_to_the_shopper_is_not_pinned(
    visitor: Visitor, mugs: list[Product], fields: dict[str, Any]
) -> None:
    Product.objects.filter(pk=mugs[15].pk).update(**fields)
    pin(mugs[15], position=1)
    assert names(visitor) == numbered(0, 1, 2, 3, 4, 5)


def test_what_is_sold_out_since_the_catalogue_was_read_is_not_shown_for_its_pin(
    visitor: Visitor, mugs: list[Product]
) -> None:
    pin(mugs[15], position=1)
    assert names(visitor)[0] == "Mug 15"
    Product.objects.filter(pk=mugs[15].pk).update(stock=0)
    assert names(visitor) == numbered(0, 1, 2, 3, 4, 5)


def test_excluded_products_make_room_for_the_next(visitor: Visitor, mugs: list[Product]) -> None:
    exclude(product=mugs[0])
    exclude(product=mugs[2])
    assert names(visitor) == numbered(1, 3, 4, 5, 6, 7)


@pytest.mark.usefixtures("no_impressions")
def test_a_rule_that_excludes_everything_leaves_an_empty_list_and_no_impression(
    visitor: Visitor, mugs: list[Product]
) -> None:
    exclude(category=mugs[0].category)
    assert names(visitor) == []


def test_a_boosted_product_comes_up_and_a_buried_one_goes_down(visitor: Visitor, mugs: list[Product]) -> None:
    BusinessRule.objects.create(name="B", action="boost", product=mugs[7], strength=3)  # six places
    BusinessRule.objects.create(name="D", action="bury", product=mugs[0])  # two places
    assert names(visitor) == numbered(7, 1, 2, 0, 3, 4)


def test_a_rule_acts_at_its_placement_alone(visitor: Visitor, mugs: list[Product]) -> None:
    pin(mugs[15], position=1, placement="home_trending")
    assert names(visitor)[0] == "Mug 0"
    assert names(visitor, placement="home_trending")[0] == "Mug 15"


def test_a_pin_everywhere_does_not_enter_what_the_shopper_viewed(
    visitor: Visitor, mugs: list[Product]
) -> None:
    pin(mugs[15], position=1)
    record_interaction(event_id=uuid.uuid4(), visitor=visitor, product_id=mugs[3].pk, kind="view")
    assert names(visitor, placement="home_recently_viewed") == ["Mug 3"]


def test_rules_cost_a_page_no_query(visitor: Visitor, mugs: list[Product]) -> None:
    pin(mugs[15], position=1)
    names(visitor)
    with CaptureQueriesContext(connection) as queries:
        names(visitor)
    assert [query for query in queries if "businessrule" in query["sql"]] == []


def test_an_explored_product_is_logged_as_such(
    visitor: Visitor, mugs: list[Product], make_product: Callable[..., Product], settings: Any
) -> None:
    settings.EXPLORATION_SHARE, settings.EXPLORATION_DAYS = 0.5, 120
    Product.objects.filter(pk__in=[mug.pk for mug in mugs[:6]]).update(
        released_at=timezone.now() - timedelta(days=200)
    )
    served = recommend("home_for_you", visitor=visitor, k=12)
    explored = [place for place, source in enumerate(served.sources) if source == "explore"]
    assert explored
    assert all(served.reasons[place].kind == "explore" for place in explored)


@pytest.mark.usefixtures("no_impressions")
def test_a_preview_is_the_list_under_the_given_rules_and_writes_nothing(
    visitor: Visitor, mugs: list[Product]
) -> None:
    pin(mugs[15], position=1)
    unsaved = BusinessRule(name="U", action="exclude", product=mugs[1])
    found = recommendations.preview("home_for_you", visitor=visitor, k=4, rules=[unsaved])
    assert [product.name for product in found.products] == numbered(0, 2, 3, 4)


def test_a_preview_of_an_unknown_placement_is_refused(visitor: Visitor) -> None:
    with pytest.raises(ValueError, match="There is no placement"):
        recommendations.preview("cellar", visitor=visitor, rules=[])
