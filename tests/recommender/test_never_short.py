"""Never short-changed: whatever a filter leaves of 100,000 products, k rows come back, and the right ones."""

import numpy as np
import pytest

from recommender import embeddings, item_matrix, snapshot
from recommender.recall import exact_rows, recall_of
from recommender.retrieval.nearest import nearest_by_index, nearest_in_database
from tests.recommender.large_shop import make_products, make_version, tower_vectors, user_vectors

NUM_PRODUCTS = 100_000
SELECTIVITIES = [0.01, 0.05, 0.2, 1.0]
K = 20


@pytest.fixture(scope="module")
def matrix():
    return np.asfortranarray(tower_vectors(NUM_PRODUCTS, seed=1))


@pytest.mark.parametrize("selectivity", SELECTIVITIES)
def test_the_matrix_in_memory_gives_k_rows_and_the_exact_ones(matrix, selectivity):
    rng = np.random.default_rng(3)
    for query in user_vectors(20, seed=2):
        allowed = rng.random(NUM_PRODUCTS) < selectivity
        rows, scores = item_matrix.nearest_rows(matrix, query_D=query, allowed_I=allowed, k=K)
        assert len(rows) == K
        assert allowed[rows].all()
        assert recall_of(rows, exact=exact_rows(matrix, query=query, allowed=allowed, k=K)) >= 0.99
        assert (np.diff(scores) <= 0).all()


@pytest.mark.parametrize(("left", "k"), [(0, 20), (3, 20), (20, 20), (21, 20), (500, 1), (500, 499)])
def test_the_matrix_gives_all_that_is_left_when_that_is_less(matrix, left, k):
    allowed = np.zeros(NUM_PRODUCTS, dtype=bool)
    allowed[np.random.default_rng(left).permutation(NUM_PRODUCTS)[:left]] = True
    query = user_vectors(1, seed=5)[0]
    rows, _ = item_matrix.nearest_rows(matrix, query_D=query, allowed_I=allowed, k=k)
    assert rows.tolist() == exact_rows(matrix, query=query, allowed=allowed, k=k).tolist()
    assert len(rows) == min(left, k)


def test_equal_scores_come_in_the_order_of_the_rows():
    scores = np.zeros(10_000, dtype=np.float32)
    scores[[9_999, 7, 5_000]] = 1.0
    assert item_matrix.largest(scores, k=5).tolist() == [7, 5_000, 9_999, 0, 1]


@pytest.mark.parametrize("number", [1, 63, 64, 65, 5_000, 20_001])
@pytest.mark.parametrize("k", [1, 20, 100])
def test_the_largest_are_those_of_a_whole_sort(number, k):
    scores = np.random.default_rng(number).integers(0, 50, size=number).astype(np.float32)
    whole = np.lexsort((np.arange(number), -scores))[:k]
    assert item_matrix.largest(scores, k=k).tolist() == whole.tolist()


@pytest.mark.slow
@pytest.mark.django_db
def test_pgvector_gives_k_rows_and_the_right_ones(matrix, monkeypatch):
    monkeypatch.setattr(embeddings, "INDEX_EFFORT", 48)  # a poorer index than the shop's, sooner built
    version = make_version(make_products(NUM_PRODUCTS), vectors=matrix)
    catalogue = snapshot.current()
    assert len(catalogue) == NUM_PRODUCTS
    assert embeddings.create_index(version, width=matrix.shape[1])
    rng, by_index = np.random.default_rng(3), []
    for selectivity in SELECTIVITIES:
        planned, indexed = [], []
        for query in user_vectors(10, seed=2):
            allowed = rng.random(NUM_PRODUCTS) < selectivity
            asked = {"catalogue": catalogue, "query": query, "allowed": allowed, "k": K}
            exact = exact_rows(matrix, query=query, allowed=allowed, k=K)
            rows, _ = nearest_in_database(version, **asked)
            assert len(rows) == K
            assert allowed[rows].all()
            planned.append(recall_of(rows, exact=exact))
            if selectivity >= 0.2:  # a smaller set is never asked of the index
                rows, _ = nearest_by_index(version, **asked)
                assert len(rows) == K
                indexed.append(recall_of(rows, exact=exact))
        assert np.mean(planned) >= 0.99, selectivity
        by_index.append(np.mean(indexed) if indexed else 1.0)
    assert min(by_index) >= 0.99, by_index
