"""Coordinate ascent on the weights of the search's fusion and ranking, and what comes of it.

The weights are fitted to the queries of the part "tune" and judged on those of the part "report".
"""

# N = products that were found, F = features, Q = queries

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np

from ml.intervals import paired_interval
from recommender import snapshot
from recommender.search import evaluation, fusion, ranking
from recommender.search.requests import Leg, Scene
from shop.visitors import Visitor

FOLDER = Path(__file__).parent
GUEST = Visitor(id=uuid.UUID(int=0), personalised=False)
DISCOUNTS = 1 / np.log2(np.arange(2, 12))
STEPS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5)
LEAST_GAIN = 3e-4  # a smaller one is no reason to move a weight
ALLOWED_LOSS = 0.001  # of NDCG@10, for what no judgement knows
UNJUDGED = ("popularity",)
DENSE = ("dense_text", "dense_image")
FIXED = ("fused", "sold_out", "affinity", *UNJUDGED)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A query with what its legs found."""

    legs: tuple[Leg, ...]
    scene: Scene
    grade_I: np.ndarray  # (I,) of every product
    ideal: float  # the discounted gain of the best list


def fit_and_report() -> None:
    """Fit all weights, print them and what they give on the part that none of them has seen."""
    tune, report = (asked_of(part) for part in ("tune", "report"))
    before = ndcg_of(tune, order=lambda one: fusion.fuse(one.legs).rows_N).mean()
    for weights in (fusion.NEAR_WEIGHTS, fusion.SURE_WEIGHTS):
        ascend(
            weights, names=[name for name in weights if name != "lexical"], score=lambda: fused(tune).mean()
        )
    print(f"fused, on the tuning part: {before:.4f} -> {fused(tune).mean():.4f}")
    print(f"fusion.SURE_WEIGHTS = {fusion.SURE_WEIGHTS}\nfusion.NEAR_WEIGHTS = {fusion.NEAR_WEIGHTS}")
    fit_ranking(tune)
    print(f"ranking.SURE_WEIGHTS = {ranking.SURE_WEIGHTS}\nranking.NEAR_WEIGHTS = {ranking.NEAR_WEIGHTS}")
    lexical = ndcg_of(report, order=lexical_rows)
    forest = forest_of(tune)
    found = {
        "lexical": lexical,
        "fused": fused(report),
        "final": final(report),
        "LightGBM": ndcg_of(report, order=lambda one: forest_rows(one, forest=forest)),
    }
    for name, values in found.items():
        low, high = paired_interval(values, other_E=lexical)
        print(f"{name:<10}{values.mean():.4f}   over lexical [{low:+.4f}, {high:+.4f}]")


def asked_of(part: str) -> list[Asked]:
    """Return the part's queries with what was found for them."""
    judgements = evaluation.read_judgements(FOLDER / "queries.csv", FOLDER / "qrels.csv", part=part)
    catalogue = snapshot.current()
    evaluation.wait_for_vectors(catalogue, visitor=GUEST)
    everything = Scene(catalogue=catalogue, visitor=GUEST, allowed_I=np.ones(len(catalogue), dtype=bool))
    asked = []
    for query_id, grades in judgements.grades.items():
        found = evaluation.search(judgements.queries[query_id], visitor=GUEST, catalogue=catalogue)
        grade_I = np.zeros(len(catalogue))
        grade_I[catalogue.rows_of(np.array(list(grades)))] = list(grades.values())
        best = np.sort(grade_I)[::-1][:10]
        asked.append(Asked(legs=found.legs, scene=everything, grade_I=grade_I, ideal=float(best @ DISCOUNTS)))
    return asked


def ndcg_of(asked: list[Asked], *, order: Callable[[Asked], np.ndarray]) -> np.ndarray:
    """(Q,) NDCG@10 of each query's list, gains as they are graded."""
    values = []
    for one in asked:
        gains = one.grade_I[order(one)[:10]]
        values.append(float(gains @ DISCOUNTS[: len(gains)]) / one.ideal)
    return np.array(values)


