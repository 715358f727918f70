"""Search finds by words, never ranks below them, and shows nothing that the visitor may not buy."""

import dataclasses
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone
from PIL import Image

from recommender import encoders, refreshing, snapshot
from recommender.documents import update_search_documents
from recommender.models import ContentEmbedding, SearchDocument
from recommender.search import finding as search
from recommender.search import vectors
from recommender.search.requests import SearchPage, SearchRequest
from recommender.search.requests_url import clean_query
from shop.models import Product
from shop.visitors import Visitor

MakeProduct = Callable[..., Product]


class KeywordEncoder:
    """Stands in for open_clip: one dimension a keyword, so that the nearest product is worked out by eye."""

    name = "keywords"
    dimension = 4
    keywords = ("cup", "lamp", "red", "blue")

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        rows = [[float(word in text.lower()) + 0.01 for word in self.keywords] for text in texts]
        return np.array(rows, np.float32) / np.linalg.norm(rows, axis=1, keepdims=True)

    def encode_images(self, images: list[Image.Image]) -> np.ndarray:
        """A picture is the red and the blue of its first pixel."""
        rows = [
            [0.01, 0.01, *(value / 255 + 0.01 for value in image.getpixel((0, 0))[::2])] for image in images
        ]
        return np.array(rows, np.float32) / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> Iterator[KeywordEncoder]:
    encoder = KeywordEncoder()
    monkeypatch.setattr(encoders, "encoder_if_ready", lambda wait_seconds=0: encoder)
    monkeypatch.setattr(encoders, "get_encoder", lambda: encoder)
    encoders.encode_query.cache_clear()
    yield encoder
    encoders.encode_query.cache_clear()


@pytest.fixture
def cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder is still loading."""
    monkeypatch.setattr(encoders, "encoder_if_ready", lambda wait_seconds=0: None)


def embed(product: Product, *, encoder: KeywordEncoder, text: str = "", colour: str = "") -> None:
    images = [Image.new("RGB", (2, 2), colour)] if colour else []
    ContentEmbedding.objects.create(
        product=product,
        encoder=encoder.name,
        content_hash="x",
        text_vector=encoder.encode_texts([text or product.name])[0],
        image_vector=encoder.encode_images(images)[0] if images else None,
    )


def find(query: str, *, visitor: Visitor) -> SearchPage:
    snapshot.forget()
    refreshing.forget_everything()
    return search.find(SearchRequest(text=clean_query(query)), visitor=visitor)


def find_like(picture: Image.Image, *, visitor: Visitor) -> list[int]:
    vector = vectors.of_picture(picture)
    return search.find(SearchRequest(picture_D=vector), visitor=visitor).product_ids


def names(query: str, *, visitor: Visitor) -> list[str]:
    ids = find(query, visitor=visitor).product_ids
    return [product.name for product in search.load_products(ids, visitor=visitor)]


def test_a_name_weighs_more_than_a_brand_and_a_brand_more_than_a_description(
    make_product: MakeProduct, visitor: Visitor, cold: None
) -> None:
    make_product("Plate", description="Goes with a maple bowl.")
    make_product("Bowl", brand="Maple")
    make_product("Maple Board")
    assert names("maple", visitor=visitor) == ["Maple Board", "Bowl", "Plate"]


def test_words_are_found_in_name_brand_category_attributes_and_description(
    make_product: MakeProduct, visitor: Visitor, cold: None
) -> None:
    make_product(
        "Rosa",
        category="Home > Teapots",
        brand="Harlow",
        attributes={"colour": "Sage Green"},
        description="Pours without a drip.",
    )
    for query in ("rosa", "teapot", "harlow", "green", "drip", "harlow teapots", "green teapot dripping"):
        assert names(query, visitor=visitor) == ["Rosa"], query
    assert names("colour", visitor=visitor) == []  # a label, not a word of the product


def test_only_changed_products_are_stored_again(make_product: MakeProduct) -> None:
    mug, lamp = make_product("Mug"), make_product("Lamp")
    assert update_search_documents() == 2
    assert update_search_documents() == 0
    lamp.name = "Lantern"
    lamp.save()
    before = SearchDocument.objects.get(product=mug).vector
    assert update_search_documents() == 1
    assert "lantern" in SearchDocument.objects.get(product=lamp).vector
    assert SearchDocument.objects.get(product=mug).vector == before


def test_a_renamed_category_changes_the_words_of_its_products(
    make_product: MakeProduct, visitor: Visitor, cold: None
) -> None:
    product = make_product("Rosa", category="Teapots")
    update_search_documents()
    product.category.name = "Kettles"
    product.category.save()
    assert update_search_documents() == 1
    assert names("kettle", visitor=visitor) == ["Rosa"]
    assert names("teapot", visitor=visitor) == []


def test_an_exact_sku_or_name_comes_first(make_product: MakeProduct, visitor: Visitor, cold: None) -> None:
    make_product("Mug Mug Mug", description="mug " * 20, rating_count=99)
    make_product("Mug")
    make_product("Saucer", sku="MUG-7", description="For a mug.")
    assert names("mug", visitor=visitor)[0] == "Mug"
    assert names("mug-7", visitor=visitor)[0] == "Saucer"


def test_the_last_word_may_be_half_typed(make_product: MakeProduct, visitor: Visitor, cold: None) -> None:
    make_product("Blue Kettle")
    assert names("blue kett", visitor=visitor) == ["Blue Kettle"]
    assert names("kett blue", visitor=visitor) == ["Blue Kettle"]  # one word of two: near, not a match
    assert find("kett blue", visitor=visitor).num_matching == 0


def test_phrases_and_minus_are_meant_to_the_letter(
    make_product: MakeProduct, visitor: Visitor, encoder: KeywordEncoder
) -> None:
    for name in ("Red Cup", "Cup Red", "Blue Cup"):
        embed(make_product(name), encoder=encoder)
    assert names('"red cup"', visitor=visitor) == ["Red Cup"]
    assert names("cup -red", visitor=visitor) == ["Blue Cup"]


def test_products_with_every_word_come_before_products_with_some(
    make_product: MakeProduct, visitor: Visitor, cold: None
) -> None:
    make_product("Cup", description="cup " * 30, rating_count=500)
    make_product("Small Box", description="It is red and holds one cup.")
    results = find("red cup", visitor=visitor)
    assert names("red cup", visitor=visitor) == ["Small Box", "Cup"]
    assert results.num_matching == 1


def test_vectors_find_what_words_do_not(
    make_product: MakeProduct, visitor: Visitor, encoder: KeywordEncoder
) -> None:
    embed(make_product("Beaker"), encoder=encoder, text="cup")
    embed(make_product("Lantern"), encoder=encoder, text="lamp")
    results = find("cup", visitor=visitor)
    assert names("cup", visitor=visitor) == ["Beaker", "Lantern"]
    assert results.num_matching == 0
    assert results.nearest_only


def test_a_picture_finds_products_for_words(
    make_product: MakeProduct, visitor: Visitor, encoder: KeywordEncoder
) -> None:
    embed(make_product("Beta"), encoder=encoder)
    embed(make_product("Alpha"), encoder=encoder, colour="red")
    # Their texts say nothing of red, and tie. Only the picture does: 1/61 + 1/62 against 1/61.
    assert names("red", visitor=visitor) == ["Alpha", "Beta"]


def test_vectors_of_another_encoder_are_not_compared(
    make_product: MakeProduct, visitor: Visitor, encoder: KeywordEncoder
) -> None:
    embed(make_product("Beaker"), encoder=encoder, text="cup")
    ContentEmbedding.objects.update(encoder="older", text_vector=[1.0, 0.0])  # of another width, too
    assert names("cup", visitor=visitor) == []


def test_relevance_of_fused_results_is_at_least_that_of_lexical_ones(
    make_product: MakeProduct, visitor: Visitor, encoder: KeywordEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mean reciprocal rank on a small set: two queries that words answer, two that only vectors do."""
    wanted = {
        "red cup": "Red Cup",
        "blue lamp": "Blue Lamp",
        "crimson cup": "Red Cup",
        "azure lamp": "Blue Lamp",
    }
    for name in ("Blue Cup", "Red Lamp", "Red Cup", "Blue Lamp"):
        embed(make_product(name, category="Home"), encoder=encoder, text=name)

    def mean_reciprocal_rank() -> dict[str, float]:
        ranks = {}
        for query, name in wanted.items():
            found = names(query, visitor=visitor)
            ranks[query] = 1 / (found.index(name) + 1) if name in found else 0.0
        return ranks

    fused = mean_reciprocal_rank()
    monkeypatch.setattr(encoders, "encoder_if_ready", lambda wait_seconds=0: None)
    lexical = mean_reciprocal_rank()
    assert all(fused[query] >= lexical[query] for query in wanted)
    assert fused["red cup"] == fused["blue lamp"] == 1.0


