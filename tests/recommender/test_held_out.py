"""A trial knows nothing of what it is judged on."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from ml import training as towers
from ml.config import TrainConfig
from recommender import datasets, held_out
from recommender.models import Interaction
from tests.recommender.tiny_shop import make_shop


class Stop(Exception):
    """Enough was seen."""


@pytest.mark.django_db(transaction=True)
def test_a_trial_trains_on_the_first_four_fifths_with_features_as_of_the_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_shop()  # 40 users with 8 events each: 256 of the 320 come before the cut
    asked: dict[str, Any] = {}
    build = datasets.build_dataset

    def watched(**options: Any) -> Any:
        asked.update(options)
        return build(**options)

    def stop(known: Any, *_: Any, **__: Any) -> None:
        asked["known"] = known
        raise Stop

    monkeypatch.setattr(datasets, "build_dataset", watched)
    monkeypatch.setattr(towers, "train", stop)
    with pytest.raises(Stop):
        held_out.evaluate_held_out(TrainConfig())
    seconds = sorted(
        int(moment.timestamp()) for moment in Interaction.objects.values_list("occurred_at", flat=True)
    )
    assert asked["known"].interactions.timestamp.tolist() == seconds[:256]
    assert asked["features_as_of"] == datetime.fromtimestamp(seconds[256], tz=UTC)


@pytest.mark.django_db
def test_a_shop_without_events_says_what_is_missing() -> None:
    with pytest.raises(towers.NotEnoughData, match="20 positive interactions"):
        held_out.evaluate_held_out(TrainConfig())


@pytest.mark.parametrize(
    ("ndcg_by_epoch", "best"),
    [({1: 0.1, 2: 0.3, 3: 0.2}, 2), ({1: None, 2: 0.2, 3: None}, 2), ({1: None}, 1)],
)
def test_the_best_epoch_is_the_one_that_ranked_best(ndcg_by_epoch: dict[int, Any], best: int) -> None:
    history = [
        {"epoch": float(epoch), "loss": 1.0} | ({} if ndcg is None else {"ndcg@20": ndcg})
        for epoch, ndcg in ndcg_by_epoch.items()
    ]
    assert held_out._best_epoch(SimpleNamespace(history=history)) == best
