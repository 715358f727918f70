"""A request asks only for what the shop has; what was left out of it is said."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from django.http import QueryDict
from django.utils import timezone

from recommender import encoders, snapshot
from recommender.search import kept_pictures
from recommender.search.asking import PICTURE_GONE, Asked, ask
from recommender.search.requests import Filters, SearchRequest
from shop.models import Product
from shop.visitors import Visitor
from tests.recommender.redis_states import break_redis, mend_redis

pytestmark = pytest.mark.django_db
MakeProduct = Callable[..., Product]


@pytest.fixture(autouse=True)
def _named_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "current_name", lambda: "colours")


@pytest.fixture
def mug(make_product: MakeProduct) -> Product:
    return make_product("Mug", category="Home > Mugs", brand="Harlow", attributes={"Colour": "Blue"})


def asked(query: str, *, visitor: Visitor) -> Asked:
    return ask(QueryDict(query), visitor=visitor)


def test_filters_of_what_the_shop_has_stay(mug: Product, visitor: Visitor) -> None:
    found = asked("category=home/mugs&brand=HARLOW&attribute=Colour:blue", visitor=visitor)
    assert found.errors == {}
    assert found.request.filters == Filters(
        category="home/mugs", brands=("Harlow",), attributes=(("colour", "blue"),)
    )


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("category=home/cups", "category"),
        ("brand=Nobody", "brand"),
        ("attribute=colour:red", "attribute"),
        ("attribute=taste:blue", "attribute"),
        ("like=99999", "like"),
    ],
)
def test_what_the_shop_does_not_have_is_left_out_and_named(
    mug: Product, visitor: Visitor, query: str, name: str
) -> None:
    found = asked(f"q=mug&{query}", visitor=visitor)
    assert list(found.errors) == [name]
    assert found.request == SearchRequest(text="mug")


def test_a_brand_that_is_there_stays_beside_one_that_is_not(mug: Product, visitor: Visitor) -> None:
    found = asked("brand=Nobody&brand=Harlow", visitor=visitor)
    assert found.request.filters.brands == ("Harlow",)
    assert "Nobody" in found.errors["brand"]


def test_a_new_products_attribute_is_known(mug: Product, visitor: Visitor, make_product: MakeProduct) -> None:
    assert asked("attribute=colour:red", visitor=visitor).errors
    make_product(attributes={"colour": "red"})
    snapshot.forget()
    assert not asked("attribute=colour:red", visitor=visitor).errors


def test_a_product_to_compare_with_must_be_shown_to_the_visitor(
    make_product: MakeProduct, visitor: Visitor
) -> None:
    shown = make_product("Mug", stock=0)
    hidden = [
        make_product("Tomorrow", released_at=timezone.now() + timedelta(days=1)),
        make_product("Withdrawn", active=False),
        make_product("Grown-ups", min_age=18),
    ]
    assert asked(f"like={shown.pk}", visitor=visitor).like == shown
    for product in hidden:
        found = asked(f"like={product.pk}", visitor=visitor)
        assert (found.like, found.request.like, list(found.errors)) == (None, None, ["like"])


def test_a_picture_is_recalled_by_its_token(visitor: Visitor) -> None:
    kept = kept_pictures.keep(SearchRequest(picture_D=np.array([0.6, 0.8], dtype=np.float32)))
    found = asked(f"q=red&picture={kept.picture_token}", visitor=visitor)
    assert found.request.picture_D is not None
    assert found.request.picture_D.tolist() == pytest.approx([0.6, 0.8])
    assert found.request.picture_token == kept.picture_token
    assert (found.request.text, found.errors, found.is_empty) == ("red", {}, False)


def test_tokens_are_long_and_never_the_same() -> None:
    request = SearchRequest(picture_D=np.ones(2))
    tokens = {kept_pictures.keep(request).picture_token for _ in range(20)}
    assert len(tokens) == 20
    assert min(map(len, tokens)) >= 22  # more than 128 bits


def test_a_picture_that_is_kept_no_longer_is_said_to_be(visitor: Visitor) -> None:
    found = asked("q=red&picture=" + "x" * 24, visitor=visitor)
    assert found.errors == {"picture": PICTURE_GONE}
    assert found.request == SearchRequest(text="red")


def test_a_vector_of_a_former_encoder_is_of_no_use(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = kept_pictures.keep(SearchRequest(picture_D=np.ones(2)))
    monkeypatch.setattr(encoders, "current_name", lambda: "another")
    assert asked(f"picture={kept.picture_token}", visitor=visitor).errors == {"picture": PICTURE_GONE}


def test_without_redis_a_picture_is_gone_and_words_still_count(visitor: Visitor) -> None:
    token = kept_pictures.keep(SearchRequest(picture_D=np.ones(2))).picture_token
    break_redis()
    try:
        found = asked(f"q=mug&picture={token}", visitor=visitor)
    finally:
        mend_redis()
    assert (found.request.text, list(found.errors)) == ("mug", ["picture"])


def test_one_picture_is_compared_with_at_a_time(mug: Product, visitor: Visitor) -> None:
    kept = kept_pictures.keep(SearchRequest(picture_D=np.ones(2)))
    found = asked(f"like={mug.pk}&picture={kept.picture_token}", visitor=visitor)
    assert (found.like, found.request.like) == (None, None)
    assert list(found.errors) == ["like"]


def test_nothing_asked_is_empty_and_a_filter_is_something(mug: Product, visitor: Visitor) -> None:
    assert asked("q=+%00&brand=Nobody", visitor=visitor).is_empty
    for query in ("q=mug", "in_stock=1", f"like={mug.pk}"):
        assert not asked(query, visitor=visitor).is_empty, query
