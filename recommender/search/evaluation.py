"""How well the search answers judged queries: lexical, dense, fused and final, side by side."""

# Q = judged queries

import csv
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
from ir_measures import RR, R, nDCG

from ml.intervals import Interval, interval, paired_interval
from recommender import encoders, snapshot
from recommender.models import Interaction
from recommender.search import affinity, finding, fusion, understanding, vectors
from recommender.search.requests import Leg, Scene, SearchRequest
from recommender.search.requests_url import clean_query
from recommender.snapshot import Snapshot
from shop.models import Product, User
from shop.visitors import Visitor, visitor_of

METHODS = ("lexical", "dense", "fused", "final")
PERSONAL = "personal"  # the final order of the shoppers, where they are given
ALLOWED_LOSS = 0.001  # of NDCG@10 by personal order: no judgement knows what shoppers gain by it
DENSE_LEGS = ("dense_text", "dense_image")
COMPARED = (
    *(("fused", "lexical"), ("fused", "dense")),
    *(("final", "fused"), ("final", "lexical"), ("personal", "final")),
)
GUEST = Visitor(id=uuid.UUID(int=0), personalised=False)
DEPTH = 100  # of the lists that are judged
MEASURES = {"ndcg@10": nDCG @ 10, "mrr": RR, "recall@10": R @ 10, "recall@100": R @ 100, "ndcg": nDCG}
PATIENCE_SECONDS = 120.0  # for vectors that are read in the background
Progress = Callable[[int, int], object]


