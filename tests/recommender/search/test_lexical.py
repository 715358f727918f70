"""Words find what holds them, in whichever form and writing, and what is called so comes first."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from recommender import snapshot
from recommender.documents import update_search_documents
from recommender.search import lexical, word_index
from recommender.search.requests import Filters, Understood
from recommender.search.tokens import key_of, words_of
from shop.models import Category, Product
from tests.recommender.search.conftest import Search

pytestmark = pytest.mark.django_db
MakeProduct = Callable[..., Product]


def test_words_are_the_same_in_every_writing() -> None:
    assert words_of("Crème BRÛLÉE, 350ml (1.5 l)") == ["creme", "brulee", "350", "ml", "1.5", "l"]
    assert words_of("Women's T-shirt") == ["women", "t", "shirt"]
    assert key_of("  Sky-Blue  ") == key_of("sky blue")


def test_a_word_in_the_name_weighs_more_than_elsewhere(make_product: MakeProduct, search: Search) -> None:
    make_product("Plate", description="Goes with a maple bowl.")
    make_product("Bowl", attributes={"wood": "Maple"})
    make_product("Tray", category="Maple")
    make_product("Maple Board")
    assert search.names("maple") == ["Maple Board", "Tray", "Bowl", "Plate"]


def test_the_words_of_the_brand_are_not_what_the_product_is(
    make_product: MakeProduct, search: Search
) -> None:
    make_product("Leaf & Kettle Green Tea", brand="Leaf & Kettle", rating_count=900)
    make_product("Copper Pouring Kettle")
    assert search.names("kettle") == ["Copper Pouring Kettle", "Leaf & Kettle Green Tea"]


def test_words_are_found_in_name_brand_category_attributes_and_description(
    make_product: MakeProduct, search: Search
) -> None:
    make_product(
        "Rosa",
        category="Kitchen > Teapots",
        brand="Harlow",
        attributes={"colour": "Sage Green"},
        description="Pours without a drip.",
    )
    for query in ("rosa", "teapot", "harlow", "green", "drip", "kitchen", "harlow teapots", "rósa dripping"):
        assert search.names(query) == ["Rosa"], query
    assert search.names("colour") == []  # a label, not a word of the product


def test_every_word_comes_before_some_words(make_product: MakeProduct, search: Search) -> None:
    make_product("Cup", rating_count=500)
    make_product("Small Box", description="It is red and holds one cup.")
    assert search.names("red cup") == ["Small Box", "Cup"]
    assert search.names("red cup", only_sure=True) == ["Small Box"]


def test_an_exact_name_or_sku_comes_first(make_product: MakeProduct, search: Search) -> None:
    make_product("Coaster", sku="TEA-CUP")
    make_product("Tea Cup Deluxe", category="Tea Cups", rating_count=99)
    make_product("Mug Mug Mug", category="Mugs", description="mug " * 20, rating_count=99)
    make_product("Mug")
    saucer = make_product("Saucer", sku="MUG-7", description="For a mug.")
    assert search.names("mug")[0] == "Mug"
    for sku in ("mug-7", "MUG 7", "mug7"):
        assert search.names(sku)[0] == "Saucer", sku
    assert search.names("tea cup") == ["Coaster", "Tea Cup Deluxe"]
    scene = search.scene()
    leg = lexical.look(Understood(text="mug-7", filters=Filters()), scene=scene)
    assert leg.exact_N is not None
    assert scene.catalogue.product_id[leg.rows_N[leg.exact_N]].tolist() == [saucer.pk]
    assert leg.sure_N[leg.exact_N].all()


def test_the_last_word_may_be_half_typed(make_product: MakeProduct, search: Search) -> None:
    make_product("Blue Kettle")
    assert search.names("blue kett", only_sure=True) == ["Blue Kettle"]
    assert search.names("kett blue", only_sure=True) == []  # only the last word is being typed


def test_a_whole_word_is_no_beginning(make_product: MakeProduct, search: Search) -> None:
    make_product("Car")
    make_product("Carpet")
    assert search.names("car") == ["Car"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("mugs", "Stoneware Mug"),
        ("handbag", "Leather Hand Bag"),
        ("hand bag", "Canvas Handbag"),
        ("teapot", "Tea Pot"),
        ("t shirt", "T-Shirt"),
        ("tshirt", "Linen Tshirt"),
        ("350ml glass", "Glass, 350 ml"),
    ],
)
def test_other_forms_and_writings_are_found(
    query: str, name: str, make_product: MakeProduct, search: Search
) -> None:
    make_product(name)
    make_product("Something else")
    assert search.names(query, only_sure=True) == [name]


def test_phrases_minus_and_or_are_meant_to_the_letter(make_product: MakeProduct, search: Search) -> None:
    for name in ("Red Cup", "Cup Red", "Blue Cup", "Lamp"):
        make_product(name)
    for stored in (False, True):  # by words worked out on the spot, then by the stored ones
        assert search.names('"red cup"') == ["Red Cup"], stored
        assert search.names("cup -red") == ["Blue Cup"], stored
        assert set(search.names("blue or lamp")) == {"Blue Cup", "Lamp"}, stored
        update_search_documents()
    make_product("Green Cup")  # the newest one's are not stored yet
    snapshot.forget()
    assert set(search.names("cup -red")) == {"Blue Cup", "Green Cup"}


def test_until_the_words_are_read_the_stored_ones_answer(
    make_product: MakeProduct, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_product("Red Cup")
    make_product("Red Lamp")
    make_product("Blue Bowl")
    update_search_documents()
    monkeypatch.setattr(word_index, "current", lambda catalogue: None)
    assert search.understood("red cup").text == "red cup"
    assert search.names("red cup") == ["Red Cup", "Red Lamp"]


def test_only_what_the_scene_allows_is_found(make_product: MakeProduct, search: Search) -> None:
    kept, hidden = make_product("Red Cup"), make_product("Red Cup Large")
    scene = search.scene()
    scene = replace(scene, allowed_I=scene.catalogue.product_id != hidden.pk)
    leg = lexical.look(Understood(text="red cup", filters=Filters()), scene=scene)
    assert scene.catalogue.product_id[leg.rows_N].tolist() == [kept.pk]


def test_where_all_words_became_filters_all_of_them_are_found(
    make_product: MakeProduct, search: Search
) -> None:
    make_product("Cup", price=Decimal(5))
    make_product("Lamp", price=Decimal(80))
    assert search.names("under 50", only_sure=True) == ["Cup"]
    assert search.names("") == []


@pytest.mark.parametrize(
    "query",
    [
        "'; DROP TABLE shop_product; --",
        "a & b | !c <-> (d",
        "🍵",
        "כוס אדומה",
        "% _ \\ : * '",
        "-",
        '"',
        "the of and",
        "x" * 10_000,
        "word " * 2_000,
        "nul and \x1b[31m bell\x07",
        ":*",
        "or or -or",
        "between and under over",
        "under 99999999999999",
    ],
)
def test_hostile_and_odd_queries_find_nothing_quietly(
    query: str, make_product: MakeProduct, search: Search
) -> None:
    make_product("Mug")
    assert search.ids(query) == []


# The index


def built() -> word_index.WordIndex:
    snapshot.forget()
    index = word_index.current(snapshot.current())
    assert index is not None
    return index


def holding(index: word_index.WordIndex, word: str) -> list[int]:
    """Return the ids of the products that hold the word."""
    if word not in index.word_id:
        return []
    rows, _ = index.pairs(index.word_id[word], index.word_id[word] + 1)
    return [int(pk) for pk in index.product_id[np.sort(rows)]]


def test_the_index_follows_edits_additions_and_deletions(make_product: MakeProduct) -> None:
    mug, lamp, bowl = make_product("Mug"), make_product("Lamp"), make_product("Bowl")
    assert holding(built(), "lamp") == [lamp.pk]
    lamp.name = "Lantern"
    lamp.save()
    bowl.delete()
    vase = make_product("Vase with a mug")
    index = built()
    assert (holding(index, "lamp"), holding(index, "lantern")) == ([], [lamp.pk])
    assert (holding(index, "mug"), holding(index, "bowl")) == ([mug.pk, vase.pk], [])
    assert index.words == sorted(index.words)
    whole = word_index.read(snapshot.current())
    assert whole.words == index.words
    for word in whole.words:
        assert holding(index, word) == holding(whole, word)


def test_a_sale_changes_no_word(make_product: MakeProduct) -> None:
    mug = make_product("Mug")
    before = built()
    Product.objects.filter(pk=mug.pk).update(stock=1)
    after = built()
    assert after.rows is before.rows
    assert after.revision != before.revision


def test_a_renamed_category_and_brand_change_the_words_of_their_products(make_product: MakeProduct) -> None:
    product = make_product("Rosa", category="Teapots", brand="Harlow")
    assert holding(built(), "teapots") == [product.pk]
    Category.objects.update(name="Kettles")
    Product.objects.update(brand="Nestor")
    index = built()
    assert (holding(index, "teapots"), holding(index, "kettles")) == ([], [product.pk])
    assert (holding(index, "harlow"), holding(index, "nestor")) == ([], [product.pk])


def test_an_index_of_other_rows_answers_by_product(make_product: MakeProduct, search: Search) -> None:
    """A large catalogue is read in the background: what was read before serves on, by the new rows."""
    first, second = make_product("Mug"), make_product("Lamp")
    index = built()
    first.delete()
    third = make_product("Vase")
    snapshot.forget()
    catalogue = snapshot.current()
    held = index.in_rows_of(catalogue, np.array([5.0, 7.0], dtype=np.float32))
    assert catalogue.product_id.tolist() == [second.pk, third.pk]
    assert held.tolist() == [7.0, 0.0]
    assert index.in_rows_of(catalogue, np.array([True, True])).tolist() == [True, False]


@pytest.mark.django_db(transaction=True)
def test_a_large_catalogue_is_read_in_the_background(
    make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_product("Mug")
    monkeypatch.setattr(word_index, "READ_AT_ONCE", 0)
    catalogue = snapshot.current()
    assert word_index.current(catalogue) is None
    assert word_index._kept.reading is not None
    word_index._kept.reading.join(30)
    index = word_index.current(catalogue)
    assert index is not None
    assert index.words == ["home", "mug"]
