"""A page's second stage: the ranker's order where one serves, the given order wherever it cannot."""

import json
import logging
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import DatabaseError
from django.utils import timezone

from ml.data import KINDS
from ml.ranking.features import FEATURES, interest_of
from recommender import copying, datasets, feature_logs, rankers, ranking, shelves, versions
from recommender.models import Interaction, Placement, Ranker
from shop.models import Product, User
from tests.recommender.ranked_shop import (
    active_ranker,
    candidates_in,
    context_for,
    serving_version,
    snapshot_of_shop,
)
from tests.recommender.tiny_shop import make_shop

pytestmark = pytest.mark.django_db

KNOWN = np.array([1.0, 0.0, 1.0], dtype=np.float32)


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "data_dir", lambda: tmp_path)
    shelves.forget()


@pytest.fixture
def page() -> Any:
    """The context and the candidates of a shopper whose version prefers nothing dear."""
    make_shop()
    context = context_for(User.objects.earliest("pk"), version=serving_version(), user_vector=KNOWN)
    return context, candidates_in(range(12), catalogue=context.catalogue)


def prices(ranked: Any, *, context: Any) -> list[float]:
    return [float(context.catalogue.price[candidate.row]) for candidate in ranked.candidates]


def test_the_ranker_orders_the_candidates(page: Any) -> None:
    context, candidates = page
    ranker = active_ranker(context.version)
    ranked = ranking.rank(candidates, context=context)
    assert ranked.ranker_id == ranker.pk
    assert {candidate.product_id for candidate in ranked.candidates} == {
        candidate.product_id for candidate in candidates
    }
    found = prices(ranked, context=context)
    assert np.mean(found[:4]) > np.mean(found[-4:]) + 3  # 5 to 16, the dear ones first
    scores = [candidate.score for candidate in ranked.candidates]
    assert scores == sorted(scores, reverse=True)


def test_source_and_reason_stay_with_the_product(page: Any) -> None:
    context, candidates = page
    active_ranker(context.version)
    candidates[3] = replace(candidates[3], source="trending")
    ranked = {one.product_id: one.source for one in ranking.rank(candidates, context=context).candidates}
    assert ranked[candidates[3].product_id] == "trending"
    assert ranked[candidates[4].product_id] == "two_tower"


@pytest.mark.parametrize("placement", [Placement.PRODUCT_SIMILAR, Placement.HOME_TRENDING])
def test_what_is_about_a_product_keeps_its_order(page: Any, placement: str) -> None:
    context, candidates = page
    active_ranker(context.version)
    ranked = ranking.rank(candidates, context=replace(context, placement=placement))
    assert (ranked.candidates, ranked.ranker_id, ranked.features) == (candidates, None, {})


@pytest.mark.parametrize("lost", ["version", "user_vector", "item_vectors"])
def test_the_given_order_stands_where_nothing_is_known(page: Any, lost: str) -> None:
    context, candidates = page
    active_ranker(context.version)
    assert ranking.rank(candidates, context=replace(context, **{lost: None})).candidates == candidates


def test_no_ranker_a_retired_one_and_no_candidates(page: Any) -> None:
    context, candidates = page
    assert ranking.rank(candidates, context=context).candidates == candidates
    rankers.retire(active_ranker(context.version))
    assert ranking.rank(candidates, context=context).ranker_id is None
    assert ranking.rank([], context=context).candidates == []


def test_a_ranker_of_another_version_is_not_used(page: Any) -> None:
    """What beat the retrieval order of one version need not beat that of the next."""
    context, candidates = page
    active_ranker(context.version)
    type(context.version).objects.filter(pk=context.version.pk).update(status="retired")
    other = serving_version()
    assert ranking.rank(candidates, context=replace(context, version=other)).candidates == candidates


def test_candidates_without_a_vector_come_last_in_their_order(page: Any) -> None:
    context, candidates = page
    active_ranker(context.version)
    vectors = context.item_vectors.copy()
    vectors[[11, 2]] = 0
    ranked = ranking.rank(candidates, context=replace(context, item_vectors=vectors))
    assert [candidate.row for candidate in ranked.candidates[-2:]] == [2, 11]
    scores = [candidate.score for candidate in ranked.candidates]
    assert scores == sorted(scores, reverse=True)
    assert candidates[2].product_id not in ranked.features


def test_damaged_files_leave_the_given_order_and_one_line(
    page: Any, caplog: pytest.LogCaptureFixture
) -> None:
    context, candidates = page
    ranker = active_ranker(context.version)
    (rankers.folder_of(ranker) / "trees.txt").write_text("nonsense")
    rankers._read_second_stage.cache_clear()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert ranking.rank(candidates, context=context).candidates == candidates
    assert len([record for record in caplog.records if "checksum differs" in record.message]) == 1


