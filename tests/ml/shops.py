"""Small made data sets for the tests of the model: two tastes, told apart by what people touch."""

import numpy as np

from ml.data import KINDS, Dataset, EntityTable, Interactions

VIEW, PURCHASE, RATING, DISLIKE = (KINDS.index(kind) for kind in ("view", "purchase", "rating", "dislike"))
DAY = 86_400


def events(*rows: tuple[int, int, str, float | None, int]) -> Interactions:
    """Interactions of (user, item, kind, value, second) rows."""
    user, item, kind, value, time = zip(*rows, strict=True)
    return Interactions.from_columns(
        np.array(user),
        item_index=np.array(item),
        kind=np.array([KINDS.index(name) for name in kind]),
        value=np.array([np.nan if number is None else number for number in value], dtype=np.float32),
        timestamp=np.array(time),
    )


def two_taste_shop(
    *, num_users: int = 60, num_items: int = 40, per_user: int = 12, seed: int = 3, noise: float = 0.1
) -> Dataset:
    """A shop where even users buy garden items and odd users kitchen items, at random times over 100 days.

    Half of the items, chosen within each category by colour, are liked: red by users 0, 1 (mod 4), blue by
    the others. So the category rule knows half of the taste and the model can know all of it.
    """
    rng = np.random.default_rng(seed)
    category = np.array(["garden", "kitchen"], dtype=object)[np.arange(num_items) % 2]
    colour = np.array(["red", "blue"], dtype=object)[np.arange(num_items) // 2 % 2]
    liked = [
        np.flatnonzero(
            (np.arange(num_items) % 2 == user % 2) & (np.arange(num_items) // 2 % 2 == user // 2 % 2)
        )
        for user in range(num_users)
    ]
    user_index = np.repeat(np.arange(num_users), per_user)
    item_index = np.array([rng.choice(liked[user]) for user in user_index])
    astray = rng.random(len(item_index)) < noise
    item_index[astray] = rng.integers(0, num_items, astray.sum())
    interactions = Interactions.from_columns(
        user_index,
        item_index=item_index,
        kind=np.full(len(user_index), PURCHASE),
        value=np.full(len(user_index), np.nan, dtype=np.float32),
        timestamp=rng.integers(0, 100 * DAY, len(user_index)),
    )
    return Dataset(
        users=EntityTable(
            ids=np.arange(num_users) + 1_000,
            numeric={"age": np.where(np.arange(num_users) % 5 == 0, np.nan, 20.0 + np.arange(num_users))},
            categorical={"region": np.array(["GB", "DE", ""], dtype=object)[np.arange(num_users) % 3]},
            multi={"preferences": [(str(category[user % 2]),) for user in range(num_users)]},
        ),
        items=EntityTable(
            ids=np.arange(num_items) + 500,
            numeric={"log_price": rng.normal(size=num_items).astype(np.float32)},
            categorical={"category": category},
            multi={
                "category_path": [(name,) for name in category],
                "attributes": [(f"colour={name}",) for name in colour],
            },
            vectors={"text": rng.normal(size=(num_items, 6)).astype(np.float32)},
        ),
        interactions=interactions,
    )