class CannotJudge(ValueError):
    """The files, or the shop, do not allow an evaluation; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Judgements:
    """Queries by id, the grades of products by query, and what else the files said."""

    queries: dict[str, str]
    grades: dict[str, dict[int, int]]  # by query id: product id to grade, those above 0 and those of 0
    kinds: dict[str, str] = field(default_factory=dict)  # of some queries, where the file says so
    num_unknown: int = 0  # products judged that the shop does not have, or not for everybody


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What was measured: per query values, means, intervals."""

    query_ids: list[str]
    values: dict[str, dict[str, np.ndarray]]  # by method and measure, (Q,)
    zero_share: dict[str, float]  # of the queries, by method
    kinds: dict[str, str]
    num_unknown: int

    def mean(self, method: str, measure: str) -> float:
        """Return the mean over the queries."""
        return float(self.values[method][measure].mean())

    def difference(self, method: str, other: str, *, measure: str = "ndcg@10") -> Interval:
        """Return the bootstrap interval of one method's mean minus another's, on the same queries."""
        return paired_interval(self.values[method][measure], other_E=self.values[other][measure])

    @property
    def compared(self) -> list[tuple[str, str]]:
        """The pairs of methods that were measured and belong side by side."""
        return [(method, other) for method, other in COMPARED if method in self.values]

    @property
    def taste_does_no_harm(self) -> bool:
        """Whether NDCG@10 in the shoppers' own order is as high as in everybody's."""
        return self.mean(PERSONAL, "ndcg@10") >= self.mean("final", "ndcg@10") - ALLOWED_LOSS

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values: by method and measure, then the differences with intervals."""
        figures: dict[str, Any] = {
            method: {
                **{measure: self.mean(method, measure) for measure in MEASURES},
                "ndcg@10_interval": list(interval(self.values[method]["ndcg@10"])),
                "zero_share": self.zero_share[method],
                "ndcg@10_by_kind": self.by_kind(method),
            }
            for method in self.values
        }
        compared = {
            f"{method}-{other}": {
                measure: {
                    "mean": self.mean(method, measure) - self.mean(other, measure),
                    "interval": list(self.difference(method, other, measure=measure)),
                }
                for measure in MEASURES
            }
            for method, other in self.compared
        }
        counts = {"queries": len(self.query_ids), "judged_products_not_in_shop": self.num_unknown}
        return {**figures, "differences": compared, **counts}

    def by_kind(self, method: str) -> dict[str, float]:
        """Return the mean NDCG@10 of each kind of query that the file names."""
        groups: defaultdict[str, list[float]] = defaultdict(list)
        for query_id, value in zip(self.query_ids, self.values[method]["ndcg@10"].tolist(), strict=True):
            if self.kinds.get(query_id):
                groups[self.kinds[query_id]].append(value)
        return {kind: float(np.mean(values)) for kind, values in sorted(groups.items())}


# Reading


def read_judgements(queries: Path, qrels: Path, *, part: str = "") -> Judgements:
    """Return the queries that have a product above grade 0, with their grades; two queries.

    A product is named by its SKU, else by its id: by which of the two is the same for a whole file. With
    `part`, only queries whose column of this name says so. Raises CannotJudge.
    """
    rows = [row for row in _rows(queries, needs=("query_id", "query")) if not part or row.get("part") == part]
    texts = {row["query_id"]: clean_query(row["query"]) for row in rows}
    named: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in _rows(qrels, needs=("query_id", "product_id", "grade")):
        if row["query_id"] in texts:
            named[row["query_id"]][row["product_id"]] = _grade(row["grade"], path=qrels)
    ids = _product_ids({name for grades in named.values() for name in grades})
    grades = {
        query_id: {ids[name]: grade for name, grade in of_query.items() if name in ids}
        for query_id, of_query in named.items()
    }
    answerable = {query_id: of for query_id, of in grades.items() if any(of.values()) and texts[query_id]}
    if not answerable:
        raise CannotJudge(
            f"No query of {queries} has a product above grade 0 in this shop; import the products that "
            f"{qrels} judges first. They are named by SKU, or by id."
        )
    num_named = len({name for of_query in named.values() for name in of_query})
    return Judgements(
        queries={query_id: texts[query_id] for query_id in answerable},
        grades=answerable,
        kinds={row["query_id"]: row.get("kind") or "" for row in rows},
        num_unknown=num_named - len(ids),
    )


def _rows(path: Path, *, needs: Sequence[str]) -> Iterator[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in needs if name not in (reader.fieldnames or ())]
            if missing:
                raise CannotJudge(
                    f"{path} has no column {missing[0]}; its first line must be {','.join(needs)}."
                )
            for row in reader:
                if any(row[name] is None for name in needs):
                    raise CannotJudge(f"{path}, line {reader.line_num}: there are too few columns.")
                yield {name: value for name, value in row.items() if isinstance(value, str)}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CannotJudge(f"{path} cannot be read as CSV in UTF-8: {error}") from error


def _grade(text: str, *, path: Path) -> int:
    try:
        return max(int(text), 0)
    except ValueError:
        raise CannotJudge(
            f"{path}: the grade {text!r} is no whole number; 0 is for what does not fit."
        ) from None


def _product_ids(names: set[str]) -> dict[str, int]:
    by_sku = dict(Product.objects.filter(sku__in=names).values_list("sku", "pk"))
    if by_sku:
        return by_sku
    numbers = [int(name) for name in names if name.isascii() and name.isdigit() and len(name) < 19]
    return {str(pk): pk for pk in Product.objects.filter(pk__in=numbers).values_list("pk", flat=True)}


# Judging


def evaluate(
    judgements: Judgements,
    *,
    shoppers: Sequence[Visitor] = (),
    judged_only: bool = False,
    least_grade: int = 1,
    on_progress: Progress | None = None,
) -> Evaluation:
    """Return how well each method answers the queries, as a guest sees the shop.

    With shoppers, one after the other asks a query too, of the products that a guest may see. With
    `judged_only`, each query orders the products that were judged for it and no others, as ESCI's first task
    is measured. A product counts as found, in MRR and recall, from `least_grade` on. Nothing is logged.
    Raises ml.clip.EncoderUnavailable, and CannotJudge when the vectors cannot be read.
    """
    catalogue = snapshot.current()
    wait_for_vectors(catalogue, visitor=GUEST)
    query_ids = sorted(judgements.grades)
    methods = (*METHODS, PERSONAL) if shoppers else METHODS
    runs: dict[str, dict[str, dict[str, float]]] = {method: {} for method in methods}
    for done, query_id in enumerate(query_ids, start=1):
        text, only = judgements.queries[query_id], list(judgements.grades[query_id]) if judged_only else None
        legs = by_method(search(text, visitor=GUEST, catalogue=catalogue, only=only))
        if shoppers:
            shopper = replace(shoppers[done % len(shoppers)], region=GUEST.region, age=GUEST.age)
            with affinity.on_trial():
                legs[PERSONAL] = search(text, visitor=shopper, catalogue=catalogue, only=only).final
        for method, leg in legs.items():
            runs[method][query_id] = _as_run(leg, catalogue=catalogue)
        if on_progress:
            on_progress(done, len(query_ids))
    qrels = {query_id: _as_text(judgements.grades[query_id]) for query_id in query_ids}
    return Evaluation(
        query_ids=query_ids,
        values={method: values_of(runs[method], qrels=qrels, least_grade=least_grade) for method in methods},
        zero_share={
            method: float(np.mean([not runs[method][query_id] for query_id in query_ids]))
            for method in methods
        },
        kinds=judgements.kinds,
        num_unknown=judgements.num_unknown,
    )


def search(
    text: str, *, visitor: Visitor, catalogue: Snapshot, only: Sequence[int] | None = None
) -> finding.Found:
    """Return what find() would find for the text among all products, or among those `only`, by id."""
    request = SearchRequest(text=text)
    understood = understanding.understand(request, catalogue=catalogue)
    seen = finding.scenes(request, understood=understood, catalogue=catalogue, visitor=visitor)
    if only is not None:
        seen = finding.Scenes(
            everything=_narrowed(seen.everything, ids=only),
            chosen=_narrowed(seen.chosen, ids=only),
            meant=_narrowed(seen.meant, ids=only),
        )
    return finding.look(request, understood=understood, seen=seen)


def by_method(found: finding.Found) -> dict[str, Leg]:
    """Return the list of each method."""
    legs = {leg.name: leg for leg in found.legs}
    dense = fusion.fuse([legs[name] for name in DENSE_LEGS if name in legs])
    return {
        "lexical": legs.get("lexical", fusion.fuse([])),
        "dense": dense,
        "fused": found.fused,
        "final": found.final,
    }


def values_of(
    run: Mapping[str, Mapping[str, float]],
    *,
    qrels: Mapping[str, Mapping[str, int]],
    least_grade: int = 1,
) -> dict[str, np.ndarray]:
    """Return each measure's (Q,) values in the order of the qrels; 0 for a query that found nothing."""
    measures = {
        name: measure if name.startswith("ndcg") else measure(rel=least_grade)
        for name, measure in MEASURES.items()
    }
    place = {query_id: row for row, query_id in enumerate(qrels)}
    values = {name: np.zeros(len(qrels)) for name in measures}
    names = {measure: name for name, measure in measures.items()}
    for metric in ir_measures.iter_calc(list(measures.values()), qrels, run):
        values[names[metric.measure]][place[metric.query_id]] = metric.value
    return values


