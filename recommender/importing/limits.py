"""How much an import reads before it refuses: files come from anywhere."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds that hold while bytes stream, so that a hostile file costs neither memory nor disk."""

    line_bytes: int = 1 * MIB
    total_bytes: int = 8 * 1024 * MIB  # one file, or all of a zip, once unpacked
    ratio: int = 300  # unpacked over packed; text tables stay below 100
    ratio_from_bytes: int = 16 * MIB  # small files may pack better than that
    download_bytes: int = 2 * 1024 * MIB
    timeout_seconds: float = 30.0
    zip_entries: int = 500_000
    picture_bytes: int = 5 * MIB
    picture_pixels: int = 40_000_000
    batch_rows: int = 65_536
