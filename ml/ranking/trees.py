"""Rankers of boosted trees: LightGBM's LambdaRank and XGBoost's, both after Burges (2010)."""

# C = candidates of all lists together, F = features

from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.ranking.lists import RankingLists

ROUNDS = 120
PATIENCE = 30  # rounds without a better NDCG on the validation lists
# The trees learn what to change of the retrieval order: from nothing, they fell below it on few lists.
START_FEATURE, START_WEIGHT = "retrieval_z", 0.3
LEAVES, DEPTH = 7, 3  # small trees: of a thousand lists, larger ones learnt the shoppers by heart
LEARNING_RATE = 0.05
LEAST_IN_LEAF = 100  # candidates
RIDGE = 10.0
COLUMN_SHARE, ROW_SHARE = 0.7, 0.8
TRUNCATION = 30  # pairs count when one of them stands so high
THREADS = 1  # a page scores a hundred candidates: waking a second thread takes longer than that
LIGHTGBM_FILE, XGBOOST_FILE = "trees.txt", "trees.json"


@dataclass(frozen=True, kw_only=True)
class LightGbmRanker:
    """LambdaRank (Ke et al., 2017); NaN goes the way that lost least in training."""

    booster: Any  # lightgbm.Booster
    names: tuple[str, ...]
    kind: str = "lightgbm"

    @classmethod
    def fit(cls, lists: RankingLists, *, valid: RankingLists | None, seed: int) -> "LightGbmRanker":
        """Trees fitted to the lists, as many as serve the validation lists best where there are some."""
        import lightgbm  # brings pandas: 1.6 s that a web process without a ranker does not have

        settings = {
            "objective": "lambdarank",
            "metric": "ndcg",
            "eval_at": [10],
            "num_leaves": LEAVES,
            "learning_rate": LEARNING_RATE,
            "min_data_in_leaf": LEAST_IN_LEAF,
            "lambda_l2": RIDGE,
            "feature_fraction": COLUMN_SHARE,
            "bagging_fraction": ROW_SHARE,
            "bagging_freq": 1,
            "lambdarank_truncation_level": TRUNCATION,
            "label_gain": _gains(lists),
            "num_threads": THREADS,
            "deterministic": True,
            "force_row_wise": True,
            "seed": seed,
            "verbose": -1,
        }
        train = lightgbm.Dataset(
            lists.features,
            label=lists.labels,
            group=lists.sizes,
            init_score=starts_of(lists.features, names=lists.names),
            feature_name=list(lists.names),
        )
        checks: list[Any] = []
        callbacks: list[Any] = []
        if valid is not None:
            start = starts_of(valid.features, names=lists.names)
            checks = [
                train.create_valid(valid.features, label=valid.labels, group=valid.sizes, init_score=start)
            ]
            callbacks = [lightgbm.early_stopping(PATIENCE, verbose=False)]
        booster = lightgbm.train(
            settings, train, num_boost_round=ROUNDS, valid_sets=checks, callbacks=callbacks
        )
        return cls.from_bytes(
            booster.model_to_string(num_iteration=booster.best_iteration or ROUNDS).encode(),
            names=lists.names,
        )

    @classmethod
    def from_bytes(cls, content: bytes, *, names: tuple[str, ...]) -> "LightGbmRanker":
        """The ranker of a saved text model; ValueError when it is none."""
        import lightgbm  # brings pandas: 1.6 s that a web process without a ranker does not have

        try:
            booster = lightgbm.Booster(model_str=content.decode("utf-8"))
        except lightgbm.basic.LightGBMError as error:
            raise ValueError(f"no LightGBM text model ({error})") from error
        if booster.num_feature() != len(names):
            raise ValueError(f"trees of {booster.num_feature()} features, {len(names)} names")
        return cls(booster=booster, names=names)

    def score(self, features: np.ndarray) -> np.ndarray:
        if not len(features):
            return np.zeros(0)
        change = np.asarray(self.booster.predict(features, num_threads=THREADS), dtype=np.float64)
        return starts_of(features, names=self.names) + change

    def files(self) -> dict[str, bytes]:
        return {LIGHTGBM_FILE: self.booster.model_to_string().encode("utf-8")}


@dataclass(frozen=True, kw_only=True)
class XGBoostRanker:
    """rank:ndcg (Chen and Guestrin, 2016); NaN goes the way that lost least in training."""

    booster: Any  # xgboost.Booster
    names: tuple[str, ...]
    kind: str = "xgboost"

    @classmethod
    def fit(cls, lists: RankingLists, *, valid: RankingLists | None, seed: int) -> "XGBoostRanker":
        """Trees fitted to the lists, as many as serve the validation lists best where there are some."""
        import xgboost  # half a second and pandas, which a web process without a ranker does not have

        settings = {
            "objective": "rank:ndcg",
            "eval_metric": "ndcg@10",
            "max_depth": DEPTH,
            "eta": LEARNING_RATE,
            "min_child_weight": 1.0,
            "lambda": RIDGE,
            "colsample_bynode": COLUMN_SHARE,
            "subsample": ROW_SHARE,
            "lambdarank_pair_method": "topk",
            "lambdarank_num_pair_per_sample": TRUNCATION,
            "tree_method": "hist",
            "nthread": THREADS,
            "seed": seed,
        }

        def matrix(of: RankingLists) -> Any:
            start = starts_of(of.features, names=of.names)
            return xgboost.DMatrix(of.features, label=of.labels, group=of.sizes, base_margin=start)

        train = matrix(lists)
        checks = [] if valid is None else [(matrix(valid), "valid")]
        booster = xgboost.train(
            settings,
            train,
            num_boost_round=ROUNDS,
            evals=checks,
            early_stopping_rounds=PATIENCE if checks else None,
            verbose_eval=False,
        )
        best = booster.best_iteration + 1 if checks else ROUNDS
        return cls.from_bytes(bytes(booster[:best].save_raw("json")), names=lists.names)

    @classmethod
    def from_bytes(cls, content: bytes, *, names: tuple[str, ...]) -> "XGBoostRanker":
        """The ranker of a saved JSON model; ValueError when it is none."""
        import xgboost  # half a second and pandas, which a web process without a ranker does not have

        booster = xgboost.Booster({"nthread": THREADS})
        try:
            booster.load_model(bytearray(content))
        except xgboost.core.XGBoostError as error:
            raise ValueError(f"no XGBoost JSON model ({error})") from error
        if booster.num_features() != len(names):
            raise ValueError(f"trees of {booster.num_features()} features, {len(names)} names")
        return cls(booster=booster, names=names)

    def score(self, features: np.ndarray) -> np.ndarray:
        if not len(features):
            return np.zeros(0)
        change = np.asarray(self.booster.inplace_predict(features), dtype=np.float64)
        return starts_of(features, names=self.names) + change

    def files(self) -> dict[str, bytes]:
        return {XGBOOST_FILE: bytes(self.booster.save_raw("json"))}


def starts_of(features: np.ndarray, *, names: tuple[str, ...]) -> np.ndarray:
    """(C,) float64: where the trees begin, a share of the standardised retrieval score."""
    if START_FEATURE not in names:
        return np.zeros(len(features))
    start = features[:, names.index(START_FEATURE)].astype(np.float64)
    return START_WEIGHT * np.nan_to_num(start, nan=0.0)


def _gains(lists: RankingLists) -> list[int]:
    """What a label is worth: 2^label - 1, for each that there is."""
    return [2**label - 1 for label in range(int(lists.labels.max(initial=1)) + 1)]
