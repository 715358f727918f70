"""All baselines by name: fitted, chosen on a validation split, left out where too large."""

import numpy as np
import pytest

from ml import baselines
from ml.baselines import CategoryRule, Popularity, baseline_fits, fit_baselines, left_out
from ml.data import Dataset, EntityTable
from ml.splits import last_out
from tests.ml.baselines.test_counting import LOG, SHOP
from tests.ml.shops import two_taste_shop

NAMES = [
    "category_rule",
    "item_knn",
    "decayed_cooccurrence",
    "ials",
    "ease",
    "recent_popularity",
    "popularity",
    "random",
]


def test_every_baseline_scores_every_item():
    fitted = fit_baselines(SHOP, events=LOG)
    assert list(fitted) == NAMES
    for scorer in fitted.values():
        scores = scorer.scores(np.array([1, 2]))
        assert scores.shape == (2, 4)
        assert np.isfinite(scores).all()
    assert isinstance(fitted["popularity"], Popularity)
    assert isinstance(fitted["category_rule"], CategoryRule)


def test_who_has_no_history_gets_what_is_popular():
    fitted = fit_baselines(SHOP, events=LOG)
    for name in ("item_knn", "decayed_cooccurrence", "ials", "ease"):
        assert fitted[name].scores(np.array([2]))[0].argmax() == 0, name


@pytest.mark.parametrize("log", [LOG.take(slice(0, 0)), LOG.take(slice(0, 1))])
def test_nothing_to_learn_from_is_no_reason_to_fail(log):
    for scorer in fit_baselines(SHOP, events=log).values():
        assert np.isfinite(scorer.scores(np.arange(3))).all()


def test_settings_are_chosen_on_the_validation_split_alone(monkeypatch):
    shop = two_taste_shop()
    split = last_out(shop.interactions, num_users=60)
    judged = []
    monkeypatch.setattr(
        baselines, "choose", lambda fit, *, grid, start, valid, seed: judged.append(valid) or start
    )
    fit_baselines(shop, events=shop.interactions, valid=split)
    assert len(judged) == len(baselines.GRIDS)
    assert all(valid is split.test for valid in judged)


def test_every_grid_holds_its_default_and_a_walk_ends():
    assert set(baselines.GRIDS) == set(baselines.DEFAULTS) <= set(NAMES)
    for name, grid in baselines.GRIDS.items():
        for setting, values in grid.items():
            assert baselines.DEFAULTS[name][setting] in values
    shop = two_taste_shop()
    chosen = fit_baselines(shop, events=shop.interactions, valid=last_out(shop.interactions, num_users=60))
    assert list(chosen) == NAMES


def test_a_catalogue_too_large_for_ease_says_so():
    assert left_out(20_000) == {}
    assert "20,001 items" in left_out(20_001)["ease"]
    large = Dataset(users=SHOP.users, items=EntityTable(ids=np.arange(20_001)), interactions=LOG)
    assert "ease" not in baseline_fits(large, events=LOG)
