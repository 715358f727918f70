"""Rankers learn from what was served, or from the past as of a cut, and serve where they are better."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from ml import training as towers
from ml.config import TrainConfig
from ml.data import Histories
from ml.ranking.examples import past_of
from ml.ranking.features import FEATURES, features_of
from ml.ranking.neighbours import Neighbours
from ml.ranking.rankers import TooFewLists
from ml.ranking.shelves import shelf_of
from recommender import (
    datasets,
    feature_logs,
    held_out,
    ranker_lists,
    ranker_training,
    rankers,
    ranking,
    shelves,
    tasks,
    training,
    versions,
)
from recommender.models import Impression, Interaction, ModelVersion, Placement, Ranker
from shop.models import Product, User
from tests.recommender.ranked_shop import active_ranker, candidates_in, context_for, serving_version
from tests.recommender.tiny_shop import TINY, make_shop, quick, trained

pytestmark = pytest.mark.django_db(transaction=True)

KNOWN = np.array([1.0, 0.0, 1.0], dtype=np.float32)
SETTLED = {**TINY, "stop_epoch": 1, "recent_half_life_days": 0.0, "trend_strength": 0.0}


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "data_dir", lambda: tmp_path)
    shelves.forget()


@pytest.fixture
def version() -> ModelVersion:
    """A shop with a version that serves."""
    make_shop()
    version = serving_version()
    version.config = SETTLED
    version.save(update_fields=["config"])
    return version


def test_rankers_learn_from_the_past_and_stand_beside_the_retrieval_order(version: ModelVersion) -> None:
    found = ranker_training.train(kinds=("lightgbm", "deepfm"))
    assert found.comparison.source == "held_out"
    assert {ranker.kind for ranker in found.rankers} == {"lightgbm", "deepfm"}
    for ranker in found.rankers:
        assert ranker.version == version
        assert {"two_tower", "lightgbm", "deepfm", "item_knn", "popularity"} == set(ranker.metrics["rows"])
        better = ranker.metrics["ahead"][ranker.kind][0] > 0
        assert (ranker.status == Ranker.Status.REJECTED) == (not better)
        assert rankers.load_second_stage(ranker).ranker.kind == ranker.kind
    assert (rankers.active_ranker() is None) == (found.activated is None)


def test_nothing_after_a_cut_is_known_at_it(version: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 320 events the 206th and the 257th are the cuts; towers and features know what was before."""
    asked: list[datetime] = []
    known: list[int] = []
    build, fit = datasets.build_dataset, towers.train

    def watched(**options: Any) -> Any:
        asked.append(options["features_as_of"])
        return build(**options)

    def trained_on(data: Any, *args: Any, **options: Any) -> Any:
        known.append(int(data.interactions.timestamp.max()))
        return fit(data, *args, **options)

    monkeypatch.setattr(datasets, "build_dataset", watched)
    monkeypatch.setattr(towers, "train", trained_on)
    ranker_training.train(kinds=("lightgbm",))
    moments = Interaction.objects.values_list("occurred_at", flat=True)
    seconds = sorted(int(moment.timestamp()) for moment in moments)
    assert [int(moment.timestamp()) for moment in asked] == [seconds[205], seconds[256]]
    assert known[0] < seconds[205] <= known[1] < seconds[256]


