"""The made catalogue: products with names, attributes, prices and the latent vector behind their appeal."""

from dataclasses import dataclass

import numpy as np

from ml.synthetic.descriptions import describe
from ml.synthetic.taxonomy import STYLES, ProductType, Taxonomy

# I = items, D = latent dimension
LATENT_DIM = 8
DAY = 86_400
# How much of an item's latent vector each attribute explains; "own" is what no attribute tells.
LATENT_SHARES = {"brand": 1.0, "style": 1.0, "colour": 0.8, "pattern": 0.4, "material": 0.5, "own": 0.45}
REGIONS = ("GB", "DE", "FR", "US", "NL", "ES", "SE", "IE")


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Columns of the catalogue; row = item index."""

    taxonomy: Taxonomy
    sku: list[str]
    name: list[str]
    description: list[str]
    brand: list[str]
    attributes: list[dict[str, str]]
    regions: list[str]  # region codes joined by "|"; empty is everywhere
    type_index: np.ndarray  # (I,) int16
    price: np.ndarray  # (I,) float64
    list_price: np.ndarray  # (I,) float64, NaN = no discount
    stock: np.ndarray  # (I,) int32
    rating: np.ndarray  # (I,) float32, NaN = none yet
    rating_count: np.ndarray  # (I,) int32
    min_age: np.ndarray  # (I,) int16
    repeatable: np.ndarray  # (I,) bool
    released_at: np.ndarray  # (I,) int64, seconds since 1970 UTC
    latent: np.ndarray  # (I, D) float32, about unit variance in each dimension
    price_level: np.ndarray  # (I,) float32, log price against its own type, in standard deviations
    appeal: np.ndarray  # (I,) float32, log popularity that everyone shares
    quality: np.ndarray  # (I,) float32, what the ratings tell, about standard normal

    def __len__(self) -> int:
        return len(self.sku)

    def type_of(self, item_index: int) -> ProductType:
        """Return the product type of one item."""
        return self.taxonomy.types[self.type_index[item_index]]


def make_catalogue(
    taxonomy: Taxonomy, *, num_items: int, start: int, until: int, rng: np.random.Generator
) -> Catalogue:
    """Return `num_items` products, released from half a year before `start` up to `until` (seconds)."""
    type_index = _spread_over_types(len(taxonomy.types), num_items=num_items, rng=rng)
    facts = [_draw_facts(taxonomy.types[kind], rng=rng) for kind in type_index]
    names = _unique_names(taxonomy, type_index=type_index, facts=facts, rng=rng)
    texts = [
        describe(taxonomy.types[kind], facts=fact, rng=rng)
        for kind, fact in zip(type_index, facts, strict=True)
    ]
    price_level, price, list_price = _prices(taxonomy, type_index=type_index, facts=facts, rng=rng)
    appeal = rng.normal(0, 1.2, num_items).astype(np.float32)
    quality = rng.normal(0, 1, num_items).astype(np.float32)
    rating, rating_count = _ratings(appeal, quality=quality, rng=rng)
    types = [taxonomy.types[kind] for kind in type_index]
    return Catalogue(
        taxonomy=taxonomy,
        sku=_skus(taxonomy, type_index=type_index),
        name=names,
        description=texts,
        brand=[fact["brand"] for fact in facts],
        attributes=[{k: v for k, v in fact.items() if k not in ("brand", "noun")} for fact in facts],
        regions=_regions(num_items, rng=rng),
        type_index=type_index,
        price=price,
        list_price=list_price,
        stock=np.where(rng.random(num_items) < 0.04, 0, rng.negative_binomial(2, 0.02, num_items)).astype(
            np.int32
        ),
        rating=rating,
        rating_count=rating_count,
        min_age=np.array([kind.min_age for kind in types], dtype=np.int16),
        repeatable=np.array([kind.repeat_days > 0 for kind in types]),
        released_at=_release_times(num_items, start=start, until=until, rng=rng),
        latent=_latents(facts, rng=rng),
        price_level=price_level,
        appeal=appeal,
        quality=quality,
    )


def _spread_over_types(num_types: int, *, num_items: int, rng: np.random.Generator) -> np.ndarray:
    """Return a type for each item: every type once while there are enough items, then unevenly."""
    shares = rng.dirichlet(np.full(num_types, 8.0))
    rest = rng.choice(num_types, max(0, num_items - num_types), p=shares)
    return rng.permutation(np.concatenate([np.arange(num_types)[:num_items], rest])).astype(np.int16)


def _draw_facts(kind: ProductType, *, rng: np.random.Generator) -> dict[str, str]:
    """Return brand, noun and attributes of one product."""
    ticks = rng.random(7)
    facts = {
        "brand": _pick(tuple(brand.name for brand in kind.brands), tick=ticks[0]),
        "noun": _pick(kind.nouns, tick=ticks[1]),
        "colour": _pick(kind.colours, tick=ticks[2]),
        "material": _pick(kind.materials, tick=ticks[3]),
        "pattern": _pick(kind.patterns, tick=ticks[4]),
        "size": _pick(kind.sizes, tick=ticks[5]),
        "style": _pick(STYLES, tick=ticks[6]),
    }
    if kind.traits:
        facts[kind.trait_name] = _pick(kind.traits, tick=rng.random())
    return facts


def _pick(words: tuple[str, ...], *, tick: float) -> str:
    return words[int(tick * len(words))]


def _unique_names(
    taxonomy: Taxonomy, *, type_index: np.ndarray, facts: list[dict[str, str]], rng: np.random.Generator
) -> list[str]:
    """Return one name per product, no two alike: a range name parts twins, then a number."""
    names: list[str] = []
    taken: set[str] = set()
    for number_of_type, fact in zip(type_index, facts, strict=True):
        kind = taxonomy.types[number_of_type]
        name = _name(kind, fact=fact, range_name="")
        if name in taken:
            name = _name(kind, fact=fact, range_name=_pick(taxonomy.words["ranges"], tick=rng.random()))
        number = 2
        while name in taken:
            name = f"{name.removesuffix(f', No. {number - 1}')}, No. {number}"
            number += 1
        taken.add(name)
        names.append(name)
    return names


def _name(kind: ProductType, *, fact: dict[str, str], range_name: str) -> str:
    """Return such as "Harlow Stoneware Mug, Sage Green, 350 ml"."""
    pattern = "" if fact["pattern"] == "Plain" else fact["pattern"]
    trait = fact.get(kind.trait_name, "")
    material = "" if fact["material"] in fact["noun"] else fact["material"]
    words = [fact["brand"], range_name, pattern, material, fact["noun"]]
    tail = [f"“{trait}”" if kind.trait_name == "title" else trait, fact["colour"], fact["size"]]
    return ", ".join([" ".join(filter(None, words)), *filter(None, tail)])


def _prices(
    taxonomy: Taxonomy, *, type_index: np.ndarray, facts: list[dict[str, str]], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return price level, price and list price: log-normal around the type's price and the brand's level."""
    levels = [{brand.name: brand.level for brand in kind.brands} for kind in taxonomy.types]
    brand_level = np.array(
        [levels[kind][fact["brand"]] for kind, fact in zip(type_index, facts, strict=True)]
    )
    log_ratio = 0.45 * brand_level + rng.normal(0, 0.22, len(facts))
    middle = np.array([kind.price for kind in taxonomy.types])[type_index]
    list_price = _round_price(middle * np.exp(log_ratio))
    discounted = rng.random(len(facts)) < 0.28
    share = rng.choice([0.1, 0.15, 0.2, 0.25, 0.3, 0.4], len(facts))
    price = np.where(discounted, np.round(list_price * (1 - share), 2), list_price)
    level = (log_ratio / 0.35).astype(np.float32)
    return level, price, np.where(discounted, list_price, np.nan)


