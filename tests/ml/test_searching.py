"""What is settled on the newest events: the half-life and epoch that ranked them best, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from ml.config import TrainConfig
from ml.data import Dataset
from ml.fitting import Hooks
from ml.searching import HALF_LIVES, NEWCOMER_TRUSTS, TREND_STRENGTHS, Search, half_lives_of, search
from ml.training import inner_split, train
from tests.ml.shops import events, two_taste_shop

CONFIG = TrainConfig(
    embedding_dim=16,
    content_width=32,
    max_epochs=6,
    learning_rate=0.02,
    batch_users=16,
    patience=10,
    trend_strength=0.0,
    known_by_content=True,
)
SHOP = two_taste_shop()


def search_of(config: TrainConfig, *, shop: Dataset = SHOP, hooks: Hooks | None = None) -> Search | None:
    earlier, valid = inner_split(shop, config)
    return search(shop, config, events=earlier, valid=valid, hooks=hooks or Hooks())


def test_a_half_life_that_is_given_is_the_only_one_tried():
    assert half_lives_of(replace(CONFIG, recent_half_life_days=3.5), events=SHOP.interactions) == (3.5,)
    assert half_lives_of(replace(CONFIG, recent_half_life_days=0.0), events=SHOP.interactions) == (0.0,)


def test_where_all_events_are_of_one_moment_nothing_fades():
    flat = events(*((user, 0, "view", None, 7) for user in range(5)))
    assert half_lives_of(CONFIG, events=flat) == (0.0,)
    assert half_lives_of(CONFIG, events=flat.before(0)) == (0.0,)


def test_the_half_life_that_ranks_the_held_out_events_best_is_settled():
    found = search_of(CONFIG)
    scores = {
        half_life: search_of(replace(CONFIG, recent_half_life_days=half_life)).score
        for half_life in HALF_LIVES
    }
    assert found.score == max(scores.values())
    assert scores[found.config.recent_half_life_days] == found.score
    assert found.fit.config == found.config
    left_open = {
        "recent_half_life_days": None,
        "newcomer_half_life_days": None,
        "newcomer_trust": None,
        "stop_epoch": 0,
    }
    assert replace(found.config, **left_open) == CONFIG, "nothing else is settled"


def test_content_speaks_for_known_items_where_that_ranks_better():
    fixed = replace(CONFIG, recent_half_life_days=0.0)
    scores = {
        by_content: search_of(replace(fixed, known_by_content=by_content)).score
        for by_content in (True, False)
    }
    found = search_of(replace(fixed, known_by_content=None))
    assert found.score == scores[found.config.known_by_content] == max(scores.values())


def test_where_content_is_for_new_items_alone_known_ones_are_their_ids():
    fit = search_of(replace(CONFIG, known_by_content=False, recent_half_life_days=0.0)).fit
    model = fit.finish()
    changed = replace(SHOP.items, categorical={"category": SHOP.items.categorical["category"][::-1].copy()})
    known = fit.items.id_code > 0
    kept = (model.encode_items(SHOP.items) == model.encode_items(changed))[:, : model.network.dim]
    assert kept[known].all()
    assert not kept[~known].all(axis=None) or not (~known).any()


def test_the_epoch_that_ranked_best_is_settled_and_its_weights_are_kept():
    found = search_of(replace(CONFIG, recent_half_life_days=0.0))
    ndcg = {int(entry["epoch"]): entry["ndcg@20"] for entry in found.fit.history if "ndcg@20" in entry}
    assert ndcg[found.config.stop_epoch] == max(ndcg.values()) == found.score
    _, valid = inner_split(SHOP, CONFIG)
    assert found.fit.validate(valid)["ndcg@20"] == pytest.approx(found.score, abs=1e-6)


def test_the_progress_of_all_tries_is_one_from_nought_to_one():
    heard: list[float] = []
    search_of(CONFIG, hooks=Hooks(on_progress=lambda stage, fraction, message: heard.append(fraction)))
    steps = 6 * len(HALF_LIVES)
    assert heard == pytest.approx([step / steps for step in range(1, steps + 1)])


def test_nobody_who_likes_anything_settles_nothing():
    disliked = [(user, user % 40, "dislike", None, user) for user in range(60)] * 5
    liked = [(user, (user + 1) % 40, "purchase", None, 100 + user) for user in range(30)]
    assert search_of(CONFIG, shop=replace(SHOP, interactions=events(*disliked, *liked))) is None


def test_what_was_settled_is_said_by_the_model_and_trains_the_same_model_again():
    model = train(SHOP, CONFIG)
    settled = TrainConfig.from_dict(model.config)
    assert settled.recent_half_life_days is not None
    assert settled.stop_epoch > 0
    assert np.array_equal(train(SHOP, settled).item_vectors, model.item_vectors)


def test_the_trend_that_ranks_best_is_settled_and_stays_in_the_biases():
    found = search_of(replace(CONFIG, trend_strength=None, recent_half_life_days=0.0, max_epochs=2))
    tried = [
        search_of(replace(CONFIG, trend_strength=strength, recent_half_life_days=0.0, max_epochs=2))
        for strength in TREND_STRENGTHS
    ]
    _, valid = inner_split(SHOP, CONFIG)
    scores = [one.fit.validate(valid)["ndcg@20"] for one in tried]
    assert found.fit.validate(valid)["ndcg@20"] == pytest.approx(max(scores), abs=1e-6)
    assert scores[TREND_STRENGTHS.index(found.config.trend_strength)] == pytest.approx(max(scores), abs=1e-6)


def test_a_profile_counts_for_newcomers_as_much_as_ranks_them_best():
    scores = {}
    _, valid = inner_split(SHOP, CONFIG)
    for share in NEWCOMER_TRUSTS:
        fit = search_of(replace(CONFIG, recent_half_life_days=0.0, newcomer_trust=share)).fit
        scores[share] = fit.validate(valid, as_newcomers=True)["ndcg@20"]
    found = search_of(replace(CONFIG, recent_half_life_days=0.0))
    assert scores[found.config.newcomer_trust] == max(scores.values())
    assert len(set(scores.values())) > 1, "else the trust proves nothing"
