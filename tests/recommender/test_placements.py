"""Every placement's list: what it is about, what it hides, what it costs, and what it says of itself.

The item vectors are made by hand: mugs point along (1, 0), lamps along (0, 1); last comes the bias.
"""

import uuid
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recommender import ladder, snapshot, versions
from recommender.candidates import Reason
from recommender.interactions import record_interaction
from recommender.models import CoPurchase, Impression, Interaction, ItemEmbedding, ModelVersion, Placement
from recommender.recommendations import recommend
from recommender.retrieval import SOURCES
from recommender.retrieval.own import how_due
from shop.models import Cart, CartItem, Product
from shop.visitors import Visitor

pytestmark = pytest.mark.django_db
Kind = Interaction.Kind


class AlongTheHistory:
    """A user tower that points where the history's products point."""

    def __init__(self, vectors):
        self.vectors = vectors

    def encode_user(self, *, numeric, categorical, multi, user_id, history):
        points = [self.vectors[event.item_id] * event.weight for event in history]
        return np.sum(points, axis=0) if points else np.array([0.6, 0.5, 1.0, 1.0], dtype=np.float32)


@pytest.fixture
def shopper(alice):
    return Visitor(id=uuid.uuid4(), user=alice)


@pytest.fixture
def shop(make_product):
    """Eight mugs and eight lamps, each less exactly along its axis than the one before; all by one brand."""
    mugs = [make_product(f"Mug {i}", category="Home > Mugs") for i in range(8)]
    lamps = [make_product(f"Lamp {i}", category="Home > Lamps", repeatable=True) for i in range(8)]
    return mugs, lamps


@pytest.fixture
def version(shop, monkeypatch):
    mugs, lamps = shop
    version = ModelVersion.objects.create(status=ModelVersion.Status.ACTIVE)
    vectors = {mug.pk: np.array([1.0 - i / 20, 0.0, 0.0, 0.0]) for i, mug in enumerate(mugs)}
    vectors |= {lamp.pk: np.array([0.0, 1.0 - i / 20, 0.0, 0.0]) for i, lamp in enumerate(lamps)}
    ItemEmbedding.objects.bulk_create(
        ItemEmbedding(version=version, product_id=pk, vector=vector) for pk, vector in vectors.items()
    )
    monkeypatch.setattr(versions, "load_user_tower", lambda _version: AlongTheHistory(vectors))
    return version


def did(visitor, product, kind=Kind.VIEW, *, value=None, days_ago=0.0):
    event_id = uuid.uuid4()
    record_interaction(event_id=event_id, visitor=visitor, product_id=product.pk, kind=kind, value=value)
    then = timezone.now() - timedelta(days=days_ago)
    Interaction.objects.filter(event_id=event_id).update(occurred_at=then)


def bought_with(product, other, *, support=10, lift=5.0):
    CoPurchase.objects.create(
        product=product, other=other, support=support, lift=lift, computed_at=timezone.now()
    )


def names(recommended):
    return [product.name for product in recommended.products]


def anchor_of(placement, shop):
    needs = (Placement.PRODUCT_SIMILAR, Placement.PRODUCT_BOUGHT_TOGETHER)
    return shop[0][0] if placement in needs else None


# What each is about


def test_because_you_viewed_is_like_the_last_product_viewed(shopper, shop, version):
    mugs, lamps = shop
    did(shopper, mugs[0], days_ago=2)
    did(shopper, lamps[3], days_ago=1)
    recommended = recommend(Placement.HOME_BECAUSE_YOU_VIEWED, visitor=shopper, k=4)
    assert names(recommended) == ["Lamp 0", "Lamp 1", "Lamp 2", "Lamp 4"]
    assert set(recommended.reasons) == {Reason(kind="viewed", product_id=lamps[3].pk)}
    assert recommended.version_id == version.pk
    assert Impression.objects.get().anchor == lamps[3]


def test_because_you_viewed_keeps_to_the_category_rather_than_to_its_length(shopper, shop, version):
    did(shopper, shop[0][0])
    recommended = recommend(Placement.HOME_BECAUSE_YOU_VIEWED, visitor=shopper, k=100)
    assert {product.category.name for product in recommended.products} == {"Mugs"}  # no lamp is near
    assert len(recommended.products) == 7
    ItemEmbedding.objects.all().delete()
    recommended = recommend(Placement.HOME_BECAUSE_YOU_VIEWED, visitor=Visitor(id=uuid.uuid4()), k=100)
    assert recommended.products == []


