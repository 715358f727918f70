"""A run ends with a better version serving, or with a reason and the old version serving."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import pytest
from django.conf import settings
from django.db import OperationalError
from django.utils import timezone

from recommender import gate, held_out, runs, training, versions
from recommender.models import (
    ContentEmbedding,
    Interaction,
    ItemEmbedding,
    ModelVersion,
    Recommendation,
    TrainingRun,
    UserEmbedding,
)
from shop import embedded
from shop.models import Category, Product, User
from tests.recommender.tiny_shop import (
    NUM_PRODUCTS,
    NUM_USERS,
    TINY,
    make_shop,
    quick,
    serving,
    trained,
    trial,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(versions, "data_dir", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def shop() -> None:
    make_shop()


@pytest.mark.slow
def test_a_run_ends_with_a_new_version_serving_everybody(shop: None) -> None:
    told: list[tuple[str, float]] = []
    old = serving()
    run = runs.request_run(config=TINY)
    run = training.execute(
        run.pk, force=True, on_progress=lambda stage, fraction, message: told.append((stage, fraction))
    )
    assert (run.state, run.error) == ("succeeded", "")
    version = versions.active_version()
    assert version == run.version != old
    assert ModelVersion.objects.get(pk=old.pk).status == "retired"
    assert version.num_interactions == NUM_USERS * 8
    assert {"two_tower", "category_rule", "item_knn", "ials", "ease", "random"} < set(run.metrics["rows"])
    assert ItemEmbedding.objects.filter(version=version).count() == NUM_PRODUCTS
    assert UserEmbedding.objects.filter(version=version).count() == NUM_USERS
    tower = versions.load_user_tower(version)
    width = len(ItemEmbedding.objects.filter(version=version).earliest("id").vector)
    assert tower.encode_user(user_id=User.objects.earliest("id").pk).shape == (width,)
    assert [fraction for _, fraction in told] == sorted(fraction for _, fraction in told)
    assert run.progress == 1
    assert f"{version} serves now." in run.log
    lists = Recommendation.objects.filter(version=version)
    assert lists.count() == NUM_USERS
    one = lists.earliest("user_id")
    bought = set(Interaction.objects.filter(user=one.user).values_list("product_id", flat=True))
    assert len(one.product_ids) == NUM_PRODUCTS - len(bought)
    assert not bought & set(one.product_ids)
    assert one.scores == sorted(one.scores, reverse=True)


def test_what_is_deleted_during_a_run_does_not_fail_it(shop: None, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    register = training._register

    def delete_meanwhile(*args: Any, **kwargs: Any) -> ModelVersion:
        Product.objects.earliest("pk").delete()
        User.objects.latest("pk").delete()
        return register(*args, **kwargs)

    monkeypatch.setattr(training, "_register", delete_meanwhile)
    run = trained()
    assert (run.state, run.error) == ("succeeded", "")
    assert ItemEmbedding.objects.filter(version=run.version).count() == NUM_PRODUCTS - 1
    assert UserEmbedding.objects.filter(version=run.version).count() == NUM_USERS - 1
    assert Recommendation.objects.filter(version=run.version).count() == NUM_USERS - 1


def test_too_little_data_fails_the_run_and_says_what_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    old = serving()
    run = trained()
    assert run.state == "failed"
    assert "Training needs at least 20 positive interactions (there are 0)" in run.error
    assert "NotEnoughData" in run.log
    assert "Traceback" not in caplog.text
    assert versions.active_version() == old


def test_an_unknown_setting_fails_the_run_by_name() -> None:
    run = trained(embeding_dim=8)
    assert run.state == "failed"
    assert "embeding_dim" in run.error


def test_a_message_delivered_twice_trains_once(monkeypatch: pytest.MonkeyPatch) -> None:
    run = runs.request_run()
    runs.claim(run.pk)
    monkeypatch.setattr(training, "_train_and_activate", lambda *_, **__: pytest.fail("trained again"))
    assert training.execute(run.pk).state == "running"


def test_a_cancelled_run_stops_between_batches_and_leaves_nothing(
    shop: None, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    quick(monkeypatch)
    old = serving()
    run = runs.request_run(config=TINY)

    def cancel_in_training(stage: str, fraction: float, message: str) -> None:
        if stage == "Training on all events":
            runs.cancel(run)

    endless = replace(trial().config, max_epochs=10_000, stop_epoch=10_000)
    monkeypatch.setattr(held_out, "evaluate_held_out", lambda *_, **__: replace(trial(), config=endless))
    run = training.execute(run.pk, on_progress=cancel_in_training)
    assert run.state == "cancelled"
    assert "the version before serves on" in run.log
    assert versions.active_version() == old
    assert ModelVersion.objects.count() == 1
    assert not (folder / "models").exists()


def test_a_wish_to_cancel_just_before_the_switch_is_heard(
    shop: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    run = runs.request_run(config=TINY)
    activate = training._activate

    def cancel_first(run: TrainingRun, *, version: ModelVersion) -> None:
        runs.cancel(run)
        activate(run, version=version)

    monkeypatch.setattr(training, "_activate", cancel_first)
    assert training.execute(run.pk).state == "cancelled"
    assert versions.active_version() is None
    assert not ModelVersion.objects.exists()
    assert not ItemEmbedding.objects.exists()


def test_a_version_that_loses_to_popularity_is_kept_but_does_not_serve(
    shop: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch, recall=0.05)
    old = serving()
    run = training.execute(runs.request_run(config=TINY).pk)
    assert (run.state, run.version.status) == ("succeeded", "rejected")
    assert "below popularity" in run.version.gate["reasons"][0]
    assert "rejected" in run.log
    assert versions.active_version() == old
    assert not ItemEmbedding.objects.exists()


def test_force_lets_such_a_version_serve_and_says_so(shop: None, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch, recall=0.05)
    run = trained()
    assert versions.active_version() == run.version
    assert run.version.gate["forced"] is True


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), OperationalError("could not write: No space left on device")],
)
def test_a_full_disk_fails_the_run_and_the_old_version_serves(
    shop: None, monkeypatch: pytest.MonkeyPatch, folder: Path, error: Exception
) -> None:
    from ml import artifacts

    def full(*_: Any, **__: Any) -> None:
        raise error

    quick(monkeypatch)
    monkeypatch.setattr(artifacts, "save_file", full)
    old = serving()
    run = trained()
    assert run.state == "failed"
    assert "The disk is full" in run.error
    assert "Traceback" in run.log
    assert versions.active_version() == old
    assert ModelVersion.objects.count() == 1
    assert list((folder / "models").iterdir()) == []


def test_a_run_that_was_given_up_meanwhile_does_not_activate(
    shop: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    judge = gate.judge

    def given_up(*args: Any, **kwargs: Any) -> gate.Verdict:
        TrainingRun.objects.update(state="failed", error="found abandoned")
        return judge(*args, **kwargs)

    monkeypatch.setattr(gate, "judge", given_up)
    run = trained()
    assert (run.state, run.error) == ("failed", "found abandoned")
    assert versions.active_version() is None
    assert not ModelVersion.objects.exists()


def test_a_feature_store_that_is_down_does_not_undo_the_version(
    shop: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)

    def down() -> None:
        raise ConnectionError("no Redis")

    monkeypatch.setattr(training.features, "materialize", down)
    run = trained()
    assert run.state == "succeeded"
    assert versions.active_version() == run.version
    assert "feature store was not refreshed (no Redis)" in run.log


def test_products_newer_than_the_version_get_their_vectors(
    shop: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    version = trained().version
    assert training.embed_new_items() == 0
    toys = Category.objects.get(slug="toys")
    kite = Product.objects.create(sku="KITE", name="Kite", category=toys, price=12, stock=3)
    assert training.embed_new_items() == 1
    Product.objects.create(sku="YO-YO", name="Yo-yo", category=toys, price=4, stock=3)
    assert training.embed_new_items() == 1  # the kite has its vector already
    vector = ItemEmbedding.objects.get(version=version, product=kite).vector
    dim = version.config["embedding_dim"]
    assert np.linalg.norm(vector[:dim]) == pytest.approx(1, abs=1e-3)
    assert training.embed_new_items() == 0


def test_new_products_are_read_by_the_encoder_that_the_version_learnt_from(
    shop: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    for product in Product.objects.all():
        ContentEmbedding.objects.create(
            product=product, encoder="then", content_hash="", text_vector=[product.pk % 2, 1.0]
        )
    version = trained().version
    assert version is not None
    assert version.content_encoder == "then"
    toys = Category.objects.get(slug="toys")
    now = timezone.now()
    kite, yo_yo = (
        Product.objects.create(sku=name, name=name, category=toys, price=12, stock=3, released_at=now)
        for name in ("KITE", "YO-YO")
    )
    for (
        product
    ) in Product.objects.all():  # the shop has another encoder now, of which the model knows nothing
        ContentEmbedding.objects.create(
            product=product, encoder="now", content_hash="", text_vector=[0.0, 0.0, 7.0 * (product == kite)]
        )
    assert training.embed_new_items() == 2
    of_kite, of_yo_yo = (
        ItemEmbedding.objects.get(version=version, product=product).vector for product in (kite, yo_yo)
    )
    assert list(of_kite) == pytest.approx(list(of_yo_yo), abs=1e-3)


def test_without_a_version_there_is_nothing_to_embed() -> None:
    assert training.embed_new_items() == 0


@pytest.mark.slow
def test_after_kill_9_in_mid_training_the_old_version_serves_and_the_next_run_succeeds(
    shop: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = serving()
    worker = subprocess.Popen(
        [sys.executable, "manage.py", "train", "--epochs", "1000000", "--config", "patience=1000000"],
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            "DATABASE_URL": database_url(),
            "REDIS_URL": embedded.redis_url(),
            "DATA_DIR": str(tmp_path),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: TrainingRun.objects.filter(log__contains="epoch").exists(), seconds=90)
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    killed = TrainingRun.objects.get()
    assert killed.state == "running"
    assert versions.active_version() == old
    TrainingRun.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=61))
    quick(monkeypatch)
    run = trained()
    killed.refresh_from_db()
    assert (killed.state, run.state) == ("failed", "succeeded")
    assert versions.active_version() == run.version


def database_url() -> str:
    """The address of the tests' own database, for another process."""
    params = embedded.postgres_params()
    where = urlencode({"host": params["HOST"]}, quote_via=quote)
    return f"postgresql://{params['USER']}@/{params['NAME']}?{where}"


def wait_until(condition: Any, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)
