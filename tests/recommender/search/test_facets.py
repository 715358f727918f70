"""Facets count what choosing a value would show, and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from recommender import snapshot
from recommender.search import attribute_codes, facets
from recommender.search.requests import Facet, Filters
from shop.models import Product
from shop.visitors import Visitor
from tests.recommender.large_shop import make_products
from tests.recommender.search.conftest import Search

pytestmark = pytest.mark.django_db
MakeProduct = Callable[..., Product]


@pytest.fixture
def shelf(make_product: MakeProduct) -> None:
    """Eight products: mugs of two brands and colours, and two rugs."""
    rows = [
        ("Mug A", "Home > Mugs", "Harlow", "Blue", 8, 4.5, 10, 5),
        ("Mug B", "Home > Mugs", "Harlow", "Red", 12, 3.5, None, 5),
        ("Mug C", "Home > Mugs", "Nestor", "Blue", 20, None, None, 0),
        ("Mug D", "Home > Mugs", "Nestor", "Blue", 25, 2.0, 30, 1),
        ("Mug E", "Home > Tall Mugs", "Nestor", "Red", 40, 5.0, None, 1),
        ("Mug Rug", "Home > Rugs", "", "Red", 90, 4.0, None, 1),
        ("Rug", "Home > Rugs", "", "", 100, 4.0, None, 1),
        ("Sun Mug", "Garden > Cups", "Harlow", "Blue", 15, 1.0, None, 1),
    ]
    for name, category, brand, colour, price, rating, list_price, stock in rows:
        make_product(
            name,
            category=category,
            brand=brand,
            attributes={"colour": colour} if colour else {},
            price=Decimal(price),
            rating=rating,
            list_price=list_price,
            stock=stock,
        )


def shown(search: Search, filters: Filters) -> int:
    """Return how many products the filters let through."""
    return int(np.count_nonzero(search.scene(filters).allowed_I))


def test_counts_are_of_what_was_found(shelf: None, search: Search) -> None:
    found = search.facets("mug")
    assert found["brand"] == {"Harlow": 3, "Nestor": 3}
    assert found["colour"] == {"blue": 4, "red": 3}
    assert found["category"] == {"garden": 1, "home": 6}
    assert found["rating"] == {"4": 3, "3": 4, "2": 5}
    assert (found["on_sale"], found["in_stock"]) == ({"1": 2}, {"1": 6})


def test_counts_are_disjunctive(shelf: None, search: Search) -> None:
    """A facet's own choice does not narrow its counts, and narrows all others'."""
    found = search.facets("mug", filters=Filters(brands=("Harlow",), attributes=(("colour", "blue"),)))
    assert found["brand"] == {"Harlow": 2, "Nestor": 2}  # of the blue ones
    assert found["colour"] == {"blue": 2, "red": 1}  # of Harlow's
    assert found["in_stock"] == {"1": 2}


def test_every_count_is_what_choosing_shows(shelf: None, search: Search) -> None:
    chosen = Filters(price_to=Decimal(40), in_stock=True)
    found = search.facets(filters=chosen)
    for value, count in found["brand"].items():
        assert shown(search, replace(chosen, brands=(value,))) == count, value
    for value, count in found["colour"].items():
        assert shown(search, replace(chosen, attributes=(("colour", value),))) == count, value
    for value, count in found["category"].items():
        assert shown(search, replace(chosen, category=value)) == count, value
    for value, count in found["rating"].items():
        assert shown(search, replace(chosen, rating_from=int(value))) == count, value
    for value, count in found["price"].items():
        lowest, highest = facets.price_range(value)
        assert shown(search, replace(chosen, price_from=lowest, price_to=highest)) == count, value
    assert found["on_sale"] == {"1": shown(search, replace(chosen, on_sale=True))}


def test_values_of_one_name_are_alternatives(shelf: None, search: Search) -> None:
    assert shown(search, Filters(brands=("harlow", "NESTOR"))) == 6
    assert shown(search, Filters(attributes=(("Colour", "Blue"), ("colour", "red")))) == 7
    assert shown(search, Filters(brands=("Harlow",), attributes=(("colour", "red"),))) == 1


def test_a_category_holds_what_is_below_it_and_no_namesake(shelf: None, search: Search) -> None:
    assert shown(search, Filters(category="home")) == 7
    assert shown(search, Filters(category="home/mugs")) == 4
    assert shown(search, Filters(category="home/mug")) == 0


@pytest.mark.parametrize(
    "filters",
    [
        Filters(category="nowhere"),
        Filters(brands=("Nobody",)),
        Filters(attributes=(("colour", "ultraviolet"),)),
        Filters(attributes=(("smell", "blue"),)),
    ],
)
def test_unknown_values_show_nothing(shelf: None, search: Search, filters: Filters) -> None:
    assert shown(search, filters) == 0
    search.facets("mug", filters=filters)


def test_prices_include_their_ends(shelf: None, search: Search) -> None:
    assert shown(search, Filters(price_from=Decimal("12.00"), price_to=Decimal("25"))) == 4


def test_chosen_values_are_said_to_be(shelf: None, search: Search) -> None:
    chosen = Filters(
        category="home/mugs", brands=("nestor",), price_from=Decimal(7), price_to=Decimal(21), rating_from=1
    )
    everything = search.scene()
    rows = np.arange(len(everything.catalogue))
    found = facets.count(rows, scene=everything, filters=chosen)
    said = {(facet.name, value.value) for facet in found for value in facet.values if value.chosen}
    assert said == {("category", "home/mugs"), ("brand", "Nestor"), ("price", "7-21"), ("rating", "1")}


def labels(found: tuple[Facet, ...]) -> dict[str, list[str]]:
    return {facet.label: [value.label for value in facet.values] for facet in found}


def test_labels_are_for_people(make_product: MakeProduct, search: Search) -> None:
    for size, price in (("XL", 5), ("350 ml", 30), ("sage green", 80)):
        make_product(attributes={"best_size": size}, price=price, category=f"Home & Garden > Tea {size}")
    everything = search.scene()
    found = labels(facets.count(np.arange(3), scene=everything, filters=Filters()))
    assert sorted(found["Best size"]) == ["350 ml", "Sage green", "XL"]
    assert sorted(found["Category"]) == ["Tea 350 ml", "Tea XL", "Tea sage green"]
    assert found["Price"][0].startswith("Up to $")
    assert found["Price"][-1].endswith(" and more")


def test_only_what_the_visitor_may_see_is_counted(make_product: MakeProduct, visitor: Visitor) -> None:
    make_product(brand="Open")
    make_product(brand="Closed", regions=["DE"])
    make_product(brand="Open")
    make_product(brand="Other")
    search = Search(visitor)
    assert search.facets()["brand"] == {"Open": 2, "Other": 1}


def test_a_facet_without_a_choice_is_left_out(make_product: MakeProduct, search: Search) -> None:
    make_product("Mug", brand="Harlow", attributes={"colour": "blue"})
    make_product("Mug", brand="Harlow", attributes={"colour": "blue"})
    assert set(search.facets()) == {"in_stock"}
    assert search.facets("nothing has this") == {}


@pytest.mark.parametrize("value", ["", "-", "10", "a-b", "10-20-30", "1e5-", "-10.123", "٣-٤", "9999999999-"])
def test_a_price_range_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="is no price range; write such as 10-25"):
        facets.price_range(value)


def test_attribute_columns_follow_the_catalogue(make_product: MakeProduct) -> None:
    mug = make_product("Mug", attributes={"colour": "Blue"})
    rug = make_product("Rug", attributes={"colour": "Red", "size": "XL"})

    def values(name: str) -> list[str]:
        snapshot.forget()
        column = attribute_codes.of(snapshot.current())[name]
        return [column.values[code] if code >= 0 else "" for code in column.codes_I]

    assert values("colour") == ["blue", "red"]
    make_product("Hat", attributes={"colour": "Blue"})
    Product.objects.filter(pk=rug.pk).update(attributes={"colour": "Green"})
    assert values("colour") == ["blue", "green", "blue"]
    assert values("size") == ["", "", ""]
    mug.delete()
    assert values("colour") == ["green", "blue"]


def test_counting_many_values_of_many_products_is_exact(search: Search) -> None:
    make_products(1_000)
    everything = search.scene()
    found = facets.count(np.arange(1_000), scene=everything, filters=Filters())
    by_name = {facet.name: facet for facet in found}
    assert len(by_name["brand"].values) == facets.MOST_BRANDS
    assert sum(value.count for value in by_name["colour"].values) == 1_000
