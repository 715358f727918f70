"""The progress bars of commands."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def training_bar() -> Iterator[Callable[[str, float, str], None]]:
    """Return the on_progress function that moves a bar from 0 to 100 %."""
    with tqdm(
        total=100, bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed} {postfix}", leave=False
    ) as bar:

        def on_progress(stage: str, fraction: float, message: str) -> None:
            bar.set_description_str(stage, refresh=False)
            bar.set_postfix_str(message, refresh=False)
            bar.update(100 * fraction - bar.n)

        yield on_progress


@contextmanager
def counting_bar(title: str, *, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Return the on_progress(done, total) function that moves a bar; silent where nobody watches."""
    with tqdm(desc=title, unit=f" {unit}", disable=None) as bar:

        def on_progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield on_progress
