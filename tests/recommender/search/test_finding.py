"""find(): by words, by picture, by both and by filters alone; what is close follows what answers."""

import dataclasses
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from recommender import encoders, snapshot
from recommender.documents import update_search_documents
from recommender.search import finding, understanding, vectors
from recommender.search.requests import Chip, Filters, Leg, Scene, SearchPage, SearchRequest, Understood
from shop.models import Product
from shop.visitors import Visitor

MakeProduct = Callable[..., Product]
pytestmark = pytest.mark.django_db
UNDER_20 = Filters(price_to=Decimal(20))


@pytest.fixture(autouse=True)
def _quiet(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.BUFFER_IMPRESSIONS = False
    monkeypatch.setattr(encoders, "encoder_if_ready", lambda wait_seconds=0: None)


@pytest.fixture
def mugs(make_product: MakeProduct) -> list[Product]:
    """Three mugs: cheap and unpopular, dear and popular, cheap and sold out; and a lamp."""
    mugs = [
        make_product("Blue Mug", price=Decimal(5), rating_count=1, rating=Decimal(3), category="Home > Mugs"),
        make_product("Red Mug", price=Decimal(50), rating_count=90, category="Home > Mugs"),
        make_product("Old Mug", price=Decimal(6), rating_count=40, stock=0, category="Home > Mugs"),
        make_product("Lamp", price=Decimal(30), rating_count=500, category="Home > Lamps"),
    ]
    update_search_documents()
    return mugs


def find(visitor: Visitor, **asked: Any) -> SearchPage:
    return finding.find(SearchRequest(**asked), visitor=visitor)


def names(page: SearchPage) -> list[str]:
    products = Product.objects.in_bulk(page.product_ids)
    return [products[product_id].name for product_id in page.product_ids]


def test_the_sold_out_are_found_last_and_left_out_when_stock_is_asked_for(
    mugs: list[Product], visitor: Visitor
) -> None:
    page = find(visitor, text="mug")
    assert names(page) == ["Red Mug", "Blue Mug", "Old Mug"]
    assert page.num_matching == 3
    page = find(visitor, text="mug", filters=Filters(in_stock=True))
    assert (names(page), page.num_matching) == (["Red Mug", "Blue Mug"], 2)


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("price", ["Blue Mug", "Old Mug", "Red Mug"]),
        ("-price", ["Red Mug", "Old Mug", "Blue Mug"]),
        ("rating", ["Blue Mug", "Red Mug", "Old Mug"]),
        ("popular", ["Red Mug", "Old Mug", "Blue Mug"]),
        ("new", ["Old Mug", "Red Mug", "Blue Mug"]),
        ("no such order", ["Red Mug", "Blue Mug", "Old Mug"]),
    ],
)
def test_what_was_found_can_be_sorted(
    mugs: list[Product], visitor: Visitor, sort: str, expected: list[str]
) -> None:
    assert names(find(visitor, text="mug", sort=sort)) == expected


def test_filters_alone_show_all_that_they_let_through_the_popular_first(
    mugs: list[Product], visitor: Visitor
) -> None:
    page = find(visitor, filters=UNDER_20)
    assert (set(names(page)), page.num_matching) == ({"Old Mug", "Blue Mug"}, 2)
    assert not page.nearest_only


def test_filters_of_the_page_are_never_overstepped(mugs: list[Product], visitor: Visitor) -> None:
    assert names(find(visitor, text="lamp", filters=UNDER_20)) == []


def test_what_the_filters_in_the_words_shut_out_follows_as_close(
    mugs: list[Product], visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def understand(request: SearchRequest, *, catalogue: snapshot.Snapshot) -> Understood:
        under = dataclasses.replace(request.filters, price_to=Decimal(20))
        return Understood(text="mug", filters=under, chips=(Chip(label="Under 20", without="mug"),))

    monkeypatch.setattr(understanding, "understand", understand)
    page = find(visitor, text="mug under 20")
    assert (names(page), page.num_matching) == (["Blue Mug", "Old Mug", "Red Mug"], 2)
    # A filter of the page holds for what is close as well.
    page = find(visitor, text="mug under 20", filters=Filters(in_stock=True))
    assert (names(page), page.num_matching) == (["Blue Mug", "Red Mug"], 1)
    monkeypatch.setattr(finding, "PAGE_SIZE", 2)
    assert names(find(visitor, text="mug under 20")) == ["Blue Mug", "Old Mug"]


def test_facets_count_what_has_every_word_whatever_the_filters(
    mugs: list[Product], visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[set[int]] = []

    def count(rows_N: np.ndarray, *, scene: Scene, filters: Filters) -> tuple[()]:
        counted.append(set(scene.catalogue.product_id[rows_N].tolist()))
        return ()

    monkeypatch.setattr(finding.facets, "count", count)
    find(visitor, text="mug", filters=UNDER_20)
    assert counted == [{mug.pk for mug in mugs[:3]}]


# Pictures


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[float], str]]:
    """Vectors of two columns, by which the nearest are the first rows; what was asked of them."""
    asked: list[tuple[list[float], str]] = []

    def look(vector_D: np.ndarray, *, scene: Scene, side: str) -> Leg:
        asked.append((vector_D.tolist(), side))
        rows = np.flatnonzero(scene.allowed_I)
        nothing_sure = np.zeros(len(rows), dtype=bool)
        scores = -np.arange(len(rows), dtype=np.float32)
        return Leg(name=f"dense_{side}", rows_N=rows, scores_N=scores, sure_N=nothing_sure)

    monkeypatch.setattr(vectors, "look", look)
    monkeypatch.setattr(vectors, "of_text", lambda text: np.array([0.0, 1.0]))
    monkeypatch.setattr(vectors, "of_product", lambda product_id: np.array([1.0, 0.0]))
    monkeypatch.setattr(vectors, "blend", lambda picture_D, text_D: picture_D + text_D)
    return asked


def test_like_a_product_finds_others_by_its_picture(
    mugs: list[Product], visitor: Visitor, looked: list[tuple[list[float], str]]
) -> None:
    page = find(visitor, like=mugs[0].pk)
    assert mugs[0].pk not in page.product_ids
    assert page.num_matching == len(page.product_ids) == 3
    assert looked == [([1.0, 0.0], "image")]


def test_a_picture_and_words_are_one_vector(
    mugs: list[Product], visitor: Visitor, looked: list[tuple[list[float], str]]
) -> None:
    page = find(visitor, text="red", picture_D=np.array([2.0, 0.0]), filters=UNDER_20)
    assert looked == [([2.0, 1.0], "text"), ([2.0, 1.0], "image")]
    assert set(names(page)) == {"Blue Mug", "Old Mug"}


def test_like_a_product_without_a_vector_shows_its_shelf_and_nothing_for_no_product(
    mugs: list[Product], visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "of_product", lambda product_id: None)
    assert names(find(visitor, like=mugs[0].pk)) == ["Red Mug", "Old Mug"]
    assert find(visitor, like=10**9).product_ids == []


def test_a_phrase_is_meant_to_the_letter(
    mugs: list[Product], visitor: Visitor, looked: list[tuple[list[float], str]]
) -> None:
    assert names(find(visitor, text='"red mug"')) == ["Red Mug"]
    assert looked == []
    assert find(visitor, text="mug").num_matching == 3
    assert [side for _, side in looked] == ["text", "image"]
