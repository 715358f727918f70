"""The search by vectors: a text's, a picture's, a product's own, or two of them in one."""

# D = columns of a vector, I = products of the catalogue, N = products that were found

import hashlib
import logging
import threading
from typing import Literal

import numpy as np
from django.db import DatabaseError, connection
from django.db.models import Count, Max, QuerySet
from pgvector import HalfVector
from pgvector.django import CosineDistance
from PIL import Image

from ml.clip import encode_views
from recommender import copying, encoders, snapshot
from recommender.encoders import EncoderNotReady
from recommender.item_matrix import nearest_rows, rows_with_vector
from recommender.ladder import attempt
from recommender.mapped_vectors import Held, MappedVectors, Source
from recommender.models import ContentEmbedding
from recommender.search.requests import Leg, Scene
from recommender.snapshot import Snapshot

logger = logging.getLogger(__name__)
Side = Literal["text", "image"]
LEG_SIZE = 200
RECOUNT_SECONDS = 10.0  # how soon a new or edited product's vectors are noticed
TEXT_SHARE = 0.5  # of a picture and a text in one; the rest is the picture's
SIDES: tuple[Side, ...] = ("text", "image")

_kept = {
    side: MappedVectors(
        folder=f"{side}_vectors",
        title=f"the products' {side} vectors",
        kept_files=3,
        recount_seconds=RECOUNT_SECONDS,
    )
    for side in SIDES
}


def warm_in_background() -> None:
    """Start reading the vectors of the encoder in use; for the start of a web process. Returns at once."""
    threading.Thread(target=_warm, name="warm the search", daemon=True).start()


def _warm() -> None:
    try:
        catalogue = snapshot.current()
        for side in SIDES:
            _held(side, catalogue=catalogue)
    except DatabaseError as error:
        logger.warning("the products' vectors are read when the first search asks for them: %s", error)
    finally:
        connection.close()  # of this thread, which ends here


def of_text(text: str) -> np.ndarray | None:
    """Return the (D,) vector of a text; None while the encoder is loading and nobody asked this before."""
    encoder = encoders.encoder_if_ready()
    text = " ".join(text.lower().split())
    if not text:
        return None
    if encoder is not None:
        return encoders.encode_query(text, encoder=encoder)
    return encoders.kept_query(text, name=encoders.name_in_use())


def of_picture(picture: Image.Image, *, wait_seconds: float = 0) -> np.ndarray:
    """Return the (D,) vector of an upright RGB picture. Raises EncoderNotReady after the wait."""
    encoder = encoders.encoder_if_ready(wait_seconds=wait_seconds)
    if encoder is None:
        raise EncoderNotReady("The encoder is still loading.")
    return encode_views(encoder, [picture])[0]


def of_product(product_id: int) -> np.ndarray | None:
    """Return the (D,) vector of a product's picture, of its text where it has none; None without either.

    At most a query, none once the vectors are in memory.
    """
    own = _stored_if_any(product_id, side="image")
    return own if own is not None else _stored_if_any(product_id, side="text")


def blend(picture_D: np.ndarray, text_D: np.ndarray) -> np.ndarray:
    """Return the (D,) vector of what looks like the picture and is as the text says: "like this but red".

    Pictures and texts lie in two far parts of the space (Liang et al., 2022, the modality gap), so each is
    taken as how it differs from the middle of its own part; the sum is near the pictures that differ alike.
    """
    middles = {side: _middle(side, catalogue=snapshot.current()) for side in SIDES}
    if any(middle is None or len(middle) != len(picture_D) for middle in middles.values()):
        return _unit(_unit(picture_D) + _unit(text_D))
    picture = _unit(picture_D - middles["image"])
    text = _unit(text_D - middles["text"])
    return _unit((1 - TEXT_SHARE) * picture + TEXT_SHARE * text)


def look(vector_D: np.ndarray, *, scene: Scene, side: Side, limit: int = LEG_SIZE) -> Leg | None:
    """Return the allowed products whose text or picture is nearest by cosine, exactly; None: not ready.

    In memory where the vectors are read, else by pgvector; fewer than `limit` only when fewer of the allowed
    have a vector. None too for a vector of another encoder's width, and where nothing can be compared.
    """
    found = attempt(
        "the search by vectors",
        lambda: _nearest(vector_D, scene=scene, side=side, limit=limit),
        otherwise=None,
    )
    if found is None:
        return None
    rows_N, scores_N = found
    return Leg(
        name=f"dense_{side}",
        rows_N=rows_N.astype(np.int64),
        scores_N=scores_N.astype(np.float32),
        sure_N=np.zeros(len(rows_N), dtype=bool),
    )


Found = tuple[np.ndarray, np.ndarray]


def _nearest(vector_D: np.ndarray, *, scene: Scene, side: Side, limit: int) -> Found | None:
    held = _held(side, catalogue=scene.catalogue)
    if held is None:
        if _kept[side].has_none(_source(side, name=_serving_name()), catalogue=scene.catalogue):
            return None
        return _nearest_in_database(vector_D, scene=scene, side=side, limit=limit)
    if held.matrix.shape[1] != len(vector_D):
        return None
    if held.ids_digest == scene.catalogue.ids_digest:
        return nearest_rows(held.matrix, query_D=vector_D, allowed_I=scene.allowed_I, k=limit)
    return _nearest_of_earlier(vector_D, held=held, scene=scene, limit=limit)


