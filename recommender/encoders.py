"""The process's one text and picture encoder: loaded once, in the background, off the page path."""

import logging
import threading
import time
from functools import lru_cache

import numpy as np

from ml import clip
from shop.env import env

logger = logging.getLogger(__name__)

RETRY_SECONDS = 60.0  # after a failed load, so that a missing file costs one line a minute
QUERY_CACHE_SIZE = 2048

_lock = threading.Lock()
_loaded: clip.Encoder | None = None
_thread: threading.Thread | None = None
_failed_at = -RETRY_SECONDS


def current_name() -> str:
    """Return the name under which the configured encoder's vectors are stored, loading no model."""
    return clip.encoder_name(model=env.CLIP_MODEL, pretrained=env.CLIP_PRETRAINED)


def get_encoder() -> clip.Encoder:
    """Return the configured encoder, loading it (ten seconds and more) when this process has not yet.

    Raises ml.clip.EncoderUnavailable with the cure.
    """
    global _loaded
    with _lock:
        if _loaded is None or _loaded.name != current_name():
            _loaded = clip.load_encoder(model=env.CLIP_MODEL, pretrained=env.CLIP_PRETRAINED)
            encode_query.cache_clear()
        return _loaded


def warm() -> None:
    """Start loading the encoder in a background thread, unless it is loaded, loading or just failed."""
    global _thread
    if _ready() or (_thread and _thread.is_alive()) or time.monotonic() - _failed_at < RETRY_SECONDS:
        return
    _thread = threading.Thread(target=_load, name="clip-encoder", daemon=True)
    _thread.start()


def encoder_if_ready(*, wait_seconds: float = 0) -> clip.Encoder | None:
    """Return the encoder if it is loaded, else start loading it and return None after the wait."""
    if not _ready():
        warm()
        if wait_seconds and _thread:
            _thread.join(wait_seconds)
    return _loaded if _ready() else None


@lru_cache(maxsize=QUERY_CACHE_SIZE)
def encode_query(text: str, *, encoder: clip.Encoder) -> np.ndarray:
    """Return the (D,) vector of a query; repeats cost nothing."""
    return encoder.encode_texts([text.lower()])[0]


def _ready() -> bool:
    try:
        return _loaded is not None and _loaded.name == current_name()
    except clip.EncoderUnavailable:
        return False


def _load() -> None:
    global _failed_at
    try:
        get_encoder()
    except clip.EncoderUnavailable as error:
        _failed_at = time.monotonic()
        logger.error("Search answers by words alone: %s", error)
