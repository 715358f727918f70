"""An evaluation as the admin's tables show it."""

from dataclasses import dataclass
from typing import Any

from recommender import gate

NAMES = {
    "two_tower": "Two-tower model",
    "lightgbm": "with LightGBM",
    "xgboost": "with XGBoost",
    "deepfm": "with DeepFM",
    "category_rule": "Category rule",
    "item_knn": "Item k-NN",
    "decayed_cooccurrence": "Decayed co-occurrence",
    "ials": "iALS",
    "ease": "EASE^R",
    "recent_popularity": "Recent popularity",
    "popularity": "Popularity",
    "random": "Random",
    "new": "This encoder",
    "in_use": "The one in use then",
}
HEADINGS = {
    "hit@10": "Hit@10",
    "recall@10": "Recall@10",
    "ndcg@10": "NDCG@10",
    "map@10": "MAP@10",
    "mrr": "MRR",
    "coverage": "Coverage",
    "gini": "Gini",
    "novelty": "Novelty",
    "diversity": "Diversity",
    "calibration": "Miscalibration",
    **{
        f"{task}_recall@{k}": f"{said} @{k}"
        for task, said in (
            ("text_to_image", "Text to picture"),
            ("image_to_text", "Picture to text"),
            ("image_to_image", "Worn picture to its own"),
        )
        for k in (1, 5, 10)
    },
}
LOWER_IS_BETTER = ("gini", "calibration")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One metric of one method as text, and whether no method does better in it."""

    text: str
    is_best: bool


@dataclass(frozen=True, kw_only=True)
class Row:
    """One method's metrics, in the order of the table's columns."""

    name: str
    is_model: bool
    cells: list[Cell]


@dataclass(frozen=True, kw_only=True)
class MetricsTable:
    """One row for each method, the model first, the others by recall."""

    columns: list[str]
    rows: list[Row]


def metrics_table(metrics: dict[str, Any]) -> MetricsTable | None:
    """Return the table of saved metrics, or None when there are none yet."""
    by_method: gate.Rows = metrics.get("rows", {})
    if not by_method:
        return None
    columns = _in_order(next(iter(by_method.values())))
    methods = sorted(
        by_method, key=lambda method: (method != gate.MODEL, -by_method[method].get("recall@10", 0))
    )
    return MetricsTable(
        columns=[HEADINGS.get(column, column) for column in columns],
        rows=[
            Row(
                name=NAMES.get(method, method),
                is_model=method == gate.MODEL,
                cells=[_cell(by_method, method=method, column=column) for column in columns],
            )
            for method in methods
        ],
    )


def _in_order(columns: dict[str, float]) -> list[str]:
    """Return the known metrics as listed above, then the others; the database keeps no order of its own."""
    known = [column for column in HEADINGS if column in columns]
    return known + sorted(set(columns) - set(known))


def _cell(by_method: gate.Rows, *, method: str, column: str) -> Cell:
    value = by_method[method].get(column)
    of_methods = [row[column] for row in by_method.values() if column in row]
    best = (min if column in LOWER_IS_BETTER else max)(of_methods, default=None)
    return Cell(text="-" if value is None else f"{value:.4f}", is_best=value is not None and value == best)