def test_nothing_unlisted_or_not_for_the_visitor_is_shown_by_any_leg(
    make_product: MakeProduct, visitor: Visitor, encoder: KeywordEncoder
) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    hidden = [
        make_product("Cup of Tomorrow", released_at=tomorrow),
        make_product("Withdrawn Cup", active=False),
        make_product("German Cup", regions=["DE"]),
        make_product("Adult Cup", min_age=18),
    ]
    shown = make_product("Cup")
    for product in [*hidden, shown]:
        embed(product, encoder=encoder, colour="red")
    assert names("cup", visitor=visitor) == ["Cup"]
    red = Image.new("RGB", (2, 2), "red")
    assert find_like(red, visitor=visitor) == [shown.pk]
    grown_german = dataclasses.replace(visitor, region="DE", age=40)
    assert set(names("cup", visitor=grown_german)) == {"Cup", "German Cup", "Adult Cup"}


def test_a_picture_finds_its_like_first(
    make_product: MakeProduct, visitor: Visitor, encoder: KeywordEncoder
) -> None:
    blue, red = make_product("Beta"), make_product("Alpha")
    embed(blue, encoder=encoder, colour="blue")
    embed(red, encoder=encoder, colour="red")
    embed(make_product("No picture"), encoder=encoder)
    assert find_like(Image.new("RGB", (2, 2), "red"), visitor=visitor) == [red.pk, blue.pk]


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
        "nul\x00 and \x1b[31m bell\x07",
        ":*",
        "or or -or",
    ],
)
def test_hostile_and_odd_queries_find_nothing_quietly(
    query: str, make_product: MakeProduct, visitor: Visitor, cold: None
) -> None:
    make_product("Mug")
    assert find(query, visitor=visitor).product_ids == []


def test_the_same_query_is_encoded_once(
    make_product: MakeProduct, visitor: Visitor, encoder: KeywordEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    encode = encoder.encode_texts

    def counted(texts: list[str]) -> np.ndarray:
        asked.append(texts)
        return encode(texts)

    monkeypatch.setattr(encoder, "encode_texts", counted)
    monkeypatch.setattr(encoder, "name", str(uuid.uuid4()))  # Redis may know the other one's vectors
    for _ in range(3):
        find("cup", visitor=Visitor(id=uuid.uuid4()))
    assert asked == [["cup"]]
