"""The recommendations as JSON."""

import pytest

from recommender.models import Impression

pytestmark = pytest.mark.django_db
URL = "/api/recommendations/"


def test_answers_with_as_many_products_as_asked(client, make_product):
    for _ in range(3):
        make_product()
    answer = client.get(URL, {"k": 2}).json()
    assert len(answer["products"]) == 2
    assert answer["source"] == "newest"
    assert Impression.objects.get().pk.hex == answer["impression_id"].replace("-", "")


def test_similar_products_need_an_anchor(client, make_product):
    mug = make_product("Mug", category="Home > Mugs")
    make_product("Other mug", category="Home > Mugs")
    assert client.get(URL, {"placement": "product_similar"}).status_code == 400
    answer = client.get(URL, {"placement": "product_similar", "anchor": mug.pk, "k": 1})
    assert [product["name"] for product in answer.json()["products"]] == ["Other mug"]


@pytest.mark.parametrize("k", ["0", "-1", "101", "many", "9" * 40])
def test_a_bad_k_is_a_400_that_says_so(client, k):
    answer = client.get(URL, {"k": k})
    assert answer.status_code == 400
    assert "k" in answer.json()


def test_an_unknown_placement_is_a_400_and_an_unknown_anchor_a_404(client):
    assert client.get(URL, {"placement": "sidebar"}).status_code == 400
    assert client.get(URL, {"placement": "product_similar", "anchor": 10**9}).status_code == 404
    assert client.get(URL, {"placement": "product_similar", "anchor": 10**30}).status_code == 400