def test_a_database_error_leaves_the_given_order(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    context, candidates = page
    active_ranker(context.version)

    def fail(*args: Any) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(shelves, "_count_interest", fail)
    assert ranking.rank(candidates, context=context).candidates == candidates


def test_a_known_ranker_costs_no_query(page: Any, django_assert_num_queries: Any) -> None:
    context, candidates = page
    active_ranker(context.version)
    ranking.rank(candidates, context=context)
    with django_assert_num_queries(0):
        ranking.rank(candidates, context=context)


def test_a_list_is_ranked_in_little_time(page: Any) -> None:
    context, candidates = page
    active_ranker(context.version)
    many = [replace(candidates[number % 12], product_id=number) for number in range(100)]
    taken = []
    for _ in range(10):
        started = time.perf_counter()
        ranking.rank(many, context=context)
        taken.append(time.perf_counter() - started)
    assert min(taken) < 0.03  # about 2 ms on an idle machine


def test_logged_features_are_read_back_to_the_last_bit(page: Any) -> None:
    context, candidates = page
    active_ranker(context.version)
    ranked = ranking.rank(candidates, context=context)
    shown = [candidate.product_id for candidate in ranked.candidates[:5]]
    kept = json.loads(json.dumps(feature_logs.to_log(ranked, product_ids=[*shown, -1]), allow_nan=False))
    names, rows = feature_logs.from_log(kept)
    assert names == ranked.feature_names == FEATURES
    assert rows[-1] is None
    for product_id, row in zip(shown, rows, strict=False):
        assert row is not None
        assert np.array_equal(row, ranked.features[product_id], equal_nan=True)


def test_nothing_is_logged_without_a_ranker(page: Any) -> None:
    context, candidates = page
    assert feature_logs.to_log(ranking.rank(candidates, context=context), product_ids=[1]) is None


def test_windows_reach_the_features(page: Any) -> None:
    context, candidates = page
    active_ranker(context.version)
    counts = np.arange(12.0)
    ranked = ranking.rank(candidates, context=context, windows={"views_1h": counts})
    place = FEATURES.index("views_1h")
    assert [ranked.features[one.product_id][place] for one in candidates] == counts.tolist()


def test_the_database_counts_interest_as_training_does() -> None:
    make_shop()
    product = Product.objects.earliest("pk")
    user = User.objects.earliest("pk")
    moment = timezone.now()
    for kind, value, days in (
        ("view", None, 1),
        ("rating", 2, 1),
        ("rating", 4, 2),
        ("dislike", None, 1),
        ("cart_remove", 1, 1),
        ("cart_add", 1, 95),
    ):
        Interaction.objects.create(
            user=user, product=product, kind=kind, value=value, occurred_at=moment - timedelta(days=days)
        )
    events = copying.read_interactions(before=timezone.now(), kinds=KINDS)
    product_ids = np.array(sorted(Product.objects.values_list("pk", flat=True)))
    log = datasets._join(events, np.unique(events["user_id"]), product_ids)
    newest = int(log.timestamp[-1])
    trained = interest_of(log, num_items=len(product_ids), as_of=newest + 1)
    counted = shelves._interest.of(snapshot_of_shop(), now=moment)
    assert counted == pytest.approx(trained, rel=1e-3)


def test_activation_is_seen_at_once_and_retires_the_one_before(page: Any) -> None:
    context, candidates = page
    first = active_ranker(context.version)
    assert ranking.rank(candidates, context=context).ranker_id == first.pk
    second = active_ranker(context.version, prefers="item_bias")
    assert ranking.rank(candidates, context=context).ranker_id == second.pk
    first.refresh_from_db()
    assert first.status == Ranker.Status.RETIRED


def test_a_rejected_ranker_is_never_used(page: Any) -> None:
    context, _ = page
    rejected = active_ranker(context.version, better=False)
    assert rejected.status == Ranker.Status.REJECTED
    with pytest.raises(rankers.CannotActivateRanker, match="no better than the retrieval order"):
        rankers.activate(rejected)
    with pytest.raises(rankers.CannotActivateRanker, match="not in use"):
        rankers.retire(rejected)


def test_a_full_disk_leaves_neither_row_nor_folder(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    context, _ = page
    monkeypatch.setattr(rankers.second_stages, "save", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        active_ranker(context.version)
    assert not Ranker.objects.exists()


def test_a_new_price_and_a_new_product_reach_the_features(page: Any) -> None:
    """The neighbours are kept while prices move, and moved when a product comes."""
    context, candidates = page
    active_ranker(context.version)
    place = FEATURES.index("log_price")
    before = ranking.rank(candidates, context=context).features[candidates[0].product_id][place]
    Product.objects.filter(pk=candidates[0].product_id).update(price=99)
    context = replace(context, catalogue=snapshot_of_shop())
    after = ranking.rank(candidates, context=context).features[candidates[0].product_id][place]
    assert (before, after) == (pytest.approx(np.log(6), abs=1e-5), pytest.approx(np.log(100), abs=1e-5))
    newest = Product.objects.latest("pk")
    newest.pk, newest.sku, newest.price = newest.pk + 1, "NEW", 49
    newest.save(force_insert=True)
    context = context_for(None, version=context.version, user_vector=KNOWN)
    vectors = context.item_vectors.copy()
    vectors[-1] = 1
    context = replace(context, item_vectors=vectors)
    candidates = candidates_in([20, 0, 1], catalogue=context.catalogue)
    features = ranking.rank(candidates, context=context).features
    assert features[newest.pk][place] == pytest.approx(np.log(50), abs=1e-5)