def lexical_rows(one: Asked) -> np.ndarray:
    """The rows of the words' leg."""
    return next((leg.rows_N for leg in one.legs if leg.name == "lexical"), np.empty(0, dtype=np.int64))


def fused(asked: list[Asked]) -> np.ndarray:
    """(Q,) NDCG@10 by the fusion's present weights."""
    return ndcg_of(asked, order=lambda one: fusion.fuse(one.legs).rows_N)


def final(asked: list[Asked]) -> np.ndarray:
    """(Q,) NDCG@10 by all present weights."""
    return ndcg_of(asked, order=lambda one: rows_of(one, *worked_out(one)))


def worked_out(one: Asked) -> tuple[Leg, np.ndarray, np.ndarray]:
    """The fused list, its (N, F) features and its groups."""
    leg = fusion.fuse(one.legs)
    return leg, ranking.features(leg, scene=one.scene, legs=one.legs), ranking.groups(leg, legs=one.legs)


def rows_of(one: Asked, leg: Leg, values_NF: np.ndarray, groups_N: np.ndarray) -> np.ndarray:
    """The rows in the order of the ranking's present weights."""
    return leg.rows_N[np.lexsort((-ranking.weighted(values_NF, sure_N=leg.sure_N), -groups_N))]


def fit_ranking(asked: list[Asked]) -> None:
    """Set the ranking's weights: those judged for the best, and the others as large as they may be."""
    kept = {id(one): worked_out(one) for one in asked}

    def score() -> float:
        return float(ndcg_of(asked, order=lambda one: rows_of(one, *kept[id(one)])).mean())

    for weights in (ranking.NEAR_WEIGHTS, ranking.SURE_WEIGHTS):
        weights.update(dict.fromkeys((*UNJUDGED, "affinity"), 0.0))
    names = [name for name in ranking.FEATURES if name not in FIXED]
    for weights in (ranking.NEAR_WEIGHTS, ranking.SURE_WEIGHTS):
        ascend(weights, names=names, score=score)
    best = score()
    for name in UNJUDGED:
        for step in STEPS:
            before = ranking.SURE_WEIGHTS[name]
            ranking.NEAR_WEIGHTS[name] = ranking.SURE_WEIGHTS[name] = step
            if score() < best - ALLOWED_LOSS:
                ranking.NEAR_WEIGHTS[name] = ranking.SURE_WEIGHTS[name] = before
                break


def ascend(weights: dict[str, float], *, names: Sequence[str], score: Callable[[], float]) -> None:
    """Move one weight after the other to where the score is best, twice around."""
    best = score()
    for _ in range(2):
        for name in names:
            for step in STEPS:
                before, weights[name] = weights[name], step
                value = score()
                if value > best + LEAST_GAIN:
                    best = value
                else:
                    weights[name] = before


def forest_of(asked: list[Asked]) -> lightgbm.Booster:
    """LambdaMART over the same features (Burges, 2010)."""
    parts = [worked_out(one) for one in asked]
    grades = [one.grade_I[leg.rows_N] for one, (leg, _, _) in zip(asked, parts, strict=True)]
    lists = lightgbm.Dataset(
        np.concatenate([np.column_stack([values, groups]) for _, values, groups in parts]),
        label=np.concatenate(grades).astype(int),
        group=[len(grade) for grade in grades],
    )
    settings = {"objective": "lambdarank", "num_leaves": 7, "learning_rate": 0.05, "num_threads": 1}
    return lightgbm.train({**settings, "verbosity": -1, "seed": 0}, lists, num_boost_round=60)


def forest_rows(one: Asked, *, forest: lightgbm.Booster) -> np.ndarray:
    """The rows in the forest's order, the groups kept apart."""
    leg, values, groups = worked_out(one)
    scores = np.asarray(forest.predict(np.column_stack([values, groups])))
    return leg.rows_N[np.lexsort((-scores, -groups))]
