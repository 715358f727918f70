"""What the tuning reads: the training part of a log, or a part of pairs, and nothing of the test."""

import numpy as np
import pytest

from ml.benchmark.tables import BadInput
from ml.tuning_sets import read_set, read_sets
from tests.ml.shops import two_taste_shop


def test_what_the_test_part_says_changes_nothing(tmp_path):
    """The items of the last fifth of the log in another order: what the tuning reads is the same."""
    rows = log_rows()
    later = rows[-len(rows) // 5 :]
    shuffled = [(user, item, time) for (user, _, time), (_, item, _) in zip(later, later[::-1], strict=True)]
    sets = []
    for name, events in (("a", rows), ("b", rows[: -len(later)] + shuffled)):
        path = tmp_path / f"{name}.csv"
        path.write_text("user_id,item_id,timestamp\n" + "\n".join(",".join(map(str, row)) for row in events))
        sets.append(read_set(path, split="time"))
    assert np.array_equal(sets[0].events.item_index, sets[1].events.item_index)
    assert np.array_equal(sets[0].valid.positives.items, sets[1].valid.positives.items)
    assert sets[0].events.timestamp.max() < later[0][2]


def test_a_tenth_of_pairs_is_held_out_and_not_learned_from(tmp_path):
    path = tmp_path / "train.csv"
    rows = sorted({(user, item) for user, item, _ in log_rows()})
    path.write_text("".join(f"{user},{item}\n" for user, item in rows))
    one = read_set(path, split=None)
    held = len(one.valid.positives.items)
    assert len(one.events) + held == len(rows)
    assert held == pytest.approx(0.1 * len(rows), rel=0.4)
    known = set(zip(one.events.user_index.tolist(), one.events.item_index.tolist(), strict=True))
    users = one.valid.users[one.valid.positives.rows()]
    assert not known & set(zip(users.tolist(), one.valid.positives.items.tolist(), strict=True))


def test_a_log_is_read_once_for_each_way_to_split_it(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("user_id,item_id,timestamp\n" + "\n".join(",".join(map(str, row)) for row in log_rows()))
    sets = read_sets(logs=[path], splits=["time", "last", "time"], pairs=[], users=None, items=None)
    assert [one.name.split()[-1] for one in sets] == ["time", "last"]
    assert len({tuple(one.size) for one in sets}) == 2


def test_features_without_their_one_log_are_refused(tmp_path):
    with pytest.raises(BadInput, match="describe one log"):
        read_sets(logs=[], splits=["time"], pairs=[tmp_path], users=tmp_path, items=None)


def log_rows() -> list[tuple[int, int, int]]:
    """(user, item, second) of the two-taste shop, in the order of time."""
    log = two_taste_shop().interactions
    return list(zip(log.user_index.tolist(), log.item_index.tolist(), log.timestamp.tolist(), strict=True))
