"""Versions are registered whole, switched in one step, and never served broken."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from ml.config import TrainConfig
from ml.data import KINDS, Dataset, EntityTable, Interactions
from recommender import embeddings, versions
from recommender.models import ItemEmbedding, ModelVersion, TrainingRun
from recommender.versions import ArtifactError, CannotActivate, Provenance
from shop.models import Category, Product

pytestmark = pytest.mark.django_db
Status = ModelVersion.Status


@pytest.fixture(scope="module")
def model() -> Any:
    """The smallest model: 12 users, 8 items, every user views 4 of them."""
    from ml.training import train

    user, step = np.divmod(np.arange(48), 4)
    events = Interactions.from_columns(
        user,
        item_index=(user + step) % 8,
        kind=np.full(48, KINDS.index("purchase")),
        value=np.full(48, np.nan),
        timestamp=1_700_000_000 + step * 86_400 + user,
    )
    data = Dataset(
        users=EntityTable(ids=np.arange(100, 112)),
        items=EntityTable(ids=np.arange(200, 208)),
        interactions=events,
    )
    return train(data, TrainConfig(max_epochs=1, embedding_dim=4, content_width=8, refit=False))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(versions, "data_dir", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def mug() -> Product:
    kitchen = Category.objects.create(name="Kitchen", slug="kitchen", path="kitchen")
    return Product.objects.create(sku="MUG", name="Blue mug", category=kitchen, price=8, stock=5)


def registered(model: Any, mug: Product, **fields: Any) -> ModelVersion:
    version = versions.register(model, provenance=Provenance(**fields))
    embeddings.write_item_embeddings(
        version, ids=np.array([mug.pk]), vectors=np.ones((1, model.width), dtype=np.float32)
    )
    return version


def statuses() -> dict[int, str]:
    return dict(ModelVersion.objects.values_list("pk", "status"))


def test_a_registered_version_keeps_its_provenance_and_its_weights(model: Any, folder: Path) -> None:
    until = timezone.now()
    version = versions.register(
        model,
        provenance=Provenance(
            config={"seed": 7}, num_interactions=48, data_until=until, gate={"passed": True}
        ),
    )
    version.refresh_from_db()
    assert (version.status, version.num_interactions, version.data_until) == (Status.REGISTERED, 48, until)
    assert version.artifact_path.startswith(f"models/v{version.pk}-")
    assert {path.name for path in (folder / version.artifact_path).iterdir()} == {
        "config.json",
        "weights.safetensors",
    }
    assert len(version.artifact_sha256) == 64


def test_a_full_disk_leaves_no_row_and_no_folder(folder: Path) -> None:
    def save(path: Path) -> str:
        path.mkdir(parents=True)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        versions.register_folder(save, provenance=Provenance())
    assert not ModelVersion.objects.exists()
    assert list((folder / "models").iterdir()) == []


def test_activation_retires_the_version_before(model: Any, mug: Product) -> None:
    first, second = registered(model, mug), registered(model, mug)
    versions.activate(first)
    assert versions.active_version() == first
    versions.activate(second)
    assert statuses() == {first.pk: Status.RETIRED, second.pk: Status.ACTIVE}
    assert versions.active_version() == second


def test_reading_the_active_version_costs_one_query(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert versions.active_version() is None


def test_pages_ask_for_the_active_version_once_a_second_and_see_an_activation_at_once(
    model: Any, mug: Product, django_assert_num_queries: Any
) -> None:
    assert versions.serving_version() is None
    with django_assert_num_queries(0):
        assert versions.serving_version() is None
    version = versions.activate(registered(model, mug))
    assert versions.serving_version() == version


def test_a_version_without_item_embeddings_is_not_activated(model: Any, mug: Product) -> None:
    serving = versions.activate(registered(model, mug))
    empty = versions.register(model, provenance=Provenance())
    with pytest.raises(CannotActivate, match="no item embeddings"):
        versions.activate(empty)
    assert versions.active_version() == serving


def test_a_rejected_version_is_not_activated(model: Any, mug: Product) -> None:
    version = registered(model, mug, rejected=True)
    with pytest.raises(CannotActivate, match="rejected"):
        versions.activate(version)
    assert statuses() == {version.pk: Status.REJECTED}


def test_damaged_weights_are_refused_and_the_old_version_serves_on(model: Any, mug: Product) -> None:
    serving, damaged = versions.activate(registered(model, mug)), registered(model, mug)
    weights = versions.folder_of(damaged) / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1  # a single bit
    weights.write_bytes(content)
    with pytest.raises(ArtifactError, match="checksum"):
        versions.activate(damaged)
    with pytest.raises(ArtifactError, match="checksum"):
        versions.load_user_tower(damaged)
    assert versions.active_version() == serving


def test_missing_weights_are_an_artifact_error(model: Any, mug: Product) -> None:
    version = registered(model, mug)
    ModelVersion.objects.filter(pk=version.pk).update(artifact_path="models/gone")
    version.refresh_from_db()
    assert not versions.is_readable(version)
    with pytest.raises(ArtifactError, match="no saved model"):
        versions.load_user_tower(version)


def test_the_tower_is_read_once_per_process(model: Any, mug: Product) -> None:
    version = registered(model, mug)
    tower = versions.load_user_tower(version)
    (versions.folder_of(version) / "weights.safetensors").unlink()
    assert versions.load_user_tower(version) is tower
    assert tower.encode_user(user_id=100).shape == (model.width,)


def test_rolling_back_goes_one_version_further_each_time(model: Any, mug: Product) -> None:
    first, second, third = (versions.activate(registered(model, mug)) for _ in range(3))
    assert versions.previously_active() == second
    assert versions.roll_back() == second
    assert statuses() == {first.pk: Status.RETIRED, second.pk: Status.ACTIVE, third.pk: Status.RETIRED}
    assert versions.roll_back() == first
    with pytest.raises(CannotActivate, match="No earlier version"):
        versions.roll_back()
    assert versions.active_version() == first


def test_rolling_back_after_a_choice_by_hand_returns_to_what_served_then(model: Any, mug: Product) -> None:
    first, second = (versions.activate(registered(model, mug)) for _ in range(2))
    versions.activate(first)
    assert versions.roll_back() == second


def test_only_one_version_can_be_active_whatever_the_code_does() -> None:
    from django.db import IntegrityError

    ModelVersion.objects.create(status=Status.ACTIVE)
    with pytest.raises(IntegrityError):
        ModelVersion.objects.create(status=Status.ACTIVE)


def test_a_version_that_never_served_can_be_discarded_with_all_it_has(model: Any, mug: Product) -> None:
    version = registered(model, mug)
    kept = versions.folder_of(version)
    versions.discard(version)
    assert not kept.exists()
    assert not ItemEmbedding.objects.exists()
    served = versions.activate(registered(model, mug))
    with pytest.raises(ValueError, match="has served"):
        versions.discard(served)


def test_folders_that_no_version_owns_are_removed_unless_a_training_runs(
    model: Any, mug: Product, folder: Path
) -> None:
    version = registered(model, mug)
    for name in ("v999999", ".v1000000.half"):
        (folder / "models" / name).mkdir()
        (folder / "models" / name / "config.json").write_text(json.dumps({}))
    run = TrainingRun.objects.create(state="running", heartbeat_at=timezone.now() - timedelta(seconds=1))
    assert versions.remove_unregistered_folders() == []
    run.delete()
    assert versions.remove_unregistered_folders() == [".v1000000.half", "v999999"]
    assert [path.name for path in (folder / "models").iterdir()] == [Path(version.artifact_path).name]
