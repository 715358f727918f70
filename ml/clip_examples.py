"""Training examples for the compact encoder: made products, drawn, and what they are called."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from ml.clip_training import Examples
from ml.phrases import phrases
from ml.synthetic.pictures import draw_product, seed_of
from ml.synthetic.products import DAY, make_catalogue
from ml.synthetic.taxonomy import load_taxonomy

DAYS = 365  # over which they are released; nothing here depends on it
DRAWN_SIDE = 128  # drawn large and reduced, as the shop's own pictures are


def made_examples(
    *, num_products: int, seed: int, side: int = 80, on_progress: Callable[[int], None] | None = None
) -> Examples:
    """Return made products as examples, pictures `side` pixels wide, and `on_progress(number done)`."""
    rng = np.random.default_rng(seed)
    goods = make_catalogue(load_taxonomy(), num_items=num_products, start=0, until=DAYS * DAY, rng=rng)
    order = rng.permutation(num_products)  # else the held-out ones are of few types
    pictures = np.empty((num_products, side, side, 3), np.uint8)
    said: list[list[str]] = []
    kinds: list[str] = []
    for row, index in enumerate(order):
        kind = goods.taxonomy.types[goods.type_index[index]]
        picture = draw_product(
            kind.key, goods.attributes[index], DRAWN_SIDE, seed=seed_of(f"{seed} {goods.sku[index]}")
        )
        pictures[row] = np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC))
        kinds.append(kind.path)
        said.append(
            phrases(
                name=goods.name[index],
                category=kind.path,
                brand=goods.brand[index],
                attributes=goods.attributes[index],
                description=goods.description[index],
            )
        )
        if on_progress:
            on_progress(row + 1)
    return Examples(pictures_NHWC=pictures, phrases=said, kinds=kinds)
