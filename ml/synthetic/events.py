"""What the made shoppers do: sessions, looks, the funnel behind each look, complements and repeat buys."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from ml.synthetic.choices import Looks, choose_items
from ml.synthetic.products import DAY, Catalogue
from ml.synthetic.shoppers import Shoppers

# Shapes: S sessions, E looks, M rows
KINDS = ("view", "click", "cart_add", "cart_remove", "purchase", "rating", "dislike")
VIEW, CLICK, CART_ADD, CART_REMOVE, PURCHASE, RATING, DISLIKE = range(7)
MAX_VIEWS = 5
COMPLEMENT_CHANCE = 0.55
REPEAT_CHANCE = 0.75
MAX_REPEATS = 12
CHECKOUT_AFTER = 25 * 60  # seconds from the start of a session
ROWS_PER_SESSION = 5.0  # a first guess; generation goes on until there are enough
SESSIONS_PER_BATCH = 100_000
# Visits by hour of the day (UTC), from midnight: a quiet night, a lunch bump, an evening peak.
HOURS = np.array(
    [2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 10, 11, 13, 12, 10, 10, 11, 12, 14, 17, 19, 17, 11, 5], dtype=float
)


@dataclass(frozen=True, kw_only=True)
class Events:
    """Columns of the interactions, sorted by time; row = event."""

    user_index: np.ndarray  # (M,) int32
    item_index: np.ndarray  # (M,) int32
    kind: np.ndarray  # (M,) int8, index into KINDS
    value: np.ndarray  # (M,) float32: stars of a rating, quantity of a purchase; NaN = none
    timestamp: np.ndarray  # (M,) int64, seconds
    session: np.ndarray  # (M,) int64; a repeat buy and a later rating keep the session they come from

    def __len__(self) -> int:
        return len(self.timestamp)

    def take(self, rows: np.ndarray) -> "Events":
        """Return the rows chosen by a mask or by indices."""
        return Events(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def make_events(
    catalogue: Catalogue,
    *,
    shoppers: Shoppers,
    num_interactions: int,
    until: int,
    rng: np.random.Generator,
    on_progress: Callable[[float], None] | None = None,
) -> Events:
    """Return exactly `num_interactions` rows up to `until`: whole sessions, only the last one cut short."""
    batches: list[Events] = []
    num_rows, first_session = 0, 0
    while num_rows < num_interactions:
        missing = num_interactions - num_rows
        num_sessions = min(SESSIONS_PER_BATCH, int(missing / ROWS_PER_SESSION) + 16)
        batch = _play_sessions(num_sessions, catalogue=catalogue, shoppers=shoppers, until=until, rng=rng)
        batch = batch.take(np.argsort(batch.session, kind="stable")[:missing])
        if not len(batch):
            raise ValueError("No shopper may buy any product; ask for more items or more users.")
        batches.append(Events(**{**vars(batch), "session": batch.session + first_session}))
        num_rows += len(batch)
        first_session += num_sessions
        if on_progress:
            on_progress(num_rows / num_interactions)
    events = _join(batches)
    return events.take(np.lexsort((events.session, events.timestamp)))


def _join(parts: list[Events]) -> Events:
    return Events(
        **{field.name: np.concatenate([getattr(p, field.name) for p in parts]) for field in fields(Events)}
    )


def _play_sessions(
    num_sessions: int, *, catalogue: Catalogue, shoppers: Shoppers, until: int, rng: np.random.Generator
) -> Events:
    """Return the rows of so many sessions: first looks, complements, later ratings, repeat buys."""
    user_index = rng.choice(len(shoppers), num_sessions, p=shoppers.activity)
    begin = _session_times(shoppers.signup_at[user_index], until=until, rng=rng)
    session = np.repeat(np.arange(num_sessions), 1 + rng.poisson(0.5, num_sessions))
    looks = _first_looks(
        session, user_index=user_index, begin=begin, shoppers=shoppers, catalogue=catalogue, rng=rng
    )
    first = _funnel(
        looks, session=session, begin=begin, boost=0.0, catalogue=catalogue, shoppers=shoppers, rng=rng
    )
    looks, session = _complement_looks(first, begin=begin, catalogue=catalogue, rng=rng)
    second = _funnel(
        looks, session=session, begin=begin, boost=0.8, catalogue=catalogue, shoppers=shoppers, rng=rng
    )
    repeats = _repeat_buys(_join([first, second]), catalogue=catalogue, rng=rng)
    events = _join([first, second, repeats])
    return events.take(events.timestamp <= until)


def _session_times(signup_at: np.ndarray, *, until: int, rng: np.random.Generator) -> np.ndarray:
    """Return when sessions begin: from sign-up to an hour before `until`, at the hours when people shop."""
    moment = signup_at + (until - signup_at) * rng.random(len(signup_at)) ** 0.9
    hour = rng.choice(24, len(signup_at), p=HOURS / HOURS.sum())
    seconds = hour * 3600 + rng.integers(3600, size=len(signup_at))
    begin = moment.astype(np.int64) // DAY * DAY + seconds
    begin = np.where(begin > until - 3600, begin - DAY, begin)
    return np.where(begin < signup_at, begin + DAY, begin)


def _first_looks(
    session: np.ndarray,
    *,
    user_index: np.ndarray,
    begin: np.ndarray,
    shoppers: Shoppers,
    catalogue: Catalogue,
    rng: np.random.Generator,
) -> Looks:
    users, times = user_index[session], begin[session]
    types = np.empty(len(session), dtype=np.int64)
    for rows in np.array_split(np.arange(len(session)), len(session) // 50_000 + 1):
        shares = shoppers.tastes.type_shares(users[rows], times=times[rows], taxonomy=catalogue.taxonomy)
        types[rows] = _draw_columns(shares, rng=rng)
    return Looks(
        user_index=users,
        type_index=types,
        time=times + rng.integers(0, 10 * 60, len(session)),
        num_views=np.minimum(rng.geometric(0.5, len(session)), MAX_VIEWS),
        exploring=rng.random(len(session)) < 0.1,
    )


def _draw_columns(shares: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Return one column per row, drawn by the row's shares."""
    cumulative = np.cumsum(shares, axis=1, dtype=np.float64)
    ticks = rng.random(len(shares))[:, None] * cumulative[:, -1:]
    return np.minimum((cumulative < ticks).sum(axis=1), shares.shape[1] - 1)