def test_recently_viewed_shows_just_that_the_last_first(shopper, shop):
    mugs, _ = shop
    for days_ago, mug in ((40, mugs[0]), (3, mugs[1]), (2, mugs[2]), (1, mugs[1])):
        did(shopper, mug, days_ago=days_ago)
    did(shopper, mugs[4], Kind.DISLIKE)
    did(shopper, mugs[4])
    recommended = recommend(Placement.HOME_RECENTLY_VIEWED, visitor=shopper, k=12)
    assert names(recommended) == ["Mug 1", "Mug 2", "Mug 0"]
    assert recommended.sources == ["recently_viewed"] * 3


def test_what_was_bought_or_is_in_the_cart_is_still_recently_viewed(shopper, shop):
    mugs, _ = shop
    did(shopper, mugs[0])
    did(shopper, mugs[0], Kind.PURCHASE, value=1)
    did(shopper, mugs[1])
    CartItem.objects.create(cart=Cart.objects.create(user=shopper.user), product=mugs[1])
    assert set(names(recommend(Placement.HOME_RECENTLY_VIEWED, visitor=shopper))) == {"Mug 0", "Mug 1"}


def test_buy_again_shows_what_is_due(shopper, shop):
    mugs, lamps = shop
    did(shopper, mugs[0], Kind.PURCHASE, value=1, days_ago=60)  # for good
    did(shopper, lamps[0], Kind.PURCHASE, value=1, days_ago=1)  # bought once, yesterday
    did(shopper, lamps[1], Kind.PURCHASE, value=1, days_ago=10)
    for days_ago in (33, 23, 13, 3):  # every 10 days, and 3 days ago
        did(shopper, lamps[2], Kind.PURCHASE, value=1, days_ago=days_ago)
    for days_ago in (44, 34, 24, 14):  # every 10 days, and 14 days ago
        did(shopper, lamps[3], Kind.PURCHASE, value=1, days_ago=days_ago)
    recommended = recommend(Placement.HOME_BUY_AGAIN, visitor=shopper)
    assert names(recommended) == ["Lamp 3", "Lamp 1"]
    assert recommended.reasons[0] == Reason(kind="again", product_id=lamps[3].pk)


def test_how_due_a_product_is():
    # bought once: half of 14 days must pass; then the share of the 14 days, times log(1 + 1)
    assert how_due([6.9]) == 0
    assert how_due([14.0]) == pytest.approx(np.log(2))
    # every 4 days: due from the second day on, and no more due after 12
    assert how_due([1.9, 5.9, 9.9]) == 0
    assert how_due([4.0, 8.0, 12.0]) == pytest.approx(np.log(4))
    assert how_due([400.0, 404.0, 408.0]) == pytest.approx(3 * np.log(4))


def test_bought_together_is_by_lift_that_is_seen_often(visitor, shop):
    mugs, lamps = shop
    bought_with(mugs[0], lamps[0], support=3, lift=6.0)  # log 7 * 3/8 = 0.73
    bought_with(mugs[0], lamps[1], support=50, lift=3.0)  # log 4 * 50/55 = 1.26
    bought_with(mugs[0], lamps[2], support=50, lift=9.0)
    bought_with(mugs[1], lamps[3], support=50, lift=9.0)
    recommended = recommend(Placement.PRODUCT_BOUGHT_TOGETHER, visitor=visitor, anchor=mugs[0])
    assert names(recommended) == ["Lamp 2", "Lamp 1", "Lamp 0"]
    assert set(recommended.reasons) == {Reason(kind="bought_with", product_id=mugs[0].pk)}


def test_the_cart_is_completed_by_what_goes_with_all_of_it(shopper, shop):
    mugs, lamps = shop
    cart = Cart.objects.create(user=shopper.user)
    for mug in mugs[:2]:
        CartItem.objects.create(cart=cart, product=mug)
    bought_with(mugs[0], lamps[0], lift=4.0)
    bought_with(mugs[0], lamps[1], lift=3.0)
    bought_with(mugs[1], lamps[1], lift=3.0)
    bought_with(mugs[0], mugs[1], lift=50.0)  # in the cart already
    recommended = recommend(Placement.CART_COMPLEMENTS, visitor=shopper, k=4)
    assert names(recommended)[:2] == ["Lamp 1", "Lamp 0"]
    assert len(recommended.products) == 4
    named = recommend(Placement.CART_COMPLEMENTS, visitor=shopper, anchors=mugs[:2], k=4)
    assert names(named) == names(recommended)


