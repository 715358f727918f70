"""Synonyms find what the catalogue calls otherwise, both ways or one, from the moment they are saved."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from recommender.models import Synonym
from recommender.search import synonyms
from shop.models import Product, User
from tests.recommender.search.conftest import Search

pytestmark = pytest.mark.django_db
MakeProduct = Callable[..., Product]
ADD = "admin:recommender_synonym_add"
LIST = "admin:recommender_synonym_changelist"


@pytest.fixture
def alice() -> Client:
    """A merchandiser with every permission."""
    client = Client()
    client.force_login(User.objects.create_superuser("alice@example.com"))
    return client


def given(term: str, means: str, **fields: Any) -> Synonym:
    synonym = Synonym.objects.create(term=term, means=means, **fields)
    synonyms._kept.forget()
    return synonym


def test_both_ways_each_finds_all(make_product: MakeProduct, search: Search) -> None:
    for name in ("Sofa", "Couch", "Settee", "Chair"):
        make_product(f"Green {name}")
    given("couch", "sofa, settee")
    for query in ("couch", "sofas", "green settee"):
        found = search.names(query, only_sure=True)
        assert set(found) == {"Green Sofa", "Green Couch", "Green Settee"}, query
    assert search.names("green sofas")[0] == "Green Sofa"  # what was typed comes first


def test_one_way_only_the_term_finds_the_rest(make_product: MakeProduct, search: Search) -> None:
    make_product("Dining Table")
    make_product("Desk")
    given("table", "desk", both_ways=False)
    assert set(search.names("table")) == {"Dining Table", "Desk"}
    assert search.names("desk") == ["Desk"]


def test_phrases_stand_for_words_and_words_for_phrases(make_product: MakeProduct, search: Search) -> None:
    make_product("Red Television")
    make_product("Red Box Set")
    given("tv set", "television")
    assert search.names("red tv set", only_sure=True) == ["Red Television"]


def test_what_is_off_or_deleted_counts_no_more(make_product: MakeProduct, search: Search) -> None:
    make_product("Sofa")
    synonym = given("couch", "sofa")
    assert search.names("couch") == ["Sofa"]
    Synonym.objects.filter(pk=synonym.pk).update(active=False)
    synonyms._kept.forget()
    assert search.names("couch") == []


def test_the_understood_query_says_its_synonyms(make_product: MakeProduct, search: Search) -> None:
    make_product("Sofa")
    given("couch", "sofa, settee")
    assert search.understood("green couch").synonyms == (("couch", ("sofa", "settee")),)


def sent(client: Client, **fields: str) -> str:
    """Return the page that answers the form."""
    values = {"term": "couch", "means": "sofa", "both_ways": "on", "active": "on", **fields}
    response = client.post(reverse(ADD), values, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_a_synonym_saved_in_the_admin_counts_at_once(
    alice: Client, make_product: MakeProduct, search: Search, django_capture_on_commit_callbacks: Any
) -> None:
    make_product("Sofa")
    assert search.names("couch") == []
    with django_capture_on_commit_callbacks(execute=True):
        assert "was added successfully" in sent(alice, term="  Couch ", means="sofa,, Settee , sofa")
    synonym = Synonym.objects.get()
    assert (synonym.term, synonym.means, str(synonym)) == ("Couch", "sofa, Settee", "Couch = sofa, Settee")
    assert search.names("couch") == ["Sofa"]
    with django_capture_on_commit_callbacks(execute=True):
        chosen = {"action": "delete_selected", "_selected_action": synonym.pk, "post": "yes"}
        alice.post(reverse(LIST), chosen)
    assert search.names("couch") == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"term": "couch, sofa"}, "One word or phrase only; the others belong into the next field."),
        ({"term": "!!"}, "“!!” has no word in it."),
        ({"means": " , "}, "Give at least one word or phrase that it stands for."),
        ({"means": "sofa, ?"}, "“?” has no word in it."),
        ({"means": "Couch"}, "“couch” is the term itself; name what else it stands for."),
        ({"term": "a b c d e f"}, "“a b c d e f” is over 5 words long; nobody types that."),
        ({"term": "x" * 101}, "Ensure this value has at most 100 characters"),
        ({"term": "COUCH  "}, "There is a synonym for “COUCH” already; add the words to that one."),
    ],
)
def test_a_synonym_that_does_nothing_is_refused(alice: Client, fields: dict[str, str], message: str) -> None:
    if "already" in message:
        Synonym.objects.create(term="couch", means="settee")
    before = Synonym.objects.count()
    assert message in sent(alice, **fields)
    assert Synonym.objects.count() == before
