"""An evaluation as the admin's tables show it."""

from dataclasses import dataclass
from typing import Any

from recommender import gate

NAMES = {
    "two_tower": "Two-tower model",
    "category_rule": "Category rule",
    "item_knn": "Item k-NN",
    "popularity": "Popularity",
    "random": "Random",
}


@dataclass(frozen=True, kw_only=True)
class MetricsTable:
    """One row for each method, the model first, with its values as text."""

    columns: list[str]
    rows: list[tuple[str, bool, list[str]]]  # name, whether it is the model, values


def metrics_table(metrics: dict[str, Any]) -> MetricsTable | None:
    """Return the table of saved metrics, or None when there are none yet."""
    by_method: gate.Rows = metrics.get("rows", {})
    if not by_method:
        return None
    columns = list(next(iter(by_method.values())))
    methods = sorted(
        by_method, key=lambda method: (method != gate.MODEL, -by_method[method].get("recall@10", 0))
    )
    return MetricsTable(
        columns=columns,
        rows=[
            (
                NAMES.get(method, method),
                method == gate.MODEL,
                [_text(by_method[method].get(c)) for c in columns],
            )
            for method in methods
        ],
    )


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
