"""What is known, what is asked, and that the first never depends on the second."""

from pathlib import Path

import numpy as np
import pytest

from ml.benchmark.entities import Features, read_entities
from ml.benchmark.logs import Log, read_log, read_pairs
from ml.benchmark.problem import Problem, of_given, of_log
from ml.benchmark.tables import BadInput

DAY = 86_400


def adjacency(folder: Path, text: str, *, name: str) -> Log:
    path = folder / name
    path.write_text(text)
    return read_pairs(path)


def log(folder: Path, *rows: tuple[str, str, float]) -> Log:
    path = folder / "log.csv"
    path.write_text("user_id,item_id,timestamp\n" + "".join(f"{u},{i},{t * DAY:.0f}\n" for u, i, t in rows))
    return read_log(path)


def items(folder: Path, *names: str) -> Features:
    path = folder / "items.csv"
    path.write_text("item_id,price\n" + "".join(f"{name},{place}\n" for place, name in enumerate(names)))
    return read_entities(path, key="item_id")


def note(problem: Problem, word: str) -> str:
    return next(text for text in problem.notes if word in text)


def test_given_files_leave_out_strangers_and_count_items_nobody_knows(tmp_path: Path) -> None:
    train = adjacency(tmp_path, "b y x\na x\n", name="train.txt")
    test = adjacency(tmp_path, "a y z\nstranger x\nb x new\n", name="test.txt")

    problem = of_given(train, test)

    # Users a, b and items x, y are rows 0 and 1, in the order of their names; z and new come after.
    assert problem.dataset.interactions.user_index.tolist() == [1, 1, 0]
    assert problem.dataset.interactions.item_index.tolist() == [1, 0, 0]
    assert problem.test.users.tolist() == [0, 1]
    assert problem.test.positives.of(0).tolist() == [1, 3]  # y, and z after new
    assert problem.test.positives.of(1).tolist() == [2]  # x is known to b already
    assert "1 users" in note(problem, "not in training and are left out")
    assert "2 of 3 test items" in note(problem, "no method can find them")


def test_an_item_that_the_features_know_can_be_found(tmp_path: Path) -> None:
    train = adjacency(tmp_path, "a x\nb y x\n", name="train.txt")
    test = adjacency(tmp_path, "a y z\n", name="test.txt")

    problem = of_given(train, test, items=items(tmp_path, "z", "x"))

    assert len(problem.dataset.items) == 3  # x, y of training, then z
    assert problem.test.positives.of(0).tolist() == [1, 2]
    assert problem.counts["test_items_unknown"] == 0
    assert "1 of 3 have no row" in note(problem, "price (numeric)")
    np.testing.assert_array_equal(
        problem.dataset.items.numeric["price"], np.array([1, np.nan, 0], np.float32)
    )


def test_files_without_a_user_in_common_are_refused(tmp_path: Path) -> None:
    train = adjacency(tmp_path, "a x\n", name="train.txt")
    with pytest.raises(BadInput, match="same ids in both"):
        of_given(train, adjacency(tmp_path, "b x\n", name="test.txt"))
    with pytest.raises(BadInput, match="nothing|something new"):
        of_given(train, adjacency(tmp_path, "a x\n", name="test.txt"))


def test_a_split_by_time_knows_nothing_that_only_the_test_names(tmp_path: Path) -> None:
    events = log(
        tmp_path, ("b", "y", 0), ("a", "x", 1), ("b", "x", 2), ("a", "aa", 9), ("0", "x", 9.5), ("b", "z", 10)
    )

    problem = of_log(events, split="time", days=2)

    assert len(problem.dataset.users) == 2
    assert len(problem.dataset.items) == 2
    assert problem.dataset.interactions.timestamp.tolist() == [0, DAY, 2 * DAY]
    assert problem.test.users.tolist() == [0, 1]  # a wants aa (row 2), b wants z (row 3)
    assert problem.test.positives.items.tolist() == [2, 3]
    assert "1 users begin in the test part" in note(problem, "begin")


def test_the_default_test_is_the_last_fifth_of_the_events(tmp_path: Path) -> None:
    rows = [("a", f"i{n}", float(n)) for n in range(10)]

    problem = of_log(log(tmp_path, *rows), split="time")

    assert len(problem.dataset.interactions) == 8
    assert problem.counts["test_items"] == 2


def test_the_last_moment_of_each_user_is_held_out_whole(tmp_path: Path) -> None:
    events = log(tmp_path, ("a", "x", 0), ("b", "y", 1), ("a", "y", 2), ("a", "z", 2), ("b", "x", 5))

    problem = of_log(events, split="last")

    assert problem.dataset.interactions.timestamp.tolist() == [0, DAY]
    assert problem.test.as_of.tolist() == [2 * DAY, 5 * DAY]
    assert problem.test.positives.sizes.tolist() == [2, 1]


def test_more_days_than_there_are_leave_nothing_to_learn_from(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="hold out less"):
        of_log(log(tmp_path, ("a", "x", 0), ("a", "y", 2)), split="time", days=30)


@pytest.mark.parametrize("split", ["time", "last"])
def test_the_training_part_is_the_same_whatever_the_test_part_names(tmp_path: Path, split: str) -> None:
    known = [("a", "x", 0.0), ("b", "y", 1.0), ("a", "z", 2.0), ("b", "x", 3.0)]
    one = of_log(
        log(tmp_path, *known, ("a", "y", 10), ("b", "z", 10)),
        split=split,
        days=None if split == "last" else 1,
    )
    other = of_log(
        log(tmp_path, *known, ("b", "0", 10), ("a", "q", 10)),
        split=split,
        days=None if split == "last" else 1,
    )

    assert one.dataset.interactions.item_index.tolist() == other.dataset.interactions.item_index.tolist()
    assert one.dataset.interactions.user_index.tolist() == other.dataset.interactions.user_index.tolist()
    assert len(one.dataset.items) == len(other.dataset.items) == 3
