"""Rankers in the admin: who may see and switch them, and what the pages say."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from recommender import rankers, versions
from recommender.models import Ranker
from shop.models import User
from tests.recommender.ranked_shop import active_ranker, serving_version
from tests.recommender.tiny_shop import make_shop

pytestmark = pytest.mark.django_db

LIST = "admin:recommender_ranker_changelist"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "data_dir", lambda: tmp_path)


@pytest.fixture
def alice() -> Client:
    """An administrator."""
    return logged_in(User.objects.create_superuser("alice@example.com"))


@pytest.fixture
def bob() -> Client:
    """On the staff, and allowed to look only."""
    user = User.objects.create_user("bob@example.com", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__startswith="view_", content_type__app_label="recommender")
    )
    return logged_in(user)


@pytest.fixture
def ranker() -> Ranker:
    make_shop()
    return active_ranker(serving_version())


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def url(name: str, ranker: Ranker) -> str:
    return reverse(f"admin:recommender_ranker_{name}", args=[ranker.pk])


def test_the_list_shows_each_ranker_beside_the_retrieval_order(bob: Client, ranker: Ranker) -> None:
    page = bob.get(reverse(LIST)).content.decode()
    for text in (str(ranker), "Active", "0.2500", "0.2000", "+0.0100 to +0.0900"):
        assert text in page


def test_the_page_shows_the_table_and_the_switch_to_who_may(
    alice: Client, bob: Client, ranker: Ranker
) -> None:
    page = alice.get(url("change", ranker)).content.decode()
    assert "with LightGBM" in page
    assert "+0.0100 to +0.0900" in page
    assert url("retire", ranker) in page
    assert url("retire", ranker) not in bob.get(url("change", ranker)).content.decode()


def test_retiring_and_activating_ask_first(alice: Client, ranker: Ranker) -> None:
    page = alice.get(url("retire", ranker)).content.decode()
    assert "Without it the retrieval order stands again." in page
    assert rankers.active_ranker() == ranker
    assert "Retired" in alice.post(url("retire", ranker), follow=True).content.decode()
    assert rankers.active_ranker() is None
    assert "The next personal list is ordered" in alice.get(url("activate", ranker)).content.decode()
    alice.post(url("activate", ranker))
    assert rankers.active_ranker() == ranker


def test_who_may_only_look_cannot_switch(bob: Client, ranker: Ranker) -> None:
    for name in ("activate", "retire"):
        assert bob.get(url(name, ranker)).status_code == 403
        assert bob.post(url(name, ranker)).status_code == 403
    assert rankers.active_ranker() == ranker


@pytest.mark.parametrize("damage", ["rejected", "files"])
def test_what_must_not_serve_is_refused_with_the_reason(alice: Client, ranker: Ranker, damage: str) -> None:
    rankers.retire(ranker)
    reason = "no better than the retrieval order"
    if damage == "rejected":
        Ranker.objects.update(status="rejected")
    else:
        (rankers.folder_of(ranker) / "trees.txt").unlink()
        reason = "checksum differs"
    assert reason in alice.post(url("activate", ranker), follow=True).content.decode()
    assert rankers.active_ranker() is None


def test_nobody_writes_rankers_by_hand(alice: Client, ranker: Ranker) -> None:
    assert alice.get(reverse("admin:recommender_ranker_add")).status_code == 403
    assert alice.post(url("change", ranker), {"kind": "deepfm"}).status_code == 403
    assert alice.post(url("delete", ranker), {"post": "yes"}).status_code == 403


def test_an_unknown_ranker_is_not_found(alice: Client, ranker: Ranker) -> None:
    missing: dict[str, Any] = {"args": [ranker.pk + 1]}
    assert alice.get(reverse("admin:recommender_ranker_activate", **missing)).status_code == 404
