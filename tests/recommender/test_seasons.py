"""What the hour and the season do to a list, and what they leave alone."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recommender import seasons
from recommender.models import BusinessRule, Interaction, Placement
from recommender.recommendations import recommend
from recommender.seasons import LARGEST, MONTHS, PARTS, SAME_MONTH, Habits
from shop.models import Product
from shop.visitors import Visitor
from tests.recommender.made_contexts import candidates_of, made_context, rows_of

MORNING = datetime(2026, 3, 2, 7, tzinfo=UTC)
EVENING = datetime(2026, 3, 2, 19, tzinfo=UTC)
PART_OF_MORNING, PART_OF_EVENING = 1, 4
# Categories 1 to 5 as in the made catalogue, of the departments home (1 to 3), homeware and toys.
IDS = np.arange(1, 6)
DEPARTMENTS = np.array([0, 0, 0, 1, 2])


@pytest.fixture(autouse=True)
def _boosted(settings: Any) -> None:
    settings.CONTEXT_BOOST = 1.0


@pytest.fixture
def mugs_in_the_morning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Category 2 is as wanted in the morning as a boost can say, and as little in the evening."""
    by_part = np.zeros((len(IDS), PARTS))
    by_part[1, PART_OF_MORNING], by_part[1, PART_OF_EVENING] = LARGEST, -LARGEST
    known = Habits(category_id=IDS, by_part=by_part, of_season=np.zeros(len(IDS)))
    monkeypatch.setattr(seasons, "_read", lambda: known)


def evenly(number: float) -> np.ndarray:
    """(C, M, P) counts of categories that are wanted alike, always."""
    return np.full((len(IDS), MONTHS, PARTS), float(number))


def learned(counts: np.ndarray) -> Habits:
    return seasons.learned(counts, category_id=IDS, department_C=DEPARTMENTS)


def moved(rows: Any = range(12), *, now: datetime = MORNING, **fields: Any) -> list[int]:
    return rows_of(seasons.apply(candidates_of(rows), context=made_context(now=now, **fields)))


# What a boost does


@pytest.mark.usefixtures("mugs_in_the_morning")
def test_the_hour_moves_a_product_by_a_third_of_the_list_at_most() -> None:
    assert moved([0, 2, 3, 4, 5, 1], k=12) == [0, 1, 2, 3, 4, 5]
    assert moved([1, 0, 2, 3, 4, 5], k=12, now=EVENING) == [0, 2, 3, 4, 1, 5]
    assert moved([0, 2, 3, 4, 5, 1], k=12, now=MORNING + timedelta(hours=6)) == [0, 2, 3, 4, 5, 1]


def test_the_season_moves_what_was_not_proposed_for_its_recent_interest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of_season = np.array([0, LARGEST, 0, 0, 0])
    known = Habits(category_id=IDS, by_part=np.zeros((len(IDS), PARTS)), of_season=of_season)
    monkeypatch.setattr(seasons, "_read", lambda: known)
    for source, expected in (("two_tower", [0, 1, 2, 3, 4, 5]), ("trending", [0, 2, 3, 4, 5, 1])):
        given = candidates_of([0, 2, 3, 4, 5, 1], source=source)
        assert rows_of(seasons.apply(given, context=made_context(k=12))) == expected


@pytest.mark.usefixtures("mugs_in_the_morning")
def test_strength_scales_the_move_and_0_turns_it_off(settings: Any) -> None:
    settings.CONTEXT_BOOST = 0.5
    assert moved([0, 2, 3, 4, 5, 1], k=12) == [0, 2, 3, 1, 4, 5]
    settings.CONTEXT_BOOST = 0
    assert moved([0, 2, 3, 4, 5, 1], k=12) == [0, 2, 3, 4, 5, 1]


