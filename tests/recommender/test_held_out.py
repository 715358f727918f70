"""A trial knows nothing of what it is judged on."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ml import training as towers
from ml.config import TrainConfig
from recommender import datasets, held_out
from recommender.models import Interaction
from tests.recommender.tiny_shop import TINY, make_shop


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


@pytest.mark.django_db(transaction=True)
def test_a_trial_says_what_it_settled_and_leaves_the_other_settings() -> None:
    make_shop()
    wanted = TrainConfig.from_dict(TINY)
    settled = held_out.evaluate_held_out(wanted).config
    assert 1 <= settled.stop_epoch <= wanted.max_epochs
    assert settled.recent_half_life_days is not None
    assert settled.trend_strength is not None
    assert settled.newcomer_half_life_days is not None
    left_open = {"stop_epoch": 0} | dict.fromkeys(
        (
            *("recent_half_life_days", "trend_strength", "known_by_content"),
            *("newcomer_half_life_days", "newcomer_trust"),
        )
    )
    assert replace(settled, **left_open) == wanted
