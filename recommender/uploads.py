"""A picture that a stranger sent: checked by its content, decoded in memory, never stored."""

import io
import re
import struct
import warnings
import zipfile
from http import HTTPStatus
from typing import IO, Any

from django.core.files.uploadedfile import InMemoryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from PIL import Image, ImageOps

MAX_BYTES = 5 * 1024 * 1024
MAX_PIXELS = 20_000_000
MAX_SCANS = 60  # a photo has ten or so; a file of 5 MB has room for thousands, minutes of work
SIDE = 512  # encoders look at 224 and less
LEAST_SIDE = 8
SHADES = 12  # of 256 that a lens cap or an empty page differs by
FORMATS = ("JPEG", "PNG", "WEBP")
TOO_BIG = "That picture is over 5 MB. Send a smaller one."
_TOO_MANY_PIXELS = "That picture is over 20 megapixels. Send a smaller one."
_DAMAGED = "That picture is damaged or cut short. Send another copy."
# What other programs than a picture viewer would run or open, wherever in the file it stands.
_PROGRAMS = re.compile(
    rb"<script|<\?php|<html[\s>]|<!doctype html|Rar!\x1a\x07|7z\xbc\xaf\x27\x1c", re.IGNORECASE
)
_JPEG_AS_SCRIPT = b"\xff\xd8\xff\xe0/*"  # a first segment whose length is the beginning of a comment
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")  # those with a segment, and the end
_SCAN, _END = 0xDA, 0xD9
_DECODING = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    MemoryError,
    struct.error,
    OverflowError,
    ZeroDivisionError,
    KeyError,
    TypeError,
    Image.DecompressionBombError,
)  # what Pillow raises for one damaged file or another


class UploadRefused(ValueError):
    """The upload is not a picture that can be searched by; the message is for the shopper."""

    def __init__(self, message: str, *, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = status


class InMemory(FileUploadHandler):
    """Keeps uploads in memory alone; of one that is too large nothing is kept but its size."""

    def new_file(self, *arguments: Any, **options: Any) -> None:
        super().new_file(*arguments, **options)
        self._content = io.BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if start + len(raw_data) <= MAX_BYTES:
            self._content.write(raw_data)
        else:
            self._content.truncate(0)

    def file_complete(self, file_size: int) -> UploadedFile:
        self._content.seek(0)
        return InMemoryUploadedFile(
            file=self._content,
            field_name=self.field_name,
            name=self.file_name,
            content_type=self.content_type,
            size=file_size,
            charset=self.charset,
        )


def read_picture(file: IO[bytes], *, size: int) -> Image.Image:
    """Return the upload as an upright RGB picture of at most 512 pixels a side, metadata dropped.

    Only JPEG, PNG and WebP by content are decoded, whatever the name or the declared type says; the
    dimensions are checked before a pixel is decoded. Raises UploadRefused.
    """
    if size == 0:
        raise UploadRefused("That file is empty. Choose a picture to search with.")
    if size > MAX_BYTES:
        raise UploadRefused(TOO_BIG, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    content = file.read(MAX_BYTES + 1)
    picture = _open(content)
    _check_size(picture)
    if getattr(picture, "is_animated", False):
        raise UploadRefused(
            "That picture is animated. Send a still one.", status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        )
    _check_nothing_else(content, kind=picture.format or "")
    return _with_something_to_see(_decode(picture))


def _open(content: bytes) -> Image.Image:
    """Read the header only."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the pixels are counted next
            return Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise UploadRefused(_TOO_MANY_PIXELS, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE) from error
    except _DECODING as error:
        raise UploadRefused(
            "That file is not a JPEG, PNG or WebP picture.", status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        ) from error


def _check_size(picture: Image.Image) -> None:
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise UploadRefused(_TOO_MANY_PIXELS, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if min(width, height) < LEAST_SIDE:
        raise UploadRefused(
            f"That picture is {width} by {height} pixels, too small to compare. Send a larger one."
        )


def _check_nothing_else(content: bytes, *, kind: str) -> None:
    """Refuse a picture that is an archive, a page or a program as well, or made to keep its reader busy.

    What phones add behind a photo, such as a second picture or a film, is none of them.
    """
    is_page = _PROGRAMS.search(content) or b"%PDF-" in content[:1024] or content.startswith(_JPEG_AS_SCRIPT)
    if is_page or zipfile.is_zipfile(io.BytesIO(content)) or _goes_on(content, kind=kind):
        raise UploadRefused(
            "That file is more than a picture. Open it, save it as a new picture and send that.",
            status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )
    if kind == "JPEG" and _num_scans(content) > MAX_SCANS:
        raise UploadRefused(_DAMAGED)


def _goes_on(content: bytes, *, kind: str) -> bool:
    """Return whether something follows where a PNG or a WebP says that it ends."""
    if kind == "PNG":
        end = content.find(b"IEND\xaeB`\x82") + 8
        return end >= 8 and bool(content[end:].strip(b"\0"))
    if kind == "WEBP":
        length = int.from_bytes(content[4:8], "little") + 8
        return bool(content[length + length % 2 :].strip(b"\0"))
    return False


def _num_scans(content: bytes) -> int:
    """Return how many times a decoder goes through a JPEG; what stands behind its end does not count."""
    place, scans = 2, 0
    while (marker := _MARKER.search(content, place)) and marker[0][1] != _END:
        place = marker.end() + int.from_bytes(content[marker.end() : marker.end() + 2], "big")
        scans += marker[0][1] == _SCAN
    return scans


def _decode(picture: Image.Image) -> Image.Image:
    try:
        picture.draft("RGB", (SIDE, SIDE))
        picture.load()
        upright = ImageOps.exif_transpose(picture)
        upright.thumbnail((SIDE, SIDE))
        return _flatten(upright)
    except _DECODING as error:
        raise UploadRefused(_DAMAGED) from error


def _flatten(picture: Image.Image) -> Image.Image:
    """Return its pixels alone, on white, as catalogues show products, where it is transparent."""
    flat = Image.new("RGB", picture.size, "white")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        flat.paste(picture, mask=picture.getchannel("A"))
    else:
        flat.paste(picture.convert("RGB"))
    return flat


def _with_something_to_see(picture: Image.Image) -> Image.Image:
    """Return the picture. Raises UploadRefused when it is all black or all white."""
    darkest, lightest = picture.convert("L").getextrema()
    assert isinstance(darkest, int) and isinstance(lightest, int)  # noqa: PT018 - of one band
    if lightest <= SHADES or darkest >= 255 - SHADES:
        shade = "black" if lightest <= SHADES else "white"
        raise UploadRefused(f"That picture is all {shade}: there is nothing to compare. Send another one.")
    return picture
