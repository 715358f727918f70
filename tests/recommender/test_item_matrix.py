"""The item vectors in memory: by the catalogue's rows, in a file that processes share, else from pgvector."""

import numpy as np
import pytest
from django.conf import settings

from recommender import embeddings, item_matrix, snapshot
from recommender.models import ItemEmbedding, ModelVersion

VECTORS = np.array([[0.6, 0.8, 0.1], [1.0, 0.0, 0.2]], dtype=np.float32)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    return tmp_path / item_matrix.FOLDER


@pytest.fixture
def version(make_product):
    """A mug and a lamp with vectors, and between them a plate without one."""
    mug, _, lamp = (make_product(name) for name in ("Mug", "Plate", "Lamp"))
    version = ModelVersion.objects.create(status="active", artifact_sha256="0123456789abcdef")
    embeddings.write_item_embeddings(version, ids=np.array([lamp.pk, mug.pk]), vectors=VECTORS)
    return version


def files(folder):
    return sorted(folder.glob("*")) if folder.exists() else []


@pytest.mark.django_db
def test_each_vector_stands_in_its_products_row_and_the_rest_are_zeros(version, folder):
    matrix = item_matrix.current(version, catalogue=snapshot.current())
    assert matrix.tolist() == [VECTORS[1].tolist(), [0, 0, 0], VECTORS[0].tolist()]
    assert item_matrix.rows_with_vector(matrix).tolist() == [True, False, True]
    assert files(folder) == []  # what a transaction may take back is not shared


@pytest.mark.django_db
def test_reading_costs_nothing_once_it_is_read(version, folder, django_assert_num_queries):
    catalogue = snapshot.current()
    first = item_matrix.current(version, catalogue=catalogue)
    with django_assert_num_queries(0):
        assert item_matrix.current(version, catalogue=catalogue) is first


@pytest.mark.django_db
def test_another_version_and_another_catalogue_are_other_matrices(version, folder, make_product):
    first = item_matrix.current(version, catalogue=snapshot.current())
    other = ModelVersion.objects.create()
    product_id = snapshot.current().product_id[:1]
    embeddings.write_item_embeddings(other, ids=product_id, vectors=-VECTORS[:1])
    second = item_matrix.current(other, catalogue=snapshot.current())
    assert second[0].tolist() == (-VECTORS[0]).tolist()
    make_product("Vase")
    snapshot.forget()
    assert len(item_matrix.current(version, catalogue=snapshot.current())) == len(first) + 1


@pytest.mark.django_db
def test_vectors_of_new_products_are_noticed(version, folder, monkeypatch):
    catalogue = snapshot.current()
    item_matrix.current(version, catalogue=catalogue)
    embeddings.write_item_embeddings(version, ids=catalogue.product_id[1:2], vectors=VECTORS[:1])
    assert not item_matrix.current(version, catalogue=catalogue)[1].any()
    item_matrix._kept.recount_at = 0.0
    assert item_matrix.current(version, catalogue=catalogue)[1].tolist() == VECTORS[0].tolist()


@pytest.mark.django_db
def test_a_version_without_vectors_has_no_matrix(folder, make_product):
    make_product()
    assert item_matrix.current(ModelVersion.objects.create(), catalogue=snapshot.current()) is None


@pytest.mark.django_db(transaction=True)
def test_processes_share_one_file(version, folder):
    catalogue = snapshot.current()
    written = item_matrix.current(version, catalogue=catalogue)
    assert len(files(folder)) == 1
    assert not written.flags.writeable
    ItemEmbedding.objects.all().update(vector=[9, 9, 9])  # so that only the file still knows
    item_matrix.forget()
    assert item_matrix.current(version, catalogue=catalogue).tolist() == written.tolist()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"nonsense" * 50, "short"])
def test_a_damaged_file_is_written_again_from_pgvector(version, folder, damage, caplog):
    catalogue = snapshot.current()
    whole = item_matrix.current(version, catalogue=catalogue).copy()
    (path,) = files(folder)
    path.write_bytes(path.read_bytes()[:-8] if damage == "short" else damage)
    item_matrix.forget()
    assert item_matrix.current(version, catalogue=catalogue).tolist() == whole.tolist()
    assert "written again" in caplog.text
    assert np.load(path).tolist() == whole.tolist()


@pytest.mark.django_db(transaction=True)
def test_a_folder_that_cannot_be_written_costs_only_the_sharing(version, folder, caplog):
    folder.write_text("a file where the folder should be")
    assert item_matrix.current(version, catalogue=snapshot.current()).shape == (3, 3)
    assert "not shared" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_old_files_are_removed(version, folder):
    catalogue = snapshot.current()
    folder.mkdir()
    for number in range(5):
        (folder / f"v0-{number}.npy").write_bytes(b"")
    item_matrix.prepare(version, catalogue=catalogue)
    assert len(files(folder)) == item_matrix.KEPT_FILES
    assert any(path.name.startswith(f"v{version.pk}-") for path in files(folder))


@pytest.mark.parametrize("k", [0, -1])
def test_the_largest_none_are_none(k):
    assert item_matrix.largest(np.arange(1000.0), k=k).tolist() == []