def test_a_trial_is_not_repeated(version: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = held_out.evaluate_held_out(TrainConfig.from_dict(SETTLED))
    known: list[int] = []
    fit = towers.train

    def counted(data: Any, *args: Any, **options: Any) -> Any:
        known.append(len(data.interactions))
        return fit(data, *args, **options)

    monkeypatch.setattr(towers, "train", counted)
    found = ranker_training.train(kinds=("lightgbm",), held=trial.held)
    assert known == [205]
    assert found.comparison.rows["two_tower"] == pytest.approx(
        {name: trial.metrics["rows"]["two_tower"][name] for name in found.comparison.rows["two_tower"]}
    )


def test_what_is_no_better_is_rejected_and_the_one_before_stays(
    version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = active_ranker(version)
    monkeypatch.setattr(ranker_training.Comparison, "beats_retrieval", lambda *_: False)
    found = ranker_training.train(kinds=("lightgbm",))
    assert (found.activated, found.rankers[0].status) == (None, Ranker.Status.REJECTED)
    assert rankers.active_ranker() == before


def test_the_best_is_activated_where_that_is_wanted(
    version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranker_training.Comparison, "beats_retrieval", lambda *_: True)
    found = ranker_training.train(kinds=("lightgbm", "xgboost"), activate=False)
    assert (found.activated, rankers.active_ranker()) == (None, None)
    found = ranker_training.train(kinds=("lightgbm", "xgboost"))
    rows = found.comparison.rows
    best = max(("lightgbm", "xgboost"), key=lambda kind: rows[kind]["ndcg@10"])
    assert found.activated is not None
    assert found.activated.kind == best
    assert rankers.active_ranker() == found.activated


def test_a_page_and_a_training_see_the_same_features() -> None:
    """The features of the live context equal those that training makes of the data set, as of one moment."""
    make_shop()
    user = User.objects.earliest("pk")
    Product.objects.filter(name="Product 3").update(list_price=20, rating=4.5, rating_count=7, brand="Acme")
    version = serving_version()
    active_ranker(version)
    context = context_for(user, version=version, user_vector=KNOWN)
    # The trend ends at the newest event; a moment just after it is one moment for both.
    newest = Interaction.objects.latest("occurred_at").occurred_at
    context = replace(context, now=datetime.fromtimestamp(int(newest.timestamp()) + 1, tz=UTC))
    candidates = candidates_in(range(20), catalogue=context.catalogue)
    live = ranking.rank(candidates, context=context, windows={}).features  # a training has none
    as_of = int(context.now.timestamp()) + 1
    data = datasets.build_dataset(features_as_of=datetime.fromtimestamp(as_of, tz=UTC))
    known = data.interactions.before(as_of)
    none = Neighbours.none(20)
    shelf = shelf_of(
        data.items, known=known, as_of=as_of, vectors=context.item_vectors, neighbours=(none, none)
    )
    histories = Histories.from_interactions(known, num_users=len(data.users), as_of=as_of)
    row = int(np.searchsorted(data.users.ids, user.pk))
    trained = features_of(
        shelf, rows=np.arange(20), user_vector=KNOWN, past=past_of(histories, row=row), moment=as_of
    )
    served = np.stack([live[candidate.product_id] for candidate in candidates])
    for place, name in enumerate(FEATURES):
        assert served[:, place] == pytest.approx(trained[:, place], abs=2e-3, nan_ok=True), name


def served_list(version: ModelVersion, user: User, *, k: int = 8) -> tuple[Impression, Any]:
    """A list as a page serves it, with what the ranker saw."""
    context = context_for(user, version=version, user_vector=KNOWN)
    ranked = ranking.rank(candidates_in(range(12), catalogue=context.catalogue), context=context)
    shown = [candidate.product_id for candidate in ranked.candidates[:k]]
    impression = Impression.objects.create(
        placement=Placement.HOME_FOR_YOU,
        visitor_id=context.visitor.id,
        user=user,
        version=version,
        ranker_id=ranked.ranker_id,
        source="two_tower",
        product_ids=shown,
        features=feature_logs.to_log(ranked, product_ids=shown),
    )
    return impression, ranked


def follow(impression: Impression, place: int, kind: str = "click") -> None:
    Interaction.objects.create(
        visitor_id=uuid.uuid4(),
        product_id=impression.product_ids[place],
        kind=kind,
        value=1 if kind in ("cart_add", "purchase") else None,
        impression_id=impression.pk,
        occurred_at=timezone.now(),
    )


def test_a_web_process_loads_its_ranker_before_the_first_page(version: ModelVersion) -> None:
    ranker = active_ranker(version)
    rankers._read_second_stage.cache_clear()
    rankers.warm().join(30)
    loaded = rankers._read_second_stage.cache_info()
    assert rankers.load_second_stage(ranker).ranker.kind == "lightgbm"
    assert rankers._read_second_stage.cache_info().hits == loaded.hits + 1
    (rankers.folder_of(ranker) / "trees.txt").unlink()
    rankers._read_second_stage.cache_clear()
    rankers.warm().join(30)  # a line in the log, and no more


def test_training_reads_the_very_features_that_serving_saw(version: ModelVersion) -> None:
    active_ranker(version)
    impression, ranked = served_list(version, User.objects.earliest("pk"))
    follow(impression, 2)
    follow(impression, 5, "cart_add")
    follow(impression, 5, "purchase")
    lists = ranker_lists.logged_lists(now=timezone.now())
    assert lists.names == ranked.feature_names
    assert lists.labels.tolist() == [0, 0, 1, 0, 0, 3, 0, 0]
    served = np.stack([ranked.features[product_id] for product_id in impression.product_ids])
    assert np.array_equal(lists.features, served, equal_nan=True)


def test_what_was_not_seen_teaches_nothing(version: ModelVersion) -> None:
    active_ranker(version)
    impression, _ = served_list(version, User.objects.earliest("pk"))
    impression.seen_positions = [0, 1, 2]
    impression.save(update_fields=["seen_positions"])
    follow(impression, 1)
    follow(impression, 6)  # followed, so it was seen, whatever the browser told
    assert ranker_lists.logged_lists(now=timezone.now()).labels.tolist() == [0, 1, 0, 1]


def test_lists_without_outcome_or_of_other_features_are_left_out(version: ModelVersion) -> None:
    active_ranker(version)
    user = User.objects.earliest("pk")
    served_list(version, user)
    other, _ = served_list(version, user)
    other.features["names"] = ["price"]
    other.save(update_fields=["features"])
    follow(other, 1)
    assert len(ranker_lists.logged_lists(now=timezone.now())) == 0


def test_enough_impressions_are_learnt_from(version: ModelVersion, settings: Any) -> None:
    """The dearest of what was shown is always bought: a ranker of impressions puts it first."""
    settings.RANKER_LEAST_IMPRESSIONS = 20
    active_ranker(version, prefers="item_bias")
    price = dict(Product.objects.values_list("pk", "price"))
    for user in User.objects.order_by("pk")[:40]:
        impression, _ = served_list(version, user)
        dearest = max(range(8), key=lambda place: price[impression.product_ids[place]])
        follow(impression, dearest, "purchase")
    found = ranker_training.train(kinds=("deepfm",))
    assert found.comparison.source == "logged_impressions"
    assert found.comparison.num_lists == 8
    assert found.rankers[0].num_lists == 40
    assert found.rankers[0].config == {"learnt_from": "logged_impressions"}


def test_no_version_and_too_little_data_say_the_cure(db: None) -> None:
    with pytest.raises(ranker_training.NoVersion, match="manage.py train"):
        ranker_training.train()
    with pytest.raises(CommandError, match="No model version is active"):
        call_command("train_ranker")


def test_a_shop_of_few_lists_says_so(version: ModelVersion) -> None:
    User.objects.filter(pk__in=User.objects.order_by("pk")[15:].values("pk")).delete()
    with pytest.raises(TooFewLists, match="at least 20 lists"):
        ranker_training.train(kinds=("lightgbm",))
    assert not Ranker.objects.exists()


def test_the_command_prints_the_table(version: ModelVersion, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("train_ranker", kind="lightgbm", activate="never")
    printed = capsys.readouterr().out
    for word in ("two_tower", "lightgbm", "item_knn", "popularity", "lists, held out"):
        assert word in printed
    assert Ranker.objects.get().status in ("registered", "rejected")


def test_the_task_trains_one_kind_or_all(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(ranker_training, "train", lambda **options: asked.append(options))
    tasks.train_ranker()
    tasks.train_ranker("xgboost", activate=False)
    assert asked == [
        {"kinds": ("lightgbm", "xgboost", "deepfm"), "activate": True},
        {"kinds": ("xgboost",), "activate": False},
    ]


def test_a_new_version_gets_its_ranker_and_a_failure_is_a_line(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    make_shop()
    quick(monkeypatch)
    settings.RANKER_AFTER_TRAINING = "lightgbm"
    run = trained()
    assert run.state == "succeeded"
    assert Ranker.objects.get().version == run.version
    assert "Second stage:" in run.log

    def fail(**_: Any) -> None:
        raise TooFewLists("there are 3 lists")

    monkeypatch.setattr(ranker_training, "train", fail)
    run = trained()
    assert run.state == "succeeded"
    assert "No ranker was trained (there are 3 lists)" in run.log
    settings.RANKER_AFTER_TRAINING = "none"
    assert training.ranker_training.train_after_version(None) is None