def test_after_a_purchase_comes_what_goes_with_it(shopper, shop):
    mugs, lamps = shop
    did(shopper, mugs[0], Kind.PURCHASE, value=1, days_ago=9)
    did(shopper, mugs[1], Kind.PURCHASE, value=1)
    bought_with(mugs[0], lamps[0])
    bought_with(mugs[1], lamps[5])
    recommended = recommend(Placement.ORDER_NEXT, visitor=shopper, k=3)
    assert names(recommended)[0] == "Lamp 5"
    assert "Mug 1" not in names(recommended)
    assert "Mug 0" not in names(recommended)


def test_trends_and_news_are_in_their_own_order(shopper, shop, version):
    mugs, lamps = shop
    for number, product in ((3, mugs[5]), (2, lamps[2]), (1, mugs[1])):
        for _ in range(number):
            did(Visitor(id=uuid.uuid4()), product)
    assert names(recommend(Placement.HOME_TRENDING, visitor=shopper, k=3)) == ["Mug 5", "Lamp 2", "Mug 1"]
    assert names(recommend(Placement.HOME_NEW_ARRIVALS, visitor=shopper, k=2)) == ["Lamp 7", "Lamp 6"]


def test_an_event_from_the_future_does_not_end_all_trends(shopper, shop):
    mugs, lamps = shop
    did(Visitor(id=uuid.uuid4()), mugs[0])
    did(Visitor(id=uuid.uuid4()), lamps[0], days_ago=-400)
    did(Visitor(id=uuid.uuid4()), mugs[0])
    assert names(recommend(Placement.HOME_TRENDING, visitor=shopper, k=2)) == ["Mug 0", "Lamp 0"]


def test_the_reason_names_the_nearest_liked_product_or_the_picked_category(shopper, shop, version):
    mugs, lamps = shop
    picky = replace(shopper, preference_ids=(lamps[0].category_id,))
    first = recommend(Placement.HOME_FOR_YOU, visitor=picky, k=1)
    assert first.reasons == [Reason(kind="liked_category", category_id=lamps[0].category_id)]
    did(shopper, mugs[0], Kind.PURCHASE, value=1)
    did(shopper, lamps[0])
    reasons = recommend(Placement.HOME_FOR_YOU, visitor=shopper, k=14).reasons
    assert Reason(kind="bought", product_id=mugs[0].pk) in reasons
    assert Reason(kind="viewed", product_id=lamps[0].pk) in reasons


# What holds everywhere


@pytest.mark.parametrize("placement", Placement.values)
@pytest.mark.parametrize("selling", ["sold out", "withdrawn", "too young"])
def test_no_placement_shows_what_cannot_be_bought_though_the_snapshot_does_not_know(
    shopper, shop, version, placement, selling
):
    mugs, lamps = shop
    for product in (*mugs[1:], *lamps):
        bought_with(mugs[0], product)
        did(shopper, product, days_ago=3)
    for product in lamps:
        did(shopper, product, Kind.PURCHASE, value=1, days_ago=20)
    anchor = anchor_of(placement, shop)
    k = 5
    before = recommend(placement, visitor=shopper, anchor=anchor, k=k)
    change = {"sold out": {"stock": 0}, "withdrawn": {"active": False}, "too young": {"min_age": 18}}
    gone = [product.pk for product in before.products[:2]]
    Product.objects.filter(pk__in=gone).update(**change[selling])
    after = recommend(placement, visitor=shopper, anchor=anchor, k=k)
    assert not set(gone) & {product.pk for product in after.products}
    assert len(before.products) == len(after.products) == k
    assert len({product.pk for product in after.products}) == k
    assert len(after.sources) == len(after.reasons) == k


