"""How much the shopper's own two-tower vector likes products, for the search to order equals by."""

# I = products of the catalogue, N = products that were found

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from recommender import filtering, gathering, item_matrix, versions
from recommender.ladder import attempt
from recommender.search.requests import Scene
from recommender.versions import ArtifactError

_on_trial = ContextVar("on_trial", default=False)


@contextmanager
def on_trial() -> Iterator[None]:
    """Ask the version even where it is kept from ordering searches, to judge whether it should be."""
    token = _on_trial.set(True)
    try:
        yield
    finally:
        _on_trial.reset(token)


def scores(rows_N: np.ndarray, *, scene: Scene) -> np.ndarray | None:
    """(N,) float32 inner products of the shopper and the products, NaN for a product without a vector.

    None for who paused personalisation, of whom nothing is known, where no model serves, or one that is kept
    from ordering searches; broken parts are logged and left out. One query, and what an account's features
    cost.
    """
    if not scene.visitor.personalised or not len(rows_N):
        return None
    return attempt("the search's affinity", lambda: _scores(rows_N, scene=scene), otherwise=None)


def _scores(rows_N: np.ndarray, *, scene: Scene) -> np.ndarray | None:
    version = versions.serving_version()
    if version is None or not (version.orders_searches or _on_trial.get()):
        return None
    vectors_ID = item_matrix.current(version, catalogue=scene.catalogue)
    if vectors_ID is None:
        return None
    history = filtering.past_of(scene.visitor).history
    user_D = gathering.user_vector(version, visitor=scene.visitor, history=history)
    if user_D is None:
        return None
    if len(user_D) != vectors_ID.shape[1]:
        raise ArtifactError(f"The vectors of {version} are not as wide as its weights say; train a new one.")
    known_N = item_matrix.rows_with_vector(vectors_ID)[rows_N]
    return np.where(known_N, vectors_ID[rows_N] @ user_D, np.nan).astype(np.float32)
