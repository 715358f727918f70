"""Search by vectors: of a text, of a picture, of a product, or of a picture and a text together."""

# D = dimension of the encoder's vectors, I = products of the catalogue, N = products that were found

from typing import Any, Literal

import numpy as np
from django.db.models import Count, Max
from PIL import Image

from recommender import encoders
from recommender.ladder import attempt
from recommender.models import ContentEmbedding
from recommender.search.requests import Leg, Scene

LEG_SIZE = 240


def of_text(text: str) -> np.ndarray | None:
    """Return the (D,) vector of a text; None until the encoder is loaded."""
    encoder = encoders.encoder_if_ready()
    return None if encoder is None else encoders.encode_query(text, encoder=encoder)


def of_picture(image: Image.Image, *, wait_seconds: float = 0) -> np.ndarray | None:
    """Return the (D,) vector of a picture; None until the encoder is loaded."""
    encoder = encoders.encoder_if_ready(wait_seconds=wait_seconds)
    return None if encoder is None else encoder.encode_images([image])[0]


def of_product(product_id: int) -> np.ndarray | None:
    """Return the (D,) vector of the product's picture, else of its text; None without either."""
    encoder = encoders.encoder_if_ready()
    row = (
        ContentEmbedding.objects.filter(product=product_id, encoder=encoder.name).first() if encoder else None
    )
    if row is None:
        return None
    vector = row.image_vector if row.image_vector is not None else row.text_vector
    return np.asarray(vector.to_numpy() if hasattr(vector, "to_numpy") else vector, dtype=np.float32)


def blend(picture_D: np.ndarray, text_D: np.ndarray) -> np.ndarray:
    """Return the (D,) vector of "like this, but ..."."""
    both = picture_D + text_D
    return np.asarray(both / np.linalg.norm(both), dtype=np.float32)


def look(vector_D: np.ndarray, *, scene: Scene, side: Literal["text", "image"]) -> Leg | None:
    """Return the nearest allowed products by cosine, exactly; None where vectors cannot be compared."""
    return attempt("the search by vectors", lambda: _look(vector_D, scene=scene, side=side), otherwise=None)


def _look(vector_D: np.ndarray, *, scene: Scene, side: str) -> Leg | None:
    encoder = encoders.encoder_if_ready()
    if encoder is None:
        return None
    ids, vectors = _vectors(encoder.name, side)
    if vectors.shape[1:] != vector_D.shape:
        return None
    rows = scene.catalogue.rows_of(ids)
    kept = (rows >= 0) & scene.allowed_I[rows]
    scores_N = vectors[kept] @ vector_D
    best = np.argsort(-scores_N, kind="stable")[:LEG_SIZE]
    return Leg(
        name=f"dense_{side}",
        rows_N=rows[kept][best],
        scores_N=scores_N[best],
        sure_N=np.zeros(len(best), dtype=bool),
    )


def _vectors(encoder_name: str, side: str) -> tuple[np.ndarray, np.ndarray]:
    stored = ContentEmbedding.objects.filter(encoder=encoder_name)
    key = (encoder_name, side, *stored.aggregate(Count("pk"), Max("pk"), Max("created_at")).values())
    if _kept.get("key" + side) != key:
        rows = ContentEmbedding.objects.filter(
            **{"encoder": encoder_name, f"{side}_vector__isnull": False}
        ).values_list("product_id", f"{side}_vector")
        ids, vectors = zip(*rows, strict=True) if rows else ((), ())
        as_rows = [vector.to_numpy() if hasattr(vector, "to_numpy") else vector for vector in vectors]
        _kept[side] = (np.array(ids, dtype=np.int64), np.array(as_rows, dtype=np.float32))
        _kept["key" + side] = key
    return _kept[side]


_kept: dict[str, Any] = {}