@pytest.mark.parametrize("placement", Placement.values)
def test_a_visitor_who_paused_gets_everybodys_list_and_nothing_of_their_own(
    shopper, shop, version, placement
):
    mugs, lamps = shop
    for product in lamps:
        did(shopper, product, days_ago=2)
        did(shopper, product, Kind.PURCHASE, value=1, days_ago=20)
    paused = replace(shopper, personalised=False, preference_ids=(mugs[0].category_id,))
    nobody = Visitor(id=uuid.uuid4(), personalised=False)
    anchor = anchor_of(placement, shop)
    mine = recommend(placement, visitor=paused, anchor=anchor, k=5)
    assert names(mine) == names(recommend(placement, visitor=nobody, anchor=anchor, k=5))
    own = {"viewed", "bought", "again", "liked_category"}
    assert not own & {reason.kind for reason in mine.reasons if reason}


@pytest.mark.parametrize("placement", Placement.values)
def test_an_empty_list_leaves_no_impression(placement, shopper, make_product):
    anchor = make_product() if anchor_of(placement, ([True], [])) else None
    Product.objects.update(stock=0)
    recommended = recommend(placement, visitor=shopper, anchor=anchor)
    assert (recommended.products, recommended.source, recommended.sources) == ([], "", [])
    assert not Impression.objects.exists()


def test_the_impression_holds_every_positions_source_and_reason(shopper, shop, version):
    did(shopper, shop[0][0])
    recommended = recommend(Placement.HOME_FOR_YOU, visitor=shopper, k=12)
    impression = Impression.objects.get(pk=recommended.impression_id)
    assert impression.sources == recommended.sources
    assert impression.reasons == [reason.as_json() if reason else None for reason in recommended.reasons]
    assert impression.source == recommended.sources[0] == "two_tower"


@contextmanager
def queries():
    """The queries that a page would make: a test's savepoints stand for no query of a page."""
    made = []
    with CaptureQueriesContext(connection) as context:
        yield made
    made += [query["sql"] for query in context.captured_queries if "SAVEPOINT" not in query["sql"]]


BUDGETS = {
    # marks, history, an account's features (none with Feast), pairs, cards, pictures, impression
    Placement.HOME_FOR_YOU: 7,
    Placement.HOME_BECAUSE_YOU_VIEWED: 5,
    Placement.HOME_TRENDING: 4,
    Placement.HOME_NEW_ARRIVALS: 4,
    Placement.HOME_RECENTLY_VIEWED: 5,
    Placement.HOME_BUY_AGAIN: 4,
    Placement.PRODUCT_SIMILAR: 5,
    Placement.PRODUCT_BOUGHT_TOGETHER: 5,
    Placement.CART_COMPLEMENTS: 7,
    Placement.CART_EMPTY: 6,
    Placement.SEARCH_EMPTY: 6,
    Placement.ORDER_NEXT: 7,
}


@pytest.mark.parametrize("placement", Placement.values)
def test_a_list_keeps_to_its_budget_of_queries(shopper, shop, version, placement):
    mugs, lamps = shop
    for product in (*mugs[1:], *lamps):
        bought_with(mugs[0], product)
    did(shopper, mugs[0])
    did(shopper, lamps[0], Kind.PURCHASE, value=1, days_ago=20)
    anchor = anchor_of(placement, shop)
    assert recommend(placement, visitor=shopper, anchor=anchor, k=6).products  # warms the process
    with queries() as made:
        recommend(placement, visitor=shopper, anchor=anchor, k=6)
    assert len(made) <= BUDGETS[placement], "\n".join(made)


@pytest.mark.parametrize("source", SOURCES)
def test_a_broken_source_leaves_a_full_page_a_count_and_one_line(
    shopper, shop, version, source, monkeypatch, caplog
):
    mugs, _ = shop

    def broken(context, k):
        raise DatabaseError("the table is gone")

    monkeypatch.setitem(SOURCES, source, broken)
    did(shopper, mugs[0])
    for _ in range(2):
        assert len(recommend(Placement.HOME_FOR_YOU, visitor=shopper, k=6).products) == 6
    if source in ("two_tower", "bought_together", "popular_in_category", "on_sale"):
        assert ladder.failures()[source] == 2
        assert caplog.text.count("the table is gone") == 1


def test_without_pgvector_every_page_is_full(shopper, shop, version):
    mugs, _ = shop
    did(shopper, mugs[0])
    with connection.cursor() as cursor:
        cursor.execute("DROP EXTENSION vector CASCADE")
    for placement in (Placement.HOME_FOR_YOU, Placement.PRODUCT_SIMILAR, Placement.CART_COMPLEMENTS):
        recommended = recommend(placement, visitor=shopper, anchor=anchor_of(placement, shop), k=6)
        assert len(recommended.products) == 6
        assert recommended.version_id is None


