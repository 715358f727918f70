"""A browser tells which cards came into view; what it tells is checked."""

import json
import uuid

import pytest
from django.test import Client

from recommender.models import Impression

pytestmark = pytest.mark.django_db
URL = "/api/seen/"
OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def impression(client, make_product):
    """The list of two products that this browser was shown."""
    make_product()
    make_product()
    shown = client.get("/api/recommendations/", {"k": 2}).json()
    return Impression.objects.get(pk=shown["impression_id"])


def tell(client, body, headers=OURS):
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.post(URL, text, content_type="application/json", headers=headers)


def test_what_was_seen_is_kept_with_the_list_and_adds_up(client, impression):
    for positions in ([1], [0, 1], []):
        entry = {"impression": str(impression.pk), "positions": positions}
        assert tell(client, [entry]).status_code == 204
    impression.refresh_from_db()
    assert sorted(impression.seen_positions) == [0, 1]
    assert impression.seen_at is not None


def test_nobody_tells_of_anothers_list_or_of_one_that_never_was(client, impression):
    entry = {"impression": str(impression.pk), "positions": [0]}
    assert tell(Client(), [entry]).status_code == 204
    assert tell(client, [{"impression": str(uuid.uuid4()), "positions": [0]}]).status_code == 204
    impression.refresh_from_db()
    assert impression.seen_positions == []


def test_positions_beyond_the_list_are_dropped(client, impression):
    assert tell(client, [{"impression": str(impression.pk), "positions": [0, 99]}]).status_code == 204
    impression.refresh_from_db()
    assert impression.seen_positions == [0]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "nonsense",
        b"\xff\xfe",
        "[" * 5000,
        "{}",
        "[]",
        "[1]",
        [{}],
        [{"impression": "x", "positions": [0]}],
        [{"impression": 5, "positions": [0]}],
        [{"impression": str(uuid.uuid4())}],
        [{"impression": str(uuid.uuid4()), "positions": "01"}],
        [{"impression": str(uuid.uuid4()), "positions": [-1]}],
        [{"impression": str(uuid.uuid4()), "positions": [1.5]}],
        [{"impression": str(uuid.uuid4()), "positions": [True]}],
        [{"impression": str(uuid.uuid4()), "positions": [100]}],
        [{"impression": str(uuid.uuid4()), "positions": [10**30]}],
        [{"impression": str(uuid.uuid4()), "positions": []}] * 51,
    ],
)
def test_bad_input_is_a_400_with_an_example(client, db, body):
    answer = tell(client, body)
    assert answer.status_code == 400
    assert '"positions": [0, 1]' in answer.json()["detail"]


def test_too_much_at_once_is_refused(client, db):
    answer = tell(client, " " * 17_000)
    assert answer.status_code == 413
    assert "16384" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
        ({"Origin": "http://testserver"}, 204),
    ],
)
def test_only_the_shops_own_pages_may_tell(client, impression, headers, status):
    entry = {"impression": str(impression.pk), "positions": [0]}
    assert tell(client, [entry], headers=headers).status_code == status
    impression.refresh_from_db()
    assert impression.seen_positions == ([0] if status == 204 else [])


def test_it_is_only_told_never_asked(client, db):
    assert client.get(URL).status_code == 405
