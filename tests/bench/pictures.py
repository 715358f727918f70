"""Search by a worn copy of a catalogue picture: cropped, turned, compressed or darkened.

    python -m tests.bench.pictures --products 2000 --json .bench/pictures.json

Of each way: how often the own product comes first, and how often another of its type is among the next five.
Products are made ones that the bundled encoder never saw.
"""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ml.clip import Encoder, encode_views
from ml.worn_pictures import WAYS

SEED = 4711  # of products that no training saw
BATCH = 128


@dataclass(frozen=True, kw_only=True)
class Shop:
    """Pictures of made products, and what each is."""

    pictures: list[Image.Image]
    types: np.ndarray  # (N,) str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What copies that were worn in one way found."""

    way: str
    own_first: float
    type_in_next_five: float
    queries: int


def make_shop(num_products: int, *, seed: int = SEED, side: int = 320, every: int = 1) -> Shop:
    """Return made products, drawn as the shop's own; `every` 4 leaves a quarter of the types, and as many
    products of each.
    """
    from ml.synthetic.pictures import draw_product, seed_of
    from ml.synthetic.products import DAY, make_catalogue
    from ml.synthetic.taxonomy import load_taxonomy

    rng = np.random.default_rng(seed)
    goods = make_catalogue(load_taxonomy(), num_items=num_products, start=0, until=365 * DAY, rng=rng)
    kept = [row for row in range(num_products) if goods.type_index[row] % every == 0]
    types = [goods.type_of(row).key for row in kept]
    pictures = [
        draw_product(kind, goods.attributes[row], side, seed=seed_of(f"{seed} {goods.sku[row]}"))
        for row, kind in zip(kept, types, strict=True)
    ]
    return Shop(pictures=pictures, types=np.array(types))


def measure(shop: Shop, *, encoder: Encoder, num_queries: int, seed: int = 0) -> Iterator[Outcome]:
    """Yield the outcome of each way; a type that has one product alone is not asked for."""
    rng = np.random.default_rng(seed)
    names, counts = np.unique(shop.types, return_counts=True)
    asked = np.flatnonzero(np.isin(shop.types, names[counts > 1]))
    asked = rng.permutation(asked)[:num_queries]
    catalogue_ND = _encoded(shop.pictures, encode=encoder.encode_images)
    for way, wear in WAYS.items():
        queries_QD = _encoded(
            [wear(shop.pictures[row], rng) for row in asked],
            encode=lambda batch: encode_views(encoder, batch),
        )
        best = np.argsort(-(queries_QD @ catalogue_ND.T), axis=1, kind="stable")[:, :6]
        own = best[:, 0] == asked
        others = [row[row != of][:5] for row, of in zip(best, asked, strict=True)]
        alike = [(shop.types[row] == shop.types[of]).any() for row, of in zip(others, asked, strict=True)]
        yield Outcome(
            way=way,
            own_first=float(own.mean()),
            type_in_next_five=float(np.mean(alike)),
            queries=len(asked),
        )


def _encoded(pictures: list[Image.Image], *, encode: Callable[[list[Image.Image]], np.ndarray]) -> np.ndarray:
    return np.concatenate(
        [encode(pictures[start : start + BATCH]) for start in range(0, len(pictures), BATCH)]
    )


def main() -> None:
    from ml import clip

    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=2000)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--encoder", default="", help="an encoder's folder; the bundled one by default")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    encoder = clip.load_encoder(model=options.encoder)
    shop = make_shop(options.products)
    outcomes = []
    print(f"{options.products} products        own first   its type in the next five")
    for outcome in measure(shop, encoder=encoder, num_queries=options.queries):
        outcomes.append(asdict(outcome))
        print(f"{outcome.way:22} {outcome.own_first:10.1%} {outcome.type_in_next_five:15.1%}", flush=True)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({"products": options.products, "ways": outcomes}, indent=2) + "\n")


if __name__ == "__main__":
    main()
