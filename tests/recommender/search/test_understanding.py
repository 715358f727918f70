"""A query is put right where the catalogue does not know it, and narrowed where that loses nothing."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from recommender import snapshot
from recommender.search import word_index
from recommender.search.prices import price_in
from recommender.search.requests import Chip, Filters
from recommender.search.vocabulary import edits_allowed, meanings_of
from shop.models import Product
from tests.recommender.search.conftest import Search

pytestmark = pytest.mark.django_db
MakeProduct = Callable[..., Product]


def index() -> word_index.WordIndex:
    found = word_index.current(snapshot.current())
    assert found is not None
    return found


# Slips


@pytest.mark.parametrize(
    ("word", "edits"), [("mug", 0), ("lamp", 1), ("kettle", 1), ("lantern", 2), ("350", 0)]
)
def test_long_words_may_have_more_wrong(word: str, edits: int) -> None:
    assert edits_allowed(word) == edits


def test_one_edit_from_four_letters_two_from_seven(make_product: MakeProduct) -> None:
    make_product("Mug Lamp Kettle Lantern", category="Home")
    for typed, meant in {
        "lmap": ["lamp"],  # swapped
        "lam": ["lamp"],  # one missing
        "lamps": ["lamp"],
        "lampp": ["lamp"],
        "lanp": ["lamp"],
        "kettel": ["kettle"],
        "ketl": [],  # two of six
        "lntrn": ["lantern"],
        "mugg": [],  # the word that was meant has three letters
        "l1mp": [],
    }.items():
        assert meanings_of(typed, index()) == meant, typed


def test_a_slip_is_put_right_and_shown(make_product: MakeProduct, search: Search) -> None:
    make_product("Copper Kettle")
    understood = search.understood("Coper KETTEL under 50")
    assert (understood.text, understood.corrected) == ("copper kettle", "copper kettle under 50")
    assert search.names("Coper KETTEL", only_sure=True) == ["Copper Kettle"]


def test_what_exact_finds_is_not_put_right(make_product: MakeProduct, search: Search) -> None:
    make_product("Ketle")
    make_product("Kettle")
    understood = search.understood("ketle")
    assert (understood.text, understood.corrected) == ("ketle", "")
    assert search.names("ketle") == ["Ketle"]


def test_to_the_letter_nothing_is_changed(make_product: MakeProduct, search: Search) -> None:
    make_product("Blue Kettle", attributes={"colour": "Blue"})
    for text in ("ketle", "blue kettle under 50"):
        understood = search.understood(text, literal=True)
        assert (understood.text, understood.corrected, understood.chips) == (text, "", ())
        assert understood.filters == Filters()
    assert search.understood('"ketle"').corrected == ""


def test_the_other_words_say_what_was_meant(make_product: MakeProduct, search: Search) -> None:
    """Bale is one edit from bowl, ball and bake; the commonest is not what fits."""
    for number in range(5):
        make_product(f"Garden Ball {number}")
    make_product("Steel Bell")
    assert search.understood("steel bxll").corrected == "steel bell"
    assert search.understood("bxll").corrected == "ball"


def test_words_nobody_knows_stay(make_product: MakeProduct, search: Search) -> None:
    make_product("Copper Kettle")
    assert search.understood("zzzzqq").corrected == ""
    assert search.understood("coper zzzzqq").corrected == "copper zzzzqq"
    assert search.names("coper zzzzqq") == ["Copper Kettle"]


def test_only_what_is_on_sale_counts_as_found(make_product: MakeProduct, search: Search) -> None:
    make_product("Ketle", active=False)
    make_product("Kettle")
    assert search.names("kettel") == ["Kettle"]


# Prices


@pytest.mark.parametrize(
    ("text", "words", "lowest", "highest"),
    [
        ("lamp under 50", "under 50", None, "50"),
        ("lamp below €49,90", "below €49,90", None, "49.90"),
        ("lamp up to 30 euros", "up to 30 euros", None, "30"),
        ("over $100 lamp", "over $100", "100", None),
        ("lamp between 40 and 20", "between 40 and 20", "20", "40"),
        ("lamp from 10 to 20", "from 10 to 20", "10", "20"),
        ("lamp £20-40", "£20-40", "20", "40"),
    ],
)
def test_a_price_is_read(text: str, words: str, lowest: str | None, highest: str | None) -> None:
    price = price_in(text)
    assert price is not None
    assert price.words == words
    assert price.lowest == (Decimal(lowest) if lowest else None)
    assert price.highest == (Decimal(highest) if highest else None)


@pytest.mark.parametrize(
    "text",
    [
        "rug under 50 cm",
        "mug under 350 ml",
        "under 50%",
        "toys from 3 years",
        "20 to 40",
        "under",
        "over 9000000000",
    ],
)
def test_what_is_no_price_is_not_read(text: str) -> None:
    assert price_in(text) is None


def test_a_price_becomes_a_filter_and_a_chip(make_product: MakeProduct, search: Search) -> None:
    make_product("Desk Lamp", price=Decimal("50.00"))
    make_product("Floor Lamp", price=Decimal("50.01"))
    understood = search.understood("lamp under 50")
    assert understood.text == "lamp"
    assert understood.filters.price_to == Decimal(50)
    assert Chip(label="Up to $50", without="lamp") in understood.chips
    assert search.names("lamp under 50") == ["Desk Lamp"]


def test_a_chosen_price_stands_above_the_words(make_product: MakeProduct, search: Search) -> None:
    make_product("Lamp")
    chosen = Filters(price_from=Decimal(5), price_to=Decimal(10))
    understood = search.understood("lamp under 50", filters=chosen)
    assert (understood.text, understood.filters, understood.chips) == ("lamp", chosen, ())


def test_a_number_that_is_a_name_is_no_price(make_product: MakeProduct, search: Search) -> None:
    make_product("Air Max 90 Trainers", price=Decimal(120))
    assert search.understood("air max 90").filters == Filters()
    assert search.names("air max 90") == ["Air Max 90 Trainers"]


# Words as filters


@pytest.fixture
def lamps(make_product: MakeProduct) -> None:
    for number, colour in enumerate(["Navy Blue", "Sky Blue", "Red"]):
        make_product(
            f"Desk Lamp {number}", category="Home > Lamps", brand="Lumo", attributes={"colour": colour}
        )
    make_product("Rug", category="Home > Rugs", brand="Casa", attributes={"colour": "Sky Blue"})
    make_product("Royal Chair", category="Home > Chairs", attributes={"colour": "Royal Blue"})


def test_words_become_filters_and_chips(lamps: None, search: Search) -> None:
    understood = search.understood("blue lumo lamp")
    assert understood.filters == Filters(
        category="home/lamps",
        brands=("Lumo",),
        attributes=(("colour", "navy blue"), ("colour", "sky blue")),  # of every blue, the lamps' own
    )
    assert set(understood.chips) == {
        Chip(label="Colour: blue", without="lumo lamp"),
        Chip(label="Brand: Lumo", without="blue lamp"),
        Chip(label="Category: Lamps", without="blue lumo"),
    }
    assert understood.text == "blue lumo lamp"
    assert sorted(search.names("blue lumo lamp")) == ["Desk Lamp 0", "Desk Lamp 1"]


def test_shades_are_what_people_call_them(lamps: None, make_product: MakeProduct, search: Search) -> None:
    make_product("Desk Lamp 9", category="Home > Lamps", brand="Lumo", attributes={"colour": "Navy"})
    make_product("Navy Report", category="Books", attributes={"topic": "Navy"})
    understood = search.understood("blue lumo lamp")
    assert ("colour", "navy") in understood.filters.attributes
    assert "Colour: blue" in [chip.label for chip in understood.chips]
    found = search.names("blue lumo lamp", only_sure=True)
    assert sorted(found) == ["Desk Lamp 0", "Desk Lamp 1", "Desk Lamp 9"]
    assert search.understood("navy lumo lamp").filters.attributes == (("colour", "navy"),)
    assert search.names("blue report", only_sure=True) == []  # only a colour is called blue


def test_the_longest_value_is_meant(lamps: None, search: Search) -> None:
    assert search.understood("sky blue rug").filters.attributes == (("colour", "sky blue"),)


def test_a_word_that_names_products_stays_a_word(
    lamps: None, make_product: MakeProduct, search: Search
) -> None:
    make_product("Blue Cheese Lamp", category="Home > Food", attributes={"colour": "Oak"})
    understood = search.understood("blue lamp")
    assert understood.filters == Filters()  # blue or lamps would lose it
    assert "Blue Cheese Lamp" in search.names("blue lamp")


def test_filters_never_leave_nothing(lamps: None, search: Search) -> None:
    for text in ("red rug", "green lamp", "casa lamp", "blue"):
        understood = search.understood(text)
        assert understood.filters == Filters(), text
        assert search.names(text), text


def test_chosen_values_are_alternatives_to_the_words(lamps: None, search: Search) -> None:
    understood = search.understood("blue lamp", filters=Filters(attributes=(("colour", "red"),)))
    assert set(understood.filters.attributes) == {
        ("colour", "red"),
        ("colour", "navy blue"),
        ("colour", "sky blue"),
    }
    assert understood.text == "lamp"
    found = search.names("blue lamp", filters=Filters(attributes=(("colour", "red"),)), only_sure=True)
    assert len(found) == 3


def test_a_chosen_category_stands_above_the_words(lamps: None, search: Search) -> None:
    understood = search.understood("blue lamp", filters=Filters(category="home"))
    assert understood.filters.category == "home"
    assert [chip.label for chip in understood.chips] == ["Colour: blue"]


def test_an_exact_name_is_no_filter(lamps: None, make_product: MakeProduct, search: Search) -> None:
    make_product("Blue", attributes={"colour": "Red"})
    assert search.understood("blue").filters == Filters()
    assert search.names("blue")[0] == "Blue"


def test_nothing_is_understood_of_no_text(search: Search, make_product: MakeProduct) -> None:
    make_product("Mug")
    chosen = Filters(on_sale=True)
    understood = search.understood("", filters=chosen)
    assert (understood.text, understood.filters) == ("", chosen)


def test_an_empty_shop_understands_everything_as_it_is(search: Search) -> None:
    understood = search.understood("blue lmap under 50")
    assert understood.corrected == ""
    assert search.names("blue lmap under 50") == []
