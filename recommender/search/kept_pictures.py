"""The vectors of pictures that shoppers search by, kept for a while so that a page has an address.

Of the picture itself nothing is kept; its vector lies in Redis under a token that nobody can guess.
"""

import secrets
from dataclasses import replace
from typing import cast

import numpy as np

from ml.clip import EncoderUnavailable
from recommender import encoders, redis_door
from recommender.search.requests import SearchRequest

KEPT_SECONDS = 3600  # since the page was last looked at


def keep(request: SearchRequest) -> SearchRequest:
    """Return the request with a new token for its picture's vector. Raises RedisAway."""
    token = secrets.token_urlsafe(18)
    content = _serving_name().encode() + b"\0" + np.asarray(request.picture_D, "<f4").tobytes()
    redis_door.ask(lambda client: client.set(_key(token), content, ex=KEPT_SECONDS))
    return replace(request, picture_token=token)


def recalled(request: SearchRequest) -> SearchRequest | None:
    """Return the request with the vector that its token stands for; None where that is kept no longer.

    A vector of an encoder that has been replaced since counts as gone: it compares with nothing.
    """
    token = request.picture_token
    try:
        content = cast(
            bytes | None, redis_door.ask(lambda client: client.getex(_key(token), ex=KEPT_SECONDS))
        )
        name = _serving_name().encode()
    except (redis_door.RedisAway, EncoderUnavailable):
        return None
    encoder, _, values = (content or b"").partition(b"\0")
    if not values or encoder != name:
        return None
    return replace(request, picture_D=np.frombuffer(values, dtype="<f4").astype(np.float32))


def _serving_name() -> str:
    """Return whose vectors are compared: the loaded encoder's, the one in use while that is loading."""
    encoder = encoders.encoder_if_ready()
    return encoder.name if encoder is not None else encoders.current_name()


def _key(token: str) -> str:
    return redis_door.key("search", "picture", token)