def _nearest_of_earlier(vector_D: np.ndarray, *, held: Held, scene: Scene, limit: int) -> Found:
    """The same over the rows of an earlier catalogue: what is new in this one cannot be found yet."""
    rows = scene.catalogue.rows_of(held.product_id)
    allowed = (rows >= 0) & scene.allowed_I[rows]
    found, scores = nearest_rows(held.matrix, query_D=vector_D, allowed_I=allowed, k=limit)
    return rows[found], scores


def _nearest_in_database(vector_D: np.ndarray, *, scene: Scene, side: Side, limit: int) -> Found | None:
    """The same by pgvector, an exact scan; one query, two where a filter leaves little. None without rows."""
    column = f"{side}_vector"
    stored = _rows_of(side).annotate(distance=CosineDistance(column, HalfVector(vector_D)))
    nearest = stored.order_by("distance", "product_id").values_list("product_id", "distance")
    first = list(nearest[: 4 * limit])
    found = _allowed(first, scene=scene)
    if len(found[0]) < limit and len(first) == 4 * limit:
        allowed_ids = scene.catalogue.product_id[scene.allowed_I].tolist()
        found = _allowed(list(nearest.filter(product_id__in=allowed_ids)[:limit]), scene=scene)
    return (found[0][:limit], found[1][:limit]) if first else None


def _allowed(nearest: list[tuple[int, float]], *, scene: Scene) -> Found:
    rows = scene.catalogue.rows_of(np.array([product_id for product_id, _ in nearest], dtype=np.int64))
    scores = 1 - np.array([distance for _, distance in nearest], dtype=np.float32)
    kept = (rows >= 0) & scene.allowed_I[rows]
    return rows[kept], scores[kept]


def _held(side: Side, *, catalogue: Snapshot) -> Held | None:
    return _kept[side].latest(_source(side, name=_serving_name()), catalogue=catalogue)


def are_read(catalogue: Snapshot) -> bool:
    """Return whether texts and pictures are compared in memory by now; it starts the reading of them."""
    return all(_held_if_any(side, catalogue=catalogue) is not None for side in SIDES)


def _held_if_any(side: Side, *, catalogue: Snapshot) -> Held | None:
    return attempt("the content vectors", lambda: _held(side, catalogue=catalogue), otherwise=None)


def _source(side: Side, *, name: str) -> Source:
    return Source(
        key=(name, side),
        file_name=hashlib.sha256(name.encode()).hexdigest()[:12],
        state=lambda: _state(side),
        read=lambda: copying.read_content_vectors(f"{side}_vector", encoder=name),
    )


def _state(side: Side) -> str:
    """Return how many vectors there are and when the last was written, "" for none; one query."""
    number, last = _rows_of(side).aggregate(number=Count("pk"), last=Max("created_at")).values()
    return f"{number}-{last.timestamp():.6f}" if number else ""


def _rows_of(side: Side) -> QuerySet[ContentEmbedding]:
    return ContentEmbedding.objects.filter(
        encoder=_serving_name(), **{f"{side}_vector__isnull": False}
    ).order_by()


def _serving_name() -> str:
    """Return whose vectors are compared: the loaded encoder's, the one in use while that is loading."""
    encoder = encoders.encoder_if_ready()
    return encoder.name if encoder is not None else encoders.name_in_use()


def _stored_if_any(product_id: int, *, side: Side) -> np.ndarray | None:
    return attempt("a product's vector", lambda: _stored(product_id, side=side), otherwise=None)


def _stored(product_id: int, *, side: Side) -> np.ndarray | None:
    held = _held(side, catalogue=snapshot.current())
    if held is None:
        row = _rows_of(side).filter(product_id=product_id).values_list(f"{side}_vector", flat=True).first()
        return None if row is None else np.asarray(row, dtype=np.float32)
    row = int(np.searchsorted(held.product_id, product_id))
    if row == len(held.product_id) or held.product_id[row] != product_id:
        return None
    vector = np.array(held.matrix[row])
    return vector if vector.any() else None


def _middle(side: Side, *, catalogue: Snapshot) -> np.ndarray | None:
    """Return the mean of the products' vectors; worked out once for a matrix."""
    held = _held_if_any(side, catalogue=catalogue)
    if held is None:
        return None
    known = _middles.get(side)
    if known is None or known[0] is not held:
        middle = held.matrix.sum(axis=0) / max(int(rows_with_vector(held.matrix).sum()), 1)
        known = _middles[side] = (held, middle)
    return known[1]


_middles: dict[Side, tuple[Held, np.ndarray]] = {}


def _unit(vector_D: np.ndarray) -> np.ndarray:
    length = float(np.linalg.norm(vector_D))
    return np.asarray(vector_D / length, dtype=np.float32) if length else np.asarray(vector_D, np.float32)