def _as_run(leg: Leg, *, catalogue: Snapshot) -> dict[str, float]:
    """The first products of the list, with scores that keep its order."""
    ids = catalogue.product_id[leg.rows_N[:DEPTH]].tolist()
    return {str(product_id): float(DEPTH - place) for place, product_id in enumerate(ids)}


def _as_text(grades: Mapping[int, int]) -> dict[str, int]:
    return {str(product_id): grade for product_id, grade in grades.items()}


def _narrowed(scene: Scene, *, ids: Sequence[int]) -> Scene:
    among_I = np.isin(scene.catalogue.product_id, np.array(ids, dtype=np.int64))
    return replace(scene, allowed_I=scene.allowed_I & among_I)


def wait_for_vectors(catalogue: Snapshot, *, visitor: Visitor) -> None:
    """Return once both sides can be searched; raises CannotJudge when that does not come."""
    encoders.get_encoder()
    everything = Scene(catalogue=catalogue, visitor=visitor, allowed_I=np.ones(len(catalogue), dtype=bool))
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        vector_D = vectors.of_text("product")
        if vector_D is not None and vectors.look(vector_D, scene=everything, side="text") is not None:
            return
        time.sleep(0.2)
    raise CannotJudge("The products have no vectors of this encoder; run: manage.py embed_content")


# Shoppers


def some_shoppers(number: int, *, seed: int = 0) -> list[Visitor]:
    """Return accounts with a past that did not pause personalisation, the same ones each time; a query each.

    Raises CannotJudge when there is none.
    """
    known = sorted(Interaction.objects.exclude(user=None).values_list("user", flat=True).distinct())
    chosen = np.random.default_rng(seed).permutation(np.array(known, dtype=np.int64))[:number].tolist()
    users = User.objects.in_bulk(chosen)
    found = [visitor_of(users[pk], browser_id=uuid.UUID(int=pk)) for pk in chosen]
    shoppers = [shopper for shopper in found if shopper.personalised]
    if not shoppers:
        raise CannotJudge("No account has a past to know a taste by; evaluate without --shoppers.")
    return shoppers


# The table


def table(evaluation: Evaluation) -> str:
    """Return the figures as lines of text, the differences with their 95 % bootstrap intervals below."""
    lines = [f"{'':<10}" + "".join(f"{name:>12}" for name in (*MEASURES, "zero results"))]
    for method in evaluation.values:
        means = "".join(f"{evaluation.mean(method, name):>12.4f}" for name in MEASURES)
        lines.append(f"{method:<10}{means}{evaluation.zero_share[method]:>12.1%}")
    lines.append("")
    for method, other in evaluation.compared:
        low, high = evaluation.difference(method, other)
        gain = evaluation.mean(method, "ndcg@10") - evaluation.mean(other, "ndcg@10")
        lines.append(f"NDCG@10, {method} over {other}: {gain:+.4f} [{low:+.4f}, {high:+.4f}]")
    kinds = evaluation.by_kind("final")
    if kinds:
        lines += ["", f"{'NDCG@10':<16}" + "".join(f"{method:>10}" for method in evaluation.values)]
        columns = {method: evaluation.by_kind(method) for method in evaluation.values}
        for kind in kinds:
            lines.append(f"{kind:<16}" + "".join(f"{columns[method][kind]:>10.4f}" for method in columns))
    return "\n".join(lines)