def test_an_unwritten_impression_costs_no_page(shopper, shop, monkeypatch):
    def broken(*args, **kwargs):
        raise DatabaseError("the disk is full")

    monkeypatch.setattr("recommender.impressions.record_served", broken)
    assert len(recommend(Placement.HOME_TRENDING, visitor=shopper, k=3).products) == 3


def test_a_history_of_thousands_costs_no_more_queries_and_reads_to_a_limit(shopper, shop, version):
    mugs, lamps = shop
    now = timezone.now()
    Interaction.objects.bulk_create(
        Interaction(user=shopper.user, product=[*mugs, *lamps][n % 16], kind="view", occurred_at=now)
        for n in range(3_000)
    )
    with queries() as made:
        assert len(recommend(Placement.HOME_FOR_YOU, visitor=shopper, k=6).products) == 6
    (past,) = [sql for sql in made if "in_cart" in sql and "recommender_interaction" in sql]
    assert "LIMIT 1000" in past


def test_the_snapshot_is_read_once_for_many_lists(shopper, shop, monkeypatch):
    read, load = [], snapshot._kept._make
    monkeypatch.setattr(snapshot._kept, "_make", lambda before: read.append(1) or load(before))
    for placement in (Placement.HOME_TRENDING, Placement.HOME_NEW_ARRIVALS, Placement.HOME_FOR_YOU):
        recommend(placement, visitor=shopper, k=3)
    assert len(read) == 1


@pytest.mark.slow
def test_a_shopper_with_a_hundred_thousand_events_waits_no_longer(shopper, shop, version):
    mugs, lamps = shop
    kinds = ["view"] * 97 + ["purchase", "cart_add", "rating"]
    ids = [product.pk for product in (*mugs, *lamps)]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO recommender_interaction
                (event_id, user_id, product_id, kind, value, placement, occurred_at, created_at)
            SELECT gen_random_uuid(), %s, (%s::bigint[])[1 + n %% 16], kind,
                CASE kind WHEN 'rating' THEN 5 END, '', now() - make_interval(mins => n), now()
            FROM (SELECT n, (%s::text[])[1 + n %% 100] AS kind FROM generate_series(1, 100000) AS n) AS events
            """,
            [shopper.user_id, ids, kinds],
        )
        cursor.execute("ANALYZE recommender_interaction")
    assert len(recommend(Placement.HOME_FOR_YOU, visitor=shopper, k=6).products) >= 1
    with queries() as made:
        recommend(Placement.HOME_FOR_YOU, visitor=shopper, k=6)
    with connection.cursor() as cursor:
        read = 0
        for statement in made:
            if statement.startswith(("SELECT", "(SELECT")) and "recommender_interaction" in statement:
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}")
                read = max(read, most_rows(cursor.fetchone()[0][0]["Plan"]))
    assert 0 < read <= 10_000


def most_rows(plan):
    """The most rows that any step of a plan read, those it threw away counted."""
    here = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    return max([here, *(most_rows(part) for part in plan.get("Plans", ()))])


def test_no_product_is_the_reason_for_itself(shopper, shop, version):
    mugs, _ = shop
    for mug in mugs[:2]:
        did(shopper, mug, days_ago=40)
    recommended = recommend(Placement.HOME_FOR_YOU, visitor=shopper, k=14)
    named = dict(zip([product.pk for product in recommended.products], recommended.reasons, strict=True))
    assert mugs[0].pk in named
    assert all(reason is None or reason.product_id != pk for pk, reason in named.items())


def test_who_nothing_is_known_of_gets_what_is_trending_not_what_is_on_sale(shop, make_product):
    mugs, _ = shop
    make_product("Cheap lamp", category="Home > Lamps", price=5, list_price=50)
    for _ in range(3):
        Interaction.objects.create(
            visitor_id=uuid.uuid4(), product=mugs[3], kind=Kind.PURCHASE, value=1, occurred_at=timezone.now()
        )
    snapshot.forget()
    recommended = recommend(Placement.HOME_FOR_YOU, visitor=Visitor(id=uuid.uuid4()), k=4)
    assert recommended.products[0] == mugs[3]
    assert set(recommended.sources) <= {"trending", "newest"}
