"""A picture that a stranger sent: checked by its content, decoded in memory, never stored."""

import warnings
from http import HTTPStatus
from typing import IO

from PIL import Image, ImageOps

MAX_BYTES = 5 * 1024 * 1024
MAX_PIXELS = 20_000_000
SIDE = 512  # encoders look at 224 and less
FORMATS = ("JPEG", "PNG", "WEBP")


class UploadRefused(ValueError):
    """The upload is not a picture that can be searched by; the message is for the shopper."""

    def __init__(self, message: str, *, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = status


def read_picture(file: IO[bytes], *, size: int) -> Image.Image:
    """Return the upload as an upright RGB picture of at most 512 pixels a side, metadata dropped.

    Only JPEG, PNG and WebP by content are decoded, whatever the name or the declared type says; the
    dimensions are checked before a pixel is decoded. Raises UploadRefused.
    """
    if size == 0:
        raise UploadRefused("That file is empty. Choose a picture to search with.")
    if size > MAX_BYTES:
        raise UploadRefused(
            "That picture is over 5 MB. Send a smaller one.", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        )
    picture = _open(file)
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise UploadRefused(
            "That picture is over 20 megapixels. Send a smaller one.",
            status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        )
    if getattr(picture, "is_animated", False):
        raise UploadRefused(
            "That picture is animated. Send a still one.", status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        )
    return _decode(picture)


def _open(file: IO[bytes]) -> Image.Image:
    """Read the header only."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the pixels are counted next
            return Image.open(file, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise UploadRefused(
            "That picture is over 20 megapixels. Send a smaller one.",
            status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        ) from error
    except (OSError, ValueError, SyntaxError) as error:
        raise UploadRefused(
            "That file is not a JPEG, PNG or WebP picture.", status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        ) from error


def _decode(picture: Image.Image) -> Image.Image:
    try:
        picture.draft("RGB", (SIDE, SIDE))
        picture.load()
        upright = ImageOps.exif_transpose(picture)
        upright.thumbnail((SIDE, SIDE))
        return _flatten(upright)
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, Image.DecompressionBombError) as error:
        raise UploadRefused("That picture is damaged or cut short. Send another copy.") from error


def _flatten(picture: Image.Image) -> Image.Image:
    """Return the picture on white, as catalogues show products, where it is transparent."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")
