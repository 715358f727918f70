"""Training examples from a table of products and a folder of their pictures."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ml.clip_training import Examples
from ml.phrases import phrases

# What shops call these columns, in lower case; the first that a table has is taken.
COLUMNS = {
    "id": ("id", "sku", "product_id"),
    "name": ("name", "title", "productdisplayname", "product_name"),
    "category": ("category", "articletype", "product_type", "type"),
    "brand": ("brand",),
    "description": ("description",),
    "image": ("image", "picture", "file", "filename"),
    "split": ("split",),
}
SPOKEN = {"basecolour": "colour", "color": "colour"}  # attributes under the names that phrases know
ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
TEST = ("test", "valid", "validation")


class TableError(ValueError):
    """The table or its pictures cannot be read; the message says which and what to do."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A product of the table whose picture is there."""

    picture: Path
    phrases: list[str]
    kind: str
    held_out: bool  # the table says so


def read_table(path: Path, *, images: Path) -> list[Row]:
    """Return the products whose picture the folder holds. Raises TableError when that leaves fewer than 4."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = _columns_of(list(reader.fieldnames or ()), path=path)
            rows = [_row(record, columns=columns, images=images) for record in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TableError(f"{path} cannot be read as CSV in UTF-8: {error}") from error
    found = [row for row in rows if row is not None]
    if len(found) < 4:
        raise TableError(
            f"Of {len(rows)} products of {path}, {len(found)} have a picture in {images}; name the files"
            " after the column id or image, with .jpg, .png or .webp."
        )
    return found


def read_examples(
    rows: Sequence[Row], *, side: int, on_progress: Callable[[int], None] | None = None
) -> tuple[Examples, list[int]]:
    """Return the rows as examples, pictures `side` pixels wide, and which rows' pictures can be read."""
    pictures = np.empty((len(rows), side, side, 3), np.uint8)
    readable: list[int] = []
    for number, row in enumerate(rows):
        picture = square(row.picture, side=side)
        if picture is not None:
            pictures[len(readable)] = picture
            readable.append(number)
        if on_progress:
            on_progress(number + 1)
    examples = Examples(
        pictures_NHWC=pictures[: len(readable)],
        phrases=[rows[number].phrases for number in readable],
        kinds=[rows[number].kind for number in readable],
    )
    return examples, readable


def square(path: Path, *, side: int) -> np.ndarray | None:
    """Return the (side, side, 3) middle of an upright picture, or None when it cannot be read."""
    try:
        with Image.open(path) as picture:
            picture.draft("RGB", (2 * side, 2 * side))
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return np.asarray(ImageOps.fit(upright, (side, side), Image.Resampling.BICUBIC))


def _columns_of(names: Sequence[str], *, path: Path) -> dict[str, str]:
    """Return the table's own name of each column that it has. Raises TableError without a name column."""
    own = {name.strip().lower(): name for name in names if name}
    columns = {
        role: next((own[alias] for alias in aliases if alias in own), "") for role, aliases in COLUMNS.items()
    }
    if not columns["name"] or not (columns["id"] or columns["image"]):
        raise TableError(
            f"{path} needs a column of names ({', '.join(COLUMNS['name'])})"
            f" and one of pictures or ids ({', '.join(COLUMNS['image'] + COLUMNS['id'])})."
        )
    return columns


def _row(record: dict[str, str | None], *, columns: dict[str, str], images: Path) -> Row | None:
    value = {role: (record.get(column) or "").strip() for role, column in columns.items() if column}
    picture = _picture_of(value.get("image") or value.get("id", ""), images=images)
    if picture is None:
        return None
    own = set(columns.values())
    attributes = {
        SPOKEN.get(name.lower(), name.lower()): text.strip()
        for name, text in record.items()
        if name and name not in own and isinstance(text, str) and _is_said(name, text)
    }
    said = phrases(
        name=value["name"],
        category=value.get("category", ""),
        brand=value.get("brand", ""),
        attributes=attributes,
        description=value.get("description", ""),
    )
    held_out = value.get("split", "").lower() in TEST
    return Row(picture=picture, phrases=said, kind=value.get("category", ""), held_out=held_out)


def _is_said(name: str, text: str) -> bool:
    """Whether shoppers may say it: not a number, not a long text, not a broader category."""
    return bool(text.strip()) and len(text) <= 40 and not text[0].isdigit() and "category" not in name.lower()


def _picture_of(name: str, *, images: Path) -> Path | None:
    """Return the file of that name inside the folder, whatever its ending."""
    if not name or Path(name).name != name:
        return None
    paths = [images / name] if Path(name).suffix.lower() in ENDINGS else []
    paths += [images / f"{name}{ending}" for ending in ENDINGS]
    return next((path for path in paths if path.is_file()), None)
