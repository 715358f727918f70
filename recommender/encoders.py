"""The process's one text and picture encoder: loaded once, in the background, off the page path."""

import logging
import threading
import time
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from ml import clip
from shop.env import env

logger = logging.getLogger(__name__)

RETRY_SECONDS = 60.0  # after a failed load, so that a missing file costs one line a minute
QUERY_CACHE_SIZE = 2048


@dataclass
class _Process:
    """What this process has loaded, or is loading."""

    encoder: clip.Encoder | None = None
    thread: threading.Thread | None = None
    failed_at: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_busy(self) -> bool:
        """Whether a load is under way, or failed so lately that another would fail too."""
        if self.thread is not None and self.thread.is_alive():
            return True
        return self.failed_at is not None and time.monotonic() - self.failed_at < RETRY_SECONDS


_process = _Process()


def current_name() -> str:
    """Return the name under which the configured encoder's vectors are stored, loading no model."""
    return clip.encoder_name(model=env.CLIP_MODEL, pretrained=env.CLIP_PRETRAINED)


def get_encoder() -> clip.Encoder:
    """Return the configured encoder, loading it (ten seconds and more) when this process has not yet.

    Raises ml.clip.EncoderUnavailable with the cure.
    """
    with _process.lock:
        if _process.encoder is None or _process.encoder.name != current_name():
            _process.encoder = clip.load_encoder(model=env.CLIP_MODEL, pretrained=env.CLIP_PRETRAINED)
            encode_query.cache_clear()
        return _process.encoder


def warm() -> None:
    """Start loading the encoder in a background thread, unless it is loaded, loading or just failed."""
    if _ready() is None and not _process.is_busy:
        _process.thread = threading.Thread(target=_load, name="clip-encoder", daemon=True)
        _process.thread.start()


def encoder_if_ready(*, wait_seconds: float = 0) -> clip.Encoder | None:
    """Return the encoder if it is loaded, else start loading it and return None after the wait."""
    warm()
    if wait_seconds and _process.thread is not None:
        _process.thread.join(wait_seconds)
    return _ready()


@lru_cache(maxsize=QUERY_CACHE_SIZE)
def encode_query(text: str, *, encoder: clip.Encoder) -> np.ndarray:
    """Return the (D,) vector of a query; repeats cost nothing."""
    return encoder.encode_texts([text.lower()])[0]


def _ready() -> clip.Encoder | None:
    encoder = _process.encoder
    try:
        return encoder if encoder is not None and encoder.name == current_name() else None
    except clip.EncoderUnavailable:
        return None


def _load() -> None:
    try:
        get_encoder()
    except clip.EncoderUnavailable as error:
        _process.failed_at = time.monotonic()
        logger.error("Search answers by words alone: %s", error)  # noqa: TRY400 (the message is the cure)
