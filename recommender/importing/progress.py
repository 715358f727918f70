"""Progress bars on stderr."""

from typing import Any

from tqdm import tqdm


def bar(description: str, *, shown: bool, total: int | None = None, unit: str = "rows") -> "tqdm[Any]":
    """Return a tqdm bar; bytes are scaled to MB, and a hidden bar costs nothing."""
    return tqdm(
        desc=f"{description:<13}",
        total=total,
        unit=unit,
        unit_scale=unit == "B",
        disable=not shown,
        mininterval=0.3,
        dynamic_ncols=True,
    )
