"""The made shoppers: who they are, what they say they like, and the tastes that drive what they do."""

from dataclasses import dataclass

import numpy as np

from ml.synthetic.products import DAY, LATENT_DIM, REGIONS
from ml.synthetic.taxonomy import SEPARATOR, Taxonomy

# U = users, K = knots of the drift, F = favourite types, T = types, D = latent dimension, E = events
NUM_KNOTS = 7
NUM_SLOTS = 6
NUM_PERSONAS = 12
FAVOURITE_SHARE = 0.82
SIBLING_SHARE = 0.08


@dataclass(frozen=True, kw_only=True)
class Tastes:
    """What drives each shopper, at knots of time between which it moves in straight lines."""

    knots: np.ndarray  # (K,) int64, seconds
    vectors: np.ndarray  # (U, K, D) float32
    slots: np.ndarray  # (U, F) int16, favourite types
    weights: np.ndarray  # (U, K, F) float32, each row sums to one
    price_level: np.ndarray  # (U,) float32, against an item's price_level
    type_popularity: np.ndarray  # (T,) float32, sums to one
    peak_day: np.ndarray  # (T,) float32, day of the year when the type sells best

    def vectors_at(self, user_index: np.ndarray, *, times: np.ndarray) -> np.ndarray:
        """Return (E, D): each user's taste vector at each time."""
        knot, share = self._between(times)
        return (1 - share) * self.vectors[user_index, knot] + share * self.vectors[user_index, knot + 1]

    def type_shares(self, user_index: np.ndarray, *, times: np.ndarray, taxonomy: Taxonomy) -> np.ndarray:
        """Return (E, T): the chance that a user's next look goes to each type; rows sum to one."""
        knot, share = self._between(times)
        weights_EF = (1 - share) * self.weights[user_index, knot] + share * self.weights[user_index, knot + 1]
        favourite_ET = np.zeros((len(user_index), len(self.type_popularity)), dtype=np.float32)
        rows = np.arange(len(user_index))[:, None]
        np.add.at(favourite_ET, (rows, self.slots[user_index]), weights_EF)
        rest = 1 - FAVOURITE_SHARE - SIBLING_SHARE
        mixed_ET = FAVOURITE_SHARE * favourite_ET + SIBLING_SHARE * (favourite_ET @ taxonomy.siblings)
        mixed_ET += rest * self.type_popularity
        mixed_ET *= self._season(times)
        return mixed_ET / mixed_ET.sum(axis=1, keepdims=True)

    def _between(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (E,) the knot before each time and (E, 1) how far it is towards the next."""
        position = (times - self.knots[0]) / (self.knots[1] - self.knots[0])
        knot = np.clip(position.astype(np.int64), 0, len(self.knots) - 2)
        return knot, np.clip(position - knot, 0, 1).astype(np.float32)[:, None]

    def _season(self, times: np.ndarray) -> np.ndarray:
        day = (times // DAY % 365).astype(np.float32)[:, None]
        return np.exp(0.2 * np.cos(2 * np.pi * (day - self.peak_day) / 365))


@dataclass(frozen=True, kw_only=True)
class Shoppers:
    """Columns of the shoppers; row = user index."""

    user_id: list[str]
    name: list[str]
    email: list[str]
    preferences: list[str]  # category paths joined by "|"; empty where they said nothing
    region: list[str]
    birth_date: np.ndarray  # (U,) datetime64[D], NaT = unknown
    age: np.ndarray  # (U,) int16 as the shop counts it; 0 = unknown, which may buy nothing restricted
    signup_at: np.ndarray  # (U,) int64, seconds
    activity: np.ndarray  # (U,) float64, share of all sessions
    tastes: Tastes

    def __len__(self) -> int:
        return len(self.user_id)


def make_shoppers(
    taxonomy: Taxonomy, *, num_users: int, start: int, until: int, rng: np.random.Generator
) -> Shoppers:
    """Return `num_users` shoppers who sign up between `start` and two days before `until` (seconds)."""
    tastes = _make_tastes(taxonomy, num_users=num_users, start=start, until=until, rng=rng)
    names = _names(taxonomy, num_users=num_users, rng=rng)
    birth_date, age = _ages(num_users, until=until, rng=rng)
    # Four in ten were there at the start; the others join evenly.
    joined = rng.uniform(start, until - 2 * DAY, num_users)
    signup_at = np.where(rng.random(num_users) < 0.4, start + 30 * DAY * rng.random(num_users), joined)
    # Who joined long ago had more time for visits.
    activity = (rng.gamma(3.0, 1.0, num_users) + 0.3) * (until - signup_at) ** 0.8
    return Shoppers(
        user_id=[f"user-{number:06d}" for number in range(1, num_users + 1)],
        name=names,
        email=[_email(name, number=number) for number, name in enumerate(names, start=1)],
        preferences=_preferences(taxonomy, tastes=tastes, rng=rng),
        region=[
            str(code) for code in rng.choice(["", *REGIONS], num_users, p=[0.04, *[0.12] * len(REGIONS)])
        ],
        birth_date=birth_date,
        age=age,
        signup_at=np.minimum(signup_at, until - 2 * DAY).astype(np.int64),
        activity=activity / activity.sum(),
        tastes=tastes,
    )


def _make_tastes(
    taxonomy: Taxonomy, *, num_users: int, start: int, until: int, rng: np.random.Generator
) -> Tastes:
    num_types = len(taxonomy.types)
    popularity = rng.dirichlet(np.full(num_types, 1.5))
    # Shoppers resemble one of a dozen personas, so that one's choices tell something about another's.
    persona_vectors = rng.normal(0, 1, (NUM_PERSONAS, LATENT_DIM))
    persona = rng.integers(NUM_PERSONAS, size=num_users)
    vectors = 0.85 * persona_vectors[persona] + 0.53 * rng.normal(0, 1, (num_users, LATENT_DIM))
    steps = rng.normal(0, 0.18, (num_users, NUM_KNOTS, LATENT_DIM))
    steps[:, 0] = 0
    persona_types = np.stack([rng.dirichlet(np.full(num_types, 0.35)) for _ in range(NUM_PERSONAS)])
    slots = _favourite_types(0.7 * persona_types[persona] + 0.3 * popularity, rng=rng)
    return Tastes(
        knots=np.linspace(start, until, NUM_KNOTS).astype(np.int64),
        vectors=(vectors[:, None, :] + np.cumsum(steps, axis=1)).astype(np.float32),
        slots=slots,
        weights=_slot_weights(num_users, rng=rng),
        price_level=(0.8 * rng.normal(0, 1, num_users)).astype(np.float32),
        type_popularity=popularity.astype(np.float32),
        peak_day=rng.uniform(0, 365, num_types).astype(np.float32),
    )


def _favourite_types(shares_UT: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Return (U, F) distinct types a user, drawn without replacement by their shares (Gumbel top-k)."""
    keys = np.log(shares_UT + 1e-9) + rng.gumbel(size=shares_UT.shape)
    return np.argsort(-keys, axis=1)[:, :NUM_SLOTS].astype(np.int16)


def _slot_weights(num_users: int, *, rng: np.random.Generator) -> np.ndarray:
    """Return (U, K, F): two to five favourites that walk slowly, and for some one more that comes later."""
    base = rng.gamma(1.5, 1.0, (num_users, NUM_SLOTS)) + 0.2
    num_favourites = rng.integers(2, 6, num_users)[:, None]
    base[np.arange(NUM_SLOTS) >= num_favourites] = 0
    walk = np.cumsum(rng.normal(0, 0.3, (num_users, NUM_KNOTS, NUM_SLOTS)), axis=1)
    weights = base[:, None, :] * np.exp(walk)
    arrives = np.where(rng.random(num_users) < 0.35, rng.integers(2, NUM_KNOTS, num_users), NUM_KNOTS)
    newcomer = np.arange(NUM_KNOTS) >= arrives[:, None]
    weights[:, :, -1] = np.where(newcomer, weights.mean(axis=2) * 1.5, 0)
    return (weights / weights.sum(axis=2, keepdims=True)).astype(np.float32)


def _preferences(taxonomy: Taxonomy, *, tastes: Tastes, rng: np.random.Generator) -> list[str]:
    """Return what shoppers say they like: their favourites at some level, a little noise, some blanks."""
    paths = [kind.path.split(SEPARATOR) for kind in taxonomy.types]
    stated: list[str] = []
    for weights, slots in zip(tastes.weights[:, 0], tastes.slots, strict=True):
        chosen = [
            slot for slot, weight in zip(slots, weights, strict=True) if weight > 0 and rng.random() < 0.8
        ]
        if rng.random() < 0.15:
            chosen.append(rng.integers(len(paths)))
        if rng.random() < 0.1:
            chosen = []
        depths = rng.choice([1, 2, 3], len(chosen), p=[0.25, 0.45, 0.3])
        said = [SEPARATOR.join(paths[kind][:depth]) for kind, depth in zip(chosen, depths, strict=True)]
        stated.append("|".join(dict.fromkeys(said)))
    return stated


def _ages(num_users: int, *, until: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return birth dates (a few unknown) and whole years of age at `until`, 0 where unknown."""
    years = np.clip(rng.gamma(6, 6, num_users) + 8, 14, 88)
    unknown = rng.random(num_users) < 0.06
    birth_date = (np.datetime64(until, "s") - (years * 365.25).astype(int).astype("timedelta64[D]")).astype(
        "M8[D]"
    )
    birth_date[unknown] = np.datetime64("NaT")
    return birth_date, np.where(unknown, 0, np.floor(years - 0.02)).astype(np.int16)


def _names(taxonomy: Taxonomy, *, num_users: int, rng: np.random.Generator) -> list[str]:
    first = rng.choice(taxonomy.words["first_names"], num_users)
    last = rng.choice(taxonomy.words["last_names"], num_users)
    return [f"{given} {family}" for given, family in zip(first, last, strict=True)]


def _email(name: str, *, number: int) -> str:
    """Return an address at a domain that is reserved for examples (RFC 2606)."""
    return f"{name.lower().replace(' ', '.')}.{number}@example.{('com', 'org', 'net')[number % 3]}"
