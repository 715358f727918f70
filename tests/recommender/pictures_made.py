"""Pictures and files that are none, for tests of what strangers send."""

import io
import struct
import zipfile
import zlib
from typing import Any

from PIL import Image, PngImagePlugin


def encoded(picture: Image.Image, *, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def photo(*, kind: str = "JPEG", side: int = 200, **options: Any) -> bytes:
    """A picture with something to see, the same in every process."""
    gradient = Image.linear_gradient("L").resize((side, side))
    return encoded(
        Image.merge("RGB", (gradient, gradient.rotate(90), gradient.rotate(180))), kind=kind, **options
    )


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims any size: the smallest decompression bomb."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in parts)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with_text_bomb(megabytes: int) -> bytes:
    """A small PNG with a compressed text that is large."""
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "a" * megabytes * 2**20, zip=True)
    return photo(kind="PNG", pnginfo=text)


def animated(kind: str) -> bytes:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    return encoded(frames[0], kind=kind, save_all=True, append_images=frames[1:])


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("run.class", b"\xca\xfe\xba\xbe")
    return buffer.getvalue()


def with_comment(jpeg: bytes, comment: bytes) -> bytes:
    """The JPEG with a comment as its first segment."""
    return jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + jpeg[2:]


def as_script(jpeg: bytes) -> bytes:
    """The JPEG with a first segment so long that its length reads as the beginning of a comment, "/*"."""
    end = 4 + struct.unpack(">H", jpeg[4:6])[0]
    body = jpeg[6:end].ljust(int.from_bytes(b"/*", "big") - 2, b"\0")
    return jpeg[:4] + b"/*" + body + jpeg[end:]


def with_scans(number: int) -> bytes:
    """A JPEG of many scans, each of which a decoder would go through the whole picture for."""
    jpeg = photo(progressive=True)
    scan = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    return jpeg[:-2] + scan * number + b"\xff\xd9"
