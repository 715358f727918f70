"""The search box suggests products that can be bought, categories with something in them, popular queries."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from recommender import refreshing
from recommender.search import popular, suggestions, word_index
from shop.models import Product
from shop.visitors import Visitor

pytestmark = pytest.mark.django_db
MakeProduct = Callable[..., Product]


def names(text: str, *, visitor: Visitor, limit: int = 6) -> list[str]:
    found = suggestions.suggest(text, visitor=visitor, limit=limit)
    return [product.name for product in found.products]


def categories(text: str, *, visitor: Visitor) -> list[str]:
    return [category.name for category in suggestions.suggest(text, visitor=visitor).categories]


def test_products_are_suggested_while_the_last_word_is_typed(
    make_product: MakeProduct, visitor: Visitor
) -> None:
    make_product("Blue Kettle")
    make_product("Blue Kite", rating_count=5)
    make_product("Red Kettle")
    for text in ("b", "blu", "blue", "blue k"):
        assert set(names(text, visitor=visitor)) == {"Blue Kettle", "Blue Kite"}, text
    assert names("blue ke", visitor=visitor) == ["Blue Kettle"]
    assert names("blue", visitor=visitor, limit=1) == ["Blue Kite"]  # the popular one of two alike


def test_a_whole_word_suggests_what_begins_with_it_too(make_product: MakeProduct, visitor: Visitor) -> None:
    make_product("Carpet", rating_count=9)
    make_product("Car")
    assert names("car", visitor=visitor) == ["Car", "Carpet"]


def test_slips_and_prices_are_understood(make_product: MakeProduct, visitor: Visitor) -> None:
    make_product("Copper Kettle", price=20)
    make_product("Silver Kettle", price=200)
    assert names("coper kettel", visitor=visitor) == ["Copper Kettle"]
    assert names("kettle under 50", visitor=visitor) == ["Copper Kettle"]


def test_only_what_can_be_bought_is_suggested(make_product: MakeProduct, visitor: Visitor) -> None:
    make_product("Mug")
    make_product("Mug sold out", stock=0)
    make_product("Mug of old", active=False)
    make_product("Mug for grown-ups", min_age=18)
    make_product("Mug of Germany", regions=["DE"])
    assert names("mug", visitor=visitor) == ["Mug"]
    grown = replace(visitor, region="DE", age=40)
    assert set(names("mug", visitor=grown)) == {"Mug", "Mug for grown-ups", "Mug of Germany"}


def test_categories_with_something_in_them_are_suggested(make_product: MakeProduct, visitor: Visitor) -> None:
    make_product("A", category="Home > Tea Mugs")
    make_product("B", category="Home > Teapots", stock=0)
    make_product("C", category="Mugs")
    assert categories("mu", visitor=visitor) == ["Mugs", "Tea Mugs"]
    assert categories("mug tea", visitor=visitor) == ["Tea Mugs"]
    assert categories("teap", visitor=visitor) == []
    address = suggestions.suggest("mugs", visitor=visitor).categories[0].get_absolute_url()
    assert address == "/category/mugs/"


@pytest.mark.parametrize(
    "text", ["", " ", "the of", "🍵", "-", "\x00", "x" * 10_000, "'; DROP TABLE --", "כוס"]
)
def test_odd_texts_suggest_nothing(text: str, make_product: MakeProduct, visitor: Visitor) -> None:
    make_product("Mug")
    assert suggestions.suggest(text, visitor=visitor) == suggestions.Suggestions()


def test_suggestions_read_a_product_once(make_product: MakeProduct, visitor: Visitor) -> None:
    mug = make_product("Mug", price=10)
    assert names("mug", visitor=visitor) == ["Mug"]
    with CaptureQueriesContext(connection) as queries:
        assert suggestions.suggest("mug", visitor=visitor).products[0].picture is None
    asked = [query["sql"] for query in queries if "SELECT" in query["sql"]]
    assert [sql for sql in asked if "shop_" in sql] == []
    Product.objects.filter(pk=mug.pk).update(price=12)
    refreshing.forget_everything()
    assert suggestions.suggest("mug", visitor=visitor).products[0].price == 12


def test_while_the_words_are_read_categories_alone_are_suggested(
    make_product: MakeProduct, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_product("Mug", category="Mugs")
    monkeypatch.setattr(word_index, "current", lambda catalogue: None)
    found = suggestions.suggest("mug", visitor=visitor)
    assert (found.products, [category.name for category in found.categories]) == ((), ["Mugs"])


def test_popular_queries_that_begin_so_are_suggested(
    visitor: Visitor, make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        ("red mug", 4),
        ("Red  mug!", 3),
        ("red lamp", 5),
        ("red", 90),
        ("blue mug", 50),
        ("red zebra", 9),
    ]
    monkeypatch.setattr(popular, "_logged", lambda: rows)
    assert popular.beginning_with("Red", limit=2) == ["red zebra", "red mug"]  # 9, and 4 + 3
    assert popular.beginning_with("red m", limit=5) == ["red mug"]
    assert popular.beginning_with("", limit=5) == []
    assert suggestions.suggest("red l", visitor=visitor).queries == ("red lamp",)
