"""The process's one text and picture encoder: loaded once, in the background, off the page path."""

import hashlib
import logging
import threading
import time
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from django.db import DatabaseError, connection

from ml import clip, folders
from recommender import redis_door
from recommender.models import EncoderVersion
from recommender.refreshing import Refreshed
from recommender.versions import data_dir
from shop.env import env

logger = logging.getLogger(__name__)

RETRY_SECONDS = 60.0  # after a failed load, so that a missing file costs one line a minute
QUERY_CACHE_SIZE = 2048
KEPT_SECONDS = 24 * 3600  # in Redis


class EncoderNotReady(RuntimeError):
    """Pictures cannot be compared until the encoder is loaded; it is being loaded."""


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


@dataclass(frozen=True)
class _Serving:
    """What was active when last looked: a kept value may not be None itself."""

    version: EncoderVersion | None


_serving = Refreshed(
    lambda _before: _Serving(active_version()), seconds=2.0, patience=1.0, name="the active encoder"
)


def serving_version() -> EncoderVersion | None:
    """Return the encoder version in use, as of the last two seconds. None: the one of the settings."""
    return _serving.get().version


def active_version() -> EncoderVersion | None:
    """Return the encoder version in use, read afresh: one query. None: the one of the settings."""
    return EncoderVersion.objects.filter(status=EncoderVersion.Status.ACTIVE).defer("metrics", "gate").first()


def forget_serving() -> None:
    """Ask anew which encoder is in use; other processes do so within two seconds."""
    _serving.forget()


def current_name() -> str:
    """Return the name under which the vectors of the encoder in use are stored, loading no model.

    At most a query in two seconds. Raises EncoderUnavailable where the settings name weights that are gone,
    and DatabaseError when it was never asked and cannot be.
    """
    version = serving_version()
    return version.name or "" if version else settings_name()


def name_in_use() -> str:
    """Return the current name, or "", under which nothing is stored, where its weights are gone."""
    try:
        return current_name()
    except clip.EncoderUnavailable:
        return ""  # who loads the encoder tells the cure


def settings_name() -> str:
    """Return the name of the encoder that the settings choose, which serves while no version is active."""
    return clip.encoder_name(model=env.CLIP_MODEL, pretrained=env.CLIP_PRETRAINED)


def load(version: EncoderVersion) -> clip.Encoder:
    """Return the version's encoder, its files checked first. Raises ml.clip.EncoderUnavailable."""
    folder = data_dir() / version.artifact_path
    try:
        folders.verify(folder, expected_sha256=version.artifact_sha256)
    except folders.ArtifactError as error:
        raise clip.EncoderUnavailable(str(error)) from error
    return clip.load_folder(folder, name=version.name or str(version))


def get_encoder() -> clip.Encoder:
    """Return the encoder in use, loading it (ten seconds and more) when this process has not yet.

    Raises ml.clip.EncoderUnavailable with the cure.
    """
    with _process.lock:
        if _process.encoder is None or _process.encoder.name != current_name():
            version = serving_version()
            if version:
                _process.encoder = load(version)
            else:
                _process.encoder = clip.load_encoder(model=env.CLIP_MODEL, pretrained=env.CLIP_PRETRAINED)
            encode_query.cache_clear()
        return _process.encoder


def warm() -> None:
    """Start loading the encoder in a background thread, unless it is loaded, loading or just failed.

    At the start of a process not even the database is asked here.
    """
    if (_process.encoder is None or _ready() is None) and not _process.is_busy:
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
    """Return the (D,) vector of a query; repeats cost nothing, and those of other processes a Redis reply."""
    text = text.lower()
    vector = kept_query(text, name=encoder.name)
    if vector is not None and len(vector) == encoder.dimension:
        return vector
    vector = encoder.encode_texts([text])[0]
    content = vector.astype(np.float32).tobytes()
    try:
        redis_door.ask(lambda redis: redis.set(_key(text, name=encoder.name), content, ex=KEPT_SECONDS))
    except redis_door.RedisAway:
        pass  # this process keeps it
    return vector


def kept_query(text: str, *, name: str) -> np.ndarray | None:
    """Return the (D,) vector that some process has put into Redis for this encoder's name, or None."""
    try:
        content = redis_door.ask(lambda redis: redis.get(_key(text, name=name)))
    except redis_door.RedisAway:
        return None
    if not isinstance(content, bytes) or not content or len(content) % 4:
        return None
    return np.frombuffer(content, dtype=np.float32)


def _key(text: str, *, name: str) -> str:
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()
    return redis_door.key("query", name, digest)


def _ready() -> clip.Encoder | None:
    encoder = _process.encoder
    try:
        return encoder if encoder is not None and encoder.name == current_name() else None
    except (clip.EncoderUnavailable, DatabaseError):
        return None


def _load() -> None:
    try:
        get_encoder()
        get_encoder().encode_texts(["warm"])  # the first text takes ten times as long as the next
    except (clip.EncoderUnavailable, DatabaseError) as error:
        _process.failed_at = time.monotonic()
        logger.error("Search answers by words alone: %s", error)  # noqa: TRY400 (the message is the cure)
    finally:
        connection.close()  # of this thread, which ends here