def _round_price(price: np.ndarray) -> np.ndarray:
    """Return prices as shops write them: 12.49, 12.99, 84.00, 629.00."""
    small = np.floor(price * 2) / 2 + 0.49
    return np.round(np.where(price < 60, small, np.maximum(np.round(price), 1)), 2)


def _ratings(
    appeal: np.ndarray, *, quality: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean stars (NaN where nobody rated) and the number of ratings."""
    count = rng.poisson(np.exp(2.2 + 0.7 * appeal + rng.normal(0, 0.5, len(appeal)))).astype(np.int32)
    noise = rng.normal(0, 1, len(appeal)) / np.sqrt(np.maximum(count, 1))
    stars = np.clip(np.round(4.1 + 0.4 * quality + noise, 2), 1, 5)
    return np.where(count > 0, stars, np.nan).astype(np.float32), count


def _release_times(num_items: int, *, start: int, until: int, rng: np.random.Generator) -> np.ndarray:
    """Return release moments: half are there at the start, the rest arrive up to yesterday."""
    early = rng.uniform(start - 180 * DAY, start, num_items)
    late = rng.uniform(start, until - DAY, num_items)
    return np.where(rng.random(num_items) < 0.55, early, late).astype(np.int64)


def _latents(facts: list[dict[str, str]], *, rng: np.random.Generator) -> np.ndarray:
    """Return (I, D): the sum of one random vector per attribute value and the item's own, unit variance."""
    total = LATENT_SHARES["own"] * rng.normal(0, 1, (len(facts), LATENT_DIM))
    for attribute, share in LATENT_SHARES.items():
        if attribute == "own":
            continue
        values, codes = np.unique([fact[attribute] for fact in facts], return_inverse=True)
        total += share * rng.normal(0, 1, (len(values), LATENT_DIM))[codes]
    norm = np.sqrt(sum(share**2 for share in LATENT_SHARES.values()))
    return (total / norm).astype(np.float32)


def _regions(num_items: int, *, rng: np.random.Generator) -> list[str]:
    """Return where each item may be sold: nearly all everywhere, a few in two or three regions."""
    limited = rng.random(num_items) < 0.03
    return ["|".join(rng.permutation(REGIONS)[: 2 + n % 2]) if limited[n] else "" for n in range(num_items)]


def _skus(taxonomy: Taxonomy, *, type_index: np.ndarray) -> list[str]:
    """Return codes such as "MUG-00017": the type and the item's number in the catalogue."""
    prefixes = [kind.key.replace("_", "")[:5].upper() for kind in taxonomy.types]
    return [f"{prefixes[kind]}-{number:05d}" for number, kind in enumerate(type_index, start=1)]
