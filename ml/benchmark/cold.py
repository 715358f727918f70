"""New items and new users: some held out whole, and what is made of their features or few events."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import numpy as np

from ml.baselines import RandomOrder
from ml.benchmark.measures import Progress
from ml.benchmark.problem import Problem
from ml.benchmark.runs import fits_of, scorer_of, train_model
from ml.data import ItemSets
from ml.evaluation import MODEL, judge
from ml.scorers import Scorer
from ml.splits import HeldOut, Split, cold_items, cold_users
from ml.training import NotEnoughData

Row = dict[str, float]
Section = dict[str, Row]

COLD_ITEMS, COLD_USERS = 0.1, 0.2  # the shares of the items, and of the judged users, held out whole
EVENTS = (0, 1, 2, 3, 5)  # that are known of a new user
BESIDE = ("category_rule", "decayed_cooccurrence", "recent_popularity", "popularity")


def cold_report(problem: Problem, *, k: int, seed: int, progress: Progress) -> dict[str, Section]:
    """Mean metrics by section and method: items held out whole, then users with none to five events.

    The model is trained anew for each, without any event of what is held out; where too little is left to
    learn from, the sections are empty.
    """
    progress.begin("cold items")
    items: Section = {}
    with suppress(NotEnoughData):
        items = _items(problem, k=k, seed=seed, progress=progress)
    progress.begin("cold users")
    users: dict[int, Section] = {}
    with suppress(NotEnoughData):
        users = _users(problem, k=k, seed=seed, progress=progress)
    titles = {number: f"new users with {number} events, @{k}" for number in EVENTS}
    return {f"new items, ranked among themselves, @{k}": items} | {
        title: users.get(number, {}) for number, title in titles.items()
    }


def _items(problem: Problem, *, k: int, seed: int, progress: Progress) -> Section:
    dataset = problem.dataset
    cold = np.random.default_rng(seed).random(len(dataset.items)) < COLD_ITEMS
    known = np.bincount(dataset.interactions.item_index, minlength=len(dataset.items)) > 0
    test = findable(problem.test, num_items=len(dataset.items))
    split = cold_items(Split(known=dataset.interactions, test=test), items=cold | ~known)
    if not len(split.test):
        return {}
    colder = of_split(problem, split)
    scorers = {MODEL: scorer_of(train_model(colder, seed=seed, progress=progress), problem=colder)}
    return _judged(scorers | _beside(colder, seed=seed), problem=colder, k=k)


def _users(problem: Problem, *, k: int, seed: int, progress: Progress) -> dict[int, Section]:
    judged = problem.test.users
    rng = np.random.default_rng(seed)
    cold = np.zeros(len(problem.dataset.users), dtype=bool)
    count = max(1, round(COLD_USERS * len(judged)))
    cold[rng.choice(judged, size=count, replace=False)] = True
    whole = Split(known=problem.dataset.interactions, test=problem.test)
    model = None
    sections = {}
    for number in EVENTS:
        colder = of_split(problem, cold_users(whole, users=cold, num_events=number))
        model = model or train_model(colder, seed=seed, progress=progress)
        scorers = {MODEL: scorer_of(model, problem=colder)} | _beside(colder, seed=seed)
        sections[number] = _judged(scorers, problem=colder, k=k)
    return sections


def of_split(problem: Problem, split: Split) -> Problem:
    """The problem of a harder split of the same data; raises NotEnoughData where nothing is known."""
    if not len(split.known):
        raise NotEnoughData("Nothing is left to learn from; judge more users or items.")
    valid = problem.splitter(split.known, len(problem.dataset.users))
    return replace(
        problem,
        dataset=replace(problem.dataset, interactions=split.known),
        test=split.test,
        valid=valid if len(valid.test) else None,
    )


def findable(test: HeldOut, *, num_items: int) -> HeldOut:
    """The test without the items past the catalogue, and without the users who wanted nothing else."""
    inside = test.positives.items < num_items
    positives = ItemSets.from_pairs(
        test.positives.rows()[inside], item_index=test.positives.items[inside], num_users=len(test)
    )
    return replace(test, positives=positives).take(np.flatnonzero(positives.sizes > 0))


def _beside(problem: Problem, *, seed: int) -> dict[str, Scorer]:
    fits = fits_of(problem, seed=seed)
    scorers = {name: fits[name]() for name in BESIDE}
    return scorers | {"random": RandomOrder(num_items=len(problem.dataset.items), seed=seed)}


def _judged(scorers: Mapping[str, Scorer], *, problem: Problem, k: int) -> Section:
    evaluation = judge(scorers, test=problem.test, num_items=len(problem.dataset.items), ks=(k,))
    wanted = (f"hit@{k}", f"recall@{k}", f"ndcg@{k}", "coverage")
    return {method: {name: row[name] for name in wanted} for method, row in evaluation.rows.items()}
