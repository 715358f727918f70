"""Catalogues of any size in seconds, with vectors such as towers give."""

# I = products, D = columns of a stored vector, C = clusters, R = directions of taste

import numpy as np
from django.db import connection

from recommender import embeddings
from recommender.models import ModelVersion
from shop.models import Category

WIDTH = 65


def make_products(number: int) -> np.ndarray:
    """Return the (number,) ids of new products on sale, in 50 categories."""
    categories = Category.objects.bulk_create(
        Category(name=f"Shelf {n}", slug=f"shelf-{n}", path=f"shelf-{n}") for n in range(50)
    )
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO shop_product
                (sku, name, description, category_id, brand, price, list_price, stock, rating, rating_count,
                 attributes, regions, min_age, repeatable, released_at, active, created_at, updated_at)
            SELECT 'L' || n, 'Product ' || n, '', (%s::bigint[])[1 + n %% 50], 'Brand ' || n %% 300,
                5 + n %% 90, CASE WHEN n %% 7 = 0 THEN 120 END, 1 + n %% 9, 1 + n %% 5, n %% 40,
                jsonb_build_object('colour', (ARRAY['Red', 'Blue', 'Green'])[1 + n %% 3]), '{}',
                0, n %% 10 = 0, now() - make_interval(hours => n), true, now(), now()
            FROM generate_series(1, %s) AS n
            RETURNING id
            """,
            [[category.pk for category in categories], number],
        )
        return np.sort(np.array([row[0] for row in cursor.fetchall()], dtype=np.int64))


def make_version(product_ids: np.ndarray, *, vectors: np.ndarray) -> ModelVersion:
    """Return an active version with those item vectors; it has no weights."""
    version = ModelVersion.objects.create(status=ModelVersion.Status.ACTIVE)
    embeddings.write_item_embeddings(version, ids=product_ids, vectors=vectors)
    with connection.cursor() as cursor:  # no table is indexed while checks of its rows are pending
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    return version


def tower_vectors(number: int, *, seed: int, width: int = WIDTH) -> np.ndarray:
    """(number, width) float32: length 1, in 300 clusters of 24 directions of taste; a popularity bias."""
    shared, rng = np.random.default_rng(0), np.random.default_rng(seed)
    basis_RD = shared.normal(size=(24, width - 1)) * np.linspace(1, 0.3, 24)[:, None]
    taste_CR = shared.normal(size=(300, 24))
    of = np.minimum(rng.zipf(1.4, size=number), 300) - 1
    vectors = (taste_CR[of] + 0.7 * rng.normal(size=(number, 24))) @ basis_RD
    vectors += 0.5 * rng.normal(size=vectors.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.hstack([vectors, 0.1 * rng.standard_exponential((number, 1))]).astype(np.float32)


def user_vectors(number: int, *, seed: int, width: int = WIDTH) -> np.ndarray:
    """(number, width) float32: shoppers of those tastes; the last column is 1, which reads the bias."""
    vectors = tower_vectors(number, seed=seed, width=width)
    vectors[:, :-1] *= np.random.default_rng(seed).uniform(0.2, 1.0, size=(number, 1))
    vectors[:, -1] = 1.0
    return vectors