def _funnel(
    looks: Looks,
    *,
    session: np.ndarray,
    begin: np.ndarray,
    boost: float,
    catalogue: Catalogue,
    shoppers: Shoppers,
    rng: np.random.Generator,
) -> Events:
    """Return the rows that follow from looks: every view, and what it leads to."""
    chosen, match = choose_items(looks, catalogue=catalogue, shoppers=shoppers, rng=rng)
    look, place = np.nonzero(chosen >= 0)
    views = Events(
        user_index=looks.user_index[look].astype(np.int32),
        item_index=chosen[look, place].astype(np.int32),
        kind=np.full(len(look), VIEW, dtype=np.int8),
        value=np.full(len(look), np.nan, dtype=np.float32),
        timestamp=looks.time[look] + 55 * place + rng.integers(0, 40, len(look)),
        session=session[look],
    )
    return _outcomes(views, match=match[look, place] + boost, begin=begin, catalogue=catalogue, rng=rng)


def _outcomes(
    views: Events, *, match: np.ndarray, begin: np.ndarray, catalogue: Catalogue, rng: np.random.Generator
) -> Events:
    """Return views with their outcomes; the better the match, the further down the funnel."""
    num_views = len(views)
    clicked = rng.random(num_views) < 0.12
    carted = rng.random(num_views) < 1 / (1 + np.exp(2.0 - 0.6 * match))
    bought = carted & (rng.random(num_views) < 0.6)
    dropped = carted & ~bought & (rng.random(num_views) < 0.4)
    rated = bought & (rng.random(num_views) < 0.35)
    disliked = ~carted & (rng.random(num_views) < np.where(match < 0, 0.06, 0.008))
    checkout = begin[views.session] + CHECKOUT_AFTER + rng.integers(0, 20, num_views)
    liking = 3.9 + 0.35 * match + 0.4 * catalogue.quality[views.item_index] + rng.normal(0, 0.6, num_views)
    stars = np.clip(np.round(liking), 1, 5)
    quantity = np.where(catalogue.repeatable[views.item_index], 1 + rng.poisson(0.4, num_views), 1)
    none = np.full(num_views, np.nan)
    later = views.timestamp
    steps = (
        (CLICK, clicked, later - 2, none),
        (CART_ADD, carted, later + 30, quantity),
        (CART_REMOVE, dropped, later + 90, none),
        (PURCHASE, bought, checkout, quantity),
        (RATING, rated, checkout + rng.integers(2 * DAY, 15 * DAY, num_views), stars),
        (DISLIKE, disliked, later + 20, none),
    )
    return _join([views, *(_follow(views, kind=k, chosen=c, times=t, values=v) for k, c, t, v in steps)])


def _follow(views: Events, *, kind: int, chosen: np.ndarray, times: np.ndarray, values: np.ndarray) -> Events:
    """Return rows of one kind for the chosen views."""
    changed = {
        "kind": np.full(len(views), kind, dtype=np.int8),
        "timestamp": np.asarray(times, dtype=np.int64),
        "value": np.asarray(values, dtype=np.float32),
    }
    return Events(**{**vars(views), **changed}).take(chosen)


def _complement_looks(
    first: Events, *, begin: np.ndarray, catalogue: Catalogue, rng: np.random.Generator
) -> tuple[Looks, np.ndarray]:
    """Return looks at types that go with what was just put in the basket, and their sessions."""
    buys = first.take(np.flatnonzero(first.kind == PURCHASE))
    buys = buys.take(rng.random(len(buys)) < COMPLEMENT_CHANCE)
    bought_types = catalogue.type_index[buys.item_index]
    looks = Looks(
        user_index=buys.user_index.astype(np.int64),
        type_index=_draw_columns(catalogue.taxonomy.complements[bought_types], rng=rng),
        time=begin[buys.session] + rng.integers(15 * 60, 19 * 60, len(buys)),
        num_views=rng.integers(1, 3, len(buys)),
        exploring=np.zeros(len(buys), dtype=bool),
    )
    return looks, buys.session


def _repeat_buys(events: Events, *, catalogue: Catalogue, rng: np.random.Generator) -> Events:
    """Return later purchases of consumables, each about the type's usual interval after the one before."""
    repeat_days = np.array([kind.repeat_days for kind in catalogue.taxonomy.types])
    days = repeat_days[catalogue.type_index[events.item_index]]
    buys = events.take((events.kind == PURCHASE) & (days > 0))
    days = repeat_days[catalogue.type_index[buys.item_index]]
    num_repeats = np.minimum(rng.geometric(1 - REPEAT_CHANCE, len(buys)) - 1, MAX_REPEATS)
    gaps = days[:, None] * DAY * rng.lognormal(0, 0.2, (len(buys), MAX_REPEATS))
    times = buys.timestamp[:, None] + np.cumsum(gaps, axis=1).astype(np.int64)
    wanted = np.arange(MAX_REPEATS) < num_repeats[:, None]
    rows, place = np.nonzero(wanted)
    repeats = buys.take(rows)
    return Events(**{**vars(repeats), "timestamp": times[rows, place]})
