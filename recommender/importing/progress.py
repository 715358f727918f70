"""Progress bars on stderr."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def share_bar(description: str, *, shown: bool) -> Iterator[Callable[[float], None]]:
    """Yield a function to call with the share done, from 0 to 1."""
    with bar(description, shown=shown, total=100, unit="%") as progress:

        def show(share: float) -> None:
            progress.update(round(100 * share) - progress.n)

        yield show
