"""Encoders in the admin: who may see and switch them, and what the pages say."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from recommender import content, encoder_versions, encoders, versions
from recommender.encoder_versions import Origin, Status
from recommender.models import EncoderVersion
from shop.models import User
from tests.ml.clip_folder import write_tiny_folder

pytestmark = pytest.mark.django_db

LIST = "admin:recommender_encoderversion_changelist"
METRICS = {
    "rows": {
        "new": {"text_to_image_recall@10": 0.81, "image_to_image_recall@1": 0.97},
        "in_use": {"text_to_image_recall@10": 0.52, "image_to_image_recall@1": 0.9},
    },
    "held_out": 400,
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (versions, encoders):
        monkeypatch.setattr(module, "data_dir", lambda: tmp_path)


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


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def encoder(make_product: Any) -> EncoderVersion:
    make_product("Mug")
    gate = {"passed": True, "forced": False, "reasons": ["Not below the encoder in use."]}
    origin = Origin(metrics=METRICS, gate=gate, config={"steps": 700})
    return encoder_versions.register(write_tiny_folder, origin=origin)


def url(name: str, version: EncoderVersion) -> str:
    return reverse(f"admin:recommender_encoderversion_{name}", args=[version.pk])


def test_the_list_and_the_page_show_how_well_it_tells_products_apart(
    bob: Client, encoder: EncoderVersion
) -> None:
    listed = bob.get(reverse(LIST)).content.decode()
    assert "81.0%" in listed
    assert "97.0%" in listed
    assert "Roll back" not in listed
    page = bob.get(url("change", encoder)).content.decode()
    assert "The one in use then" in page
    assert "Text to picture @10" in page
    assert "Recall on 400 products" in page
    assert "1 product not encoded with it" in page
    assert url("prepare", encoder) not in page


def test_activating_asks_first_and_leaves_the_encoding_to_the_worker(
    alice: Client, encoder: EncoderVersion
) -> None:
    question = alice.get(url("prepare", encoder)).content.decode()
    assert "1 product must be encoded" in question
    assert encoder_versions.preparing_version() is None
    answer = alice.post(url("prepare", encoder), follow=True).content.decode()
    assert "is being prepared" in answer
    content.update_content_embeddings()
    assert encoders.active_version() == encoder


def test_rolling_back_asks_first_and_goes_to_the_settings_encoder(
    alice: Client, encoder: EncoderVersion
) -> None:
    content.embed_and_activate(encoder)
    roll_back = reverse("admin:recommender_encoderversion_roll_back")
    assert "Roll back to the encoder of the settings" in alice.get(reverse(LIST)).content.decode()
    assert "so the switch is at once" in alice.get(roll_back).content.decode()
    assert encoders.active_version() == encoder
    assert "In use now: the encoder of the settings." in alice.post(roll_back, follow=True).content.decode()
    assert encoders.active_version() is None
    assert "nothing further back" in alice.post(roll_back, follow=True).content.decode()


def test_who_may_only_look_cannot_switch(bob: Client, encoder: EncoderVersion) -> None:
    assert bob.post(url("prepare", encoder)).status_code == 403
    assert bob.post(reverse("admin:recommender_encoderversion_roll_back")).status_code == 403
    encoder.refresh_from_db()
    assert encoder.status == Status.REGISTERED


def test_damaged_files_are_a_message_with_the_cure(alice: Client, encoder: EncoderVersion) -> None:
    (encoder_versions.folder_of(encoder) / "metrics.json").write_text("changed")
    page = alice.post(url("prepare", encoder), follow=True).content.decode()
    assert "restore the folder from a backup" in page
