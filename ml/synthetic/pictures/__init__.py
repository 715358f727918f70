"""Pictures of the made products: shape by type, colour and pattern by attribute, drawn with PIL alone."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from os import cpu_count
from pathlib import Path
from zlib import crc32

from PIL import Image

from ml.synthetic.parquet import picture_name
from ml.synthetic.pictures import clothing, electronics, home, leisure, living
from ml.synthetic.pictures.canvas import Canvas
from ml.synthetic.pictures.colours import rgb_of
from ml.synthetic.shop import SyntheticShop

SHAPES: dict[str, Callable[[Canvas], None]] = {
    **home.SHAPES,
    **clothing.SHAPES,
    **electronics.SHAPES,
    **leisure.SHAPES,
    **living.SHAPES,
}
SIZE = 320
PER_TASK = 50
Job = tuple[str, str, dict[str, str], str]  # sku, product type, attributes, path
Task = tuple[list[Job], int]  # and the size


def draw_product(
    product_type: str, attributes: Mapping[str, str], size: int = SIZE, *, seed: int = 0
) -> Image.Image:
    """Return a square RGB picture, `size` pixels wide; `seed` settles the background and small variations.

    `product_type` is a key of catalogue.toml such as "mug"; `attributes` give colour and pattern.
    """
    if product_type not in SHAPES:
        raise ValueError(f"There is no drawing for {product_type!r}; use one of {', '.join(sorted(SHAPES))}.")
    colour = rgb_of(attributes.get("colour", ""))
    canvas = Canvas(size, colour=colour, pattern=attributes.get("pattern", "Plain"), seed=seed)
    SHAPES[product_type](canvas)
    return canvas.finish()


def seed_of(sku: str) -> int:
    """Return the seed of a product's picture: the same product is drawn the same on every machine."""
    return crc32(sku.encode())


def draw_pictures(
    shop: SyntheticShop,
    folder: Path,
    *,
    size: int = SIZE,
    processes: int | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> int:
    """Return how many pictures were drawn: one WebP a product under `folder`/pictures, those there are kept.

    `on_progress` hears the share done.
    """
    goods = shop.catalogue
    jobs: list[Job] = [
        (sku, goods.type_of(row).key, goods.attributes[row], str(folder / picture_name(sku)))
        for row, sku in enumerate(goods.sku)
        if not (folder / picture_name(sku)).exists()
    ]
    (folder / picture_name("")).parent.mkdir(parents=True, exist_ok=True)
    tasks: list[Task] = [(jobs[start : start + PER_TASK], size) for start in range(0, len(jobs), PER_TASK)]
    for number, _ in enumerate(_in_processes(tasks, processes=processes or cpu_count() or 1), start=1):
        if on_progress:
            on_progress(number / len(tasks))
    return len(jobs)


def _in_processes(tasks: list[Task], *, processes: int) -> Iterator[None]:
    if processes == 1 or len(tasks) < 2:
        yield from map(_draw_all, tasks)
        return
    # Fresh processes: a forked one would share the parent's database connections and threads.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_draw_all, tasks)


def _draw_all(task: Task) -> None:
    jobs, size = task
    for sku, product_type, attributes, path in jobs:
        save(draw_product(product_type, attributes, size, seed=seed_of(sku)), Path(path))


def save(picture: Image.Image, path: Path) -> None:
    """Write a WebP file that is whole or not there: a killed run leaves nothing to be taken for done."""
    unfinished = path.with_suffix(".part")
    picture.save(unfinished, "WEBP", quality=82, method=1)
    unfinished.replace(path)
