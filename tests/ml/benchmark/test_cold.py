"""Items and users held out whole."""

from dataclasses import replace

import numpy as np
import pytest

from ml.benchmark.cold import cold_report, findable
from ml.benchmark.measures import Progress
from ml.benchmark.problem import Problem, latest_part
from ml.data import Dataset, ItemSets
from ml.splits import HeldOut, by_time
from tests.ml.shops import DAY, two_taste_shop


@pytest.fixture(scope="module")
def problem() -> Problem:
    shop = two_taste_shop(num_users=80, num_items=60, per_user=14, noise=0.0)
    split = by_time(shop.interactions, num_users=len(shop.users), cut=70 * DAY)
    return Problem(
        dataset=Dataset(users=shop.users, items=shop.items, interactions=split.known),
        test=split.test,
        valid=latest_part(split.known, len(shop.users)),
        splitter=latest_part,
        notes=(),
        has_features=True,
        counts={},
    )


def test_new_items_and_new_users_are_found_by_what_is_known_of_them(problem: Problem) -> None:
    sections = cold_report(problem, k=5, seed=1, progress=Progress())

    items = sections["new items, ranked among themselves, @5"]
    # Category and colour tell which of the new items a user will like.
    assert items["two_tower"]["ndcg@5"] > items["random"]["ndcg@5"]
    users = [sections[f"new users with {number} events, @5"] for number in (0, 1, 2, 3, 5)]
    assert users[-1]["two_tower"]["recall@5"] > users[-1]["popularity"]["recall@5"]
    assert all(set(rows) == set(users[0]) for rows in users)


def test_where_too_little_is_left_to_learn_from_the_sections_are_empty(problem: Problem) -> None:
    few = Problem(
        dataset=replace(problem.dataset, interactions=problem.dataset.interactions.take(slice(0, 15))),
        test=problem.test,
        valid=None,
        splitter=latest_part,
        notes=(),
        has_features=True,
        counts={},
    )

    assert set(map(len, cold_report(few, k=5, seed=1, progress=Progress()).values())) == {0}


def test_items_past_the_catalogue_and_who_wants_only_them_are_left_out() -> None:
    test = HeldOut(
        users=np.array([3, 7]),
        seen=ItemSets.from_pairs(np.array([0, 1]), item_index=np.array([0, 1]), num_users=2),
        positives=ItemSets.from_pairs(np.array([0, 0, 1]), item_index=np.array([1, 5, 6]), num_users=2),
        as_of=np.array([10, 20]),
    )

    left = findable(test, num_items=5)

    assert left.users.tolist() == [3]
    assert left.positives.items.tolist() == [1]
    assert left.as_of.tolist() == [10]
