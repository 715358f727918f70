"""Training examples for the compact encoder: made products, drawn, and what they are called."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from ml.clip_training import Examples
from ml.phrases import phrases
from ml.synthetic.pictures import draw_product, seed_of
from ml.synthetic.shop import ShopConfig, generate

DRAWN_SIDE = 128  # drawn large and reduced, as the shop's own pictures are


def made_examples(
    *, num_products: int, seed: int, side: int = 80, on_progress: Callable[[int], None] | None = None
) -> Examples:
    """Return made products as examples, pictures `side` pixels wide, and `on_progress(number done)`."""
    shop = generate(ShopConfig(num_users=1, num_items=num_products, num_interactions=1, seed=seed))
    goods = shop.catalogue
    order = np.random.default_rng(seed).permutation(num_products)  # else the held-out ones are of few types
    pictures = np.empty((num_products, side, side, 3), np.uint8)
    said: list[list[str]] = []
    for row, index in enumerate(order):
        kind = goods.taxonomy.types[goods.type_index[index]]
        picture = draw_product(
            kind.key, goods.attributes[index], DRAWN_SIDE, seed=seed_of(f"{seed} {goods.sku[index]}")
        )
        pictures[row] = np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC))
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
    return Examples(pictures_NHWC=pictures, phrases=said)