def test_turned_off_nothing_is_counted(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CONTEXT_BOOST = 0
    monkeypatch.setattr(seasons, "_read", lambda: pytest.fail("The events were counted."))
    assert moved([1, 0]) == [1, 0]


@pytest.mark.usefixtures("mugs_in_the_morning")
@pytest.mark.parametrize("placement", Placement.values)
@pytest.mark.parametrize("now", [MORNING, EVENING])
def test_nothing_is_dropped_or_added_at_any_placement(placement: str, now: datetime) -> None:
    rows = moved(range(40), now=now, placement=placement)
    assert sorted(rows) == list(range(40))
    assert (rows != list(range(40))) == (placement in seasons.MOVED)


@pytest.mark.parametrize(
    "placement", ["home_recently_viewed", "home_new_arrivals", "home_buy_again", "product_similar"]
)
def test_lists_that_are_a_fact_or_about_one_thing_are_not_moved(placement: str) -> None:
    assert placement not in seasons.MOVED


def test_the_hour_is_that_of_the_shop(settings: Any) -> None:
    settings.TIME_ZONE = "America/New_York"
    timezone.get_default_timezone.cache_clear()
    try:
        assert seasons.part_of(datetime(2026, 3, 2, 12, tzinfo=UTC)) == PART_OF_MORNING  # seven in New York
    finally:
        timezone.get_default_timezone.cache_clear()


@pytest.mark.parametrize(("hour", "part"), [(2, 0), (5, 0), (6, 1), (18, 4), (21, 4), (22, 5), (1, 5)])
def test_parts_of_the_day(hour: int, part: int) -> None:
    assert seasons.part_of(datetime(2026, 3, 2, hour, 59, tzinfo=UTC)) == part


def test_of_an_unknown_category_nothing_is_known() -> None:
    counts = evenly(1_000)
    counts[:, :, PART_OF_MORNING] *= np.array([4, 1, 1, 1, 1])[:, None]
    assert learned(counts).boosts(np.array([0, 77]), now=MORNING).tolist() == [0, 0]
    nobody = Habits(category_id=np.empty(0, int), by_part=np.empty((0, PARTS)), of_season=np.empty(0))
    assert nobody.boosts(np.array([1]), now=MORNING).tolist() == [0]


# What is learned


def test_what_is_always_wanted_alike_has_no_boost() -> None:
    known = learned(evenly(1_000))
    assert np.allclose(known.by_part, 0)
    assert np.allclose(known.of_season, 0)


def test_much_evidence_gives_the_whole_ratio_and_little_gives_next_to_none() -> None:
    wanted = np.ones(PARTS)
    wanted[PART_OF_MORNING] = 1.3
    few, many = evenly(0.1), evenly(10_000)
    few[4] *= wanted
    many[4] *= wanted
    ratio = 1.3 / (6.3 / 6) * 5.05 / 5.3  # of its share in the morning to its overall share, about
    assert learned(many).by_part[4, PART_OF_MORNING] == pytest.approx(np.log(ratio), abs=0.02)
    assert 0 < learned(few).by_part[4, PART_OF_MORNING] < 0.02


def test_a_category_without_events_is_as_its_department() -> None:
    counts = evenly(1_000)
    counts[:2, :, PART_OF_MORNING] *= 1.4
    counts[2] = 0
    by_part = learned(counts).by_part
    assert by_part[2, PART_OF_MORNING] == pytest.approx(by_part[0, PART_OF_MORNING], rel=0.2)
    assert by_part[4, PART_OF_MORNING] < 0


def test_a_boost_has_its_limits() -> None:
    counts = evenly(1_000)
    counts[4, :, PART_OF_MORNING] *= 5
    counts[3, SAME_MONTH - 1 : SAME_MONTH + 2] *= 20
    known = learned(counts)
    assert known.by_part[4, PART_OF_MORNING] == known.of_season[3] == LARGEST
    counts[4, SAME_MONTH - 1 : SAME_MONTH + 2] *= 20
    boosts = learned(counts).boosts(IDS, now=MORNING)
    assert boosts.max() == LARGEST
    assert boosts.min() >= -LARGEST


def test_what_sold_at_this_time_a_year_ago_comes_up_again() -> None:
    counts = evenly(1_000)
    counts[4, SAME_MONTH] *= 1.5
    counts[3, SAME_MONTH + 6] *= 1.5  # half a year from now
    of_season = learned(counts).of_season
    assert of_season[4] > 0.1
    assert of_season[3] < 0


def test_growth_is_no_season() -> None:
    counts = evenly(1_000)
    grown = counts.copy()
    grown[4] *= np.linspace(1, 2, MONTHS)[:, None]
    assert abs(learned(grown).of_season[4]) < 0.05
    busier = counts * np.linspace(1, 5, MONTHS)[None, :, None]
    assert np.allclose(learned(busier).of_season, 0)


@pytest.mark.parametrize("month", [0, SAME_MONTH, 11])
def test_a_year_that_lacks_a_month_has_no_seasons(month: int) -> None:
    counts = evenly(1_000)
    counts[4, SAME_MONTH] *= 1.5
    counts[:, month] = 1
    assert not learned(counts).of_season.any()


# From the events to the page


def happened(product: Product, *, at: datetime, times: int, **fields: Any) -> None:
    values = {"visitor_id": uuid.uuid4(), "kind": "view", **fields}
    Interaction.objects.bulk_create(
        Interaction(event_id=uuid.uuid4(), product=product, occurred_at=at, **values) for _ in range(times)
    )


@pytest.fixture
def shop_of_habits(make_product: Callable[..., Product]) -> tuple[Product, Product]:
    """Cereals, which are looked at in the morning, and wine, in the evening; wine was released last."""
    then = datetime(2025, 1, 1, tzinfo=UTC)
    cereal = make_product("Cereal", category="Food > Breakfast", released_at=then)
    wine = make_product("Wine", category="Drinks > Wine", released_at=then + timedelta(days=1))
    for day in range(20, 26):
        happened(cereal, at=MORNING - timedelta(days=day), times=100)
        happened(wine, at=EVENING - timedelta(days=day), times=100)
    return cereal, wine


def clock_at(moment: datetime, *, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: moment)


def names(visitor: Visitor, **arguments: Any) -> list[str]:
    found = recommend("home_for_you", visitor=visitor, k=6, **arguments)
    return [product.name for product in found.products]


@pytest.mark.django_db
@pytest.mark.usefixtures("shop_of_habits")
def test_breakfast_is_wanted_in_the_morning_and_wine_in_the_evening(monkeypatch: pytest.MonkeyPatch) -> None:
    breakfast, wine = (Product.objects.get(name=name).category_id for name in ("Cereal", "Wine"))
    clock_at(MORNING, monkeypatch=monkeypatch)
    counted = seasons._read()
    ids = np.array([breakfast, wine])
    in_the_morning, in_the_evening = counted.boosts(ids, now=MORNING), counted.boosts(ids, now=EVENING)
    assert in_the_morning[0] > 0.3 > -0.3 > in_the_morning[1]
    assert in_the_evening[1] > 0.3 > -0.3 > in_the_evening[0]
    assert not counted.of_season.any()


@pytest.mark.django_db
def test_what_came_of_a_list_and_what_was_not_wanted_do_not_count(
    monkeypatch: pytest.MonkeyPatch, make_product: Callable[..., Product]
) -> None:
    product, other = make_product(category="Food"), make_product(category="Drinks")
    happened(product, at=MORNING - timedelta(days=1), times=200, impression_id=uuid.uuid4())
    happened(product, at=MORNING - timedelta(days=1), times=200, kind="dislike")
    happened(product, at=MORNING - timedelta(days=700), times=200)
    happened(other, at=EVENING - timedelta(days=1), times=10)
    clock_at(MORNING, monkeypatch=monkeypatch)
    boosts = seasons._read().boosts(np.array([product.category_id, other.category_id]), now=MORNING)
    assert boosts[0] == 0
    clock_at(MORNING - timedelta(days=690), monkeypatch=monkeypatch)
    assert seasons._read().category_id.tolist() == sorted([product.category_id, other.category_id])


@pytest.mark.django_db
def test_a_year_and_a_half_of_events_has_seasons(
    monkeypatch: pytest.MonkeyPatch, make_product: Callable[..., Product]
) -> None:
    sledge, mug = make_product(category="Winter"), make_product(category="Home")
    for months_ago in range(1, 18):
        year, month = divmod(MORNING.year * 12 + MORNING.month - 1 - months_ago, 12)
        at = datetime(year, month + 1, 15, 12, tzinfo=UTC)
        happened(mug, at=at, times=200)
        happened(sledge, at=at, times=200 if 10 <= months_ago <= 14 else 20)
    clock_at(MORNING, monkeypatch=monkeypatch)
    counted = seasons._read()
    assert counted.of_season[list(counted.category_id).index(sledge.category_id)] > 0.1
    assert counted.of_season[list(counted.category_id).index(mug.category_id)] < 0


@pytest.mark.django_db
@pytest.mark.usefixtures("shop_of_habits")
@pytest.mark.parametrize("placement", sorted(seasons.MOVED))
def test_breakfast_rises_in_the_morning_and_wine_in_the_evening(
    monkeypatch: pytest.MonkeyPatch, visitor: Visitor, placement: str
) -> None:
    for moment, expected in ((MORNING, ["Cereal", "Wine"]), (EVENING, ["Wine", "Cereal"])):
        clock_at(moment, monkeypatch=monkeypatch)
        found = recommend(placement, visitor=visitor, k=6)
        assert [product.name for product in found.products] == expected


@pytest.mark.django_db
def test_a_rule_has_the_word_after_the_hour(
    monkeypatch: pytest.MonkeyPatch, visitor: Visitor, shop_of_habits: tuple[Product, Product]
) -> None:
    BusinessRule.objects.create(
        name="P", action="pin", product=shop_of_habits[1], position=1, placement="home_trending"
    )
    clock_at(MORNING, monkeypatch=monkeypatch)
    found = recommend("home_trending", visitor=visitor, k=6)
    assert [product.name for product in found.products] == ["Wine", "Cereal"]


@pytest.mark.django_db
@pytest.mark.usefixtures("shop_of_habits")
def test_a_warm_page_costs_no_query_for_it(visitor: Visitor) -> None:
    names(visitor)
    with CaptureQueriesContext(connection) as queries:
        names(visitor)
    assert [query["sql"] for query in queries if "TABLESAMPLE" in query["sql"]] == []


@pytest.mark.django_db
@pytest.mark.usefixtures("shop_of_habits")
def test_events_that_cannot_be_counted_leave_the_list_as_it_is_and_are_not_asked_for_by_each_page(
    monkeypatch: pytest.MonkeyPatch, visitor: Visitor
) -> None:
    asked = []

    def fail() -> None:
        asked.append(1)
        raise DatabaseError("gone")

    monkeypatch.setattr(seasons, "_read", fail)
    assert sorted(names(visitor)) == sorted(names(visitor)) == ["Cereal", "Wine"]
    assert len(asked) == 1


@pytest.mark.django_db
def test_a_shop_without_products_or_events_has_no_habits() -> None:
    assert len(seasons._read().category_id) == 0


@pytest.mark.django_db
def test_a_busy_shop_is_counted_in_part(
    monkeypatch: pytest.MonkeyPatch, make_product: Callable[..., Product]
) -> None:
    happened(make_product(), at=timezone.now() - timedelta(days=1), times=2_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE recommender_interaction")
    counted: list[float] = []
    monkeypatch.setattr(seasons, "learned", lambda counts, **_: counted.append(counts.sum()))
    seasons._read()
    monkeypatch.setattr(seasons, "MOST_EVENTS", 0)
    seasons._read()
    assert counted == [2_000, 0]
