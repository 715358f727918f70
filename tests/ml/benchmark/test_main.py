"""The command itself, as people run it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml.benchmark.__main__ import main, make_parser, read_problem
from ml.training import TrainConfig, train
from shop.env import BASE_DIR

BASELINES = {
    "random",
    "popularity",
    "recent_popularity",
    "category_rule",
    "item_knn",
    "decayed_cooccurrence",
    "ials",
    "ease",
}


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "ml.benchmark", *map(str, arguments)]
    return subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, check=False, timeout=300)


def two_tastes(*, num_users: int = 40, num_items: int = 30, per_user: int = 9) -> list[tuple[str, str, int]]:
    """Events (user, item, day): even users turn to even items, odd users to odd ones."""
    rng = np.random.default_rng(5)
    rows = []
    for user in range(num_users):
        mine = np.arange(user % 2, num_items, 2)
        picked = rng.choice(mine, size=per_user, replace=False)
        rows += [(f"u-{user}", f"i{item}", int(rng.integers(0, 100))) for item in picked]
    return rows


@pytest.fixture
def pairs(tmp_path: Path) -> tuple[Path, Path]:
    """A train and a test file: two items of each user are held out."""
    lines: dict[str, list[str]] = {}
    for user, item, _ in two_tastes():
        lines.setdefault(user, []).append(item)
    train_file, test_file = tmp_path / "train.txt", tmp_path / "test.txt"
    train_file.write_text("".join(f"{user} {' '.join(items[2:])}\n" for user, items in lines.items()))
    test_file.write_text("".join(f"{user} {' '.join(items[:2])}\n" for user, items in lines.items()))
    return train_file, test_file


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    rows = (f"{user},{item},{day * 86_400}\n" for user, item, day in two_tastes(per_user=12))
    path.write_text("user_id,item_id,timestamp\n" + "".join(rows))
    return path


def test_given_files_end_in_a_table_and_json(pairs: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out.json"

    result = run("--train", pairs[0], "--test", pairs[1], "--k", 3, 5, "--seeds", 1, 2, "--json", out)

    assert result.returncode == 0, result.stderr
    values = json.loads(out.read_text())
    assert set(values["rows"]) == {"two_tower"} | BASELINES
    model = values["rows"]["two_tower"]
    assert {"hit@3", "recall@5", "ndcg@5", "mrr", "map@5", "coverage", "seconds", "peak_memory_mb"} <= set(
        model
    )
    assert model["recall@5"] > values["rows"]["random"]["recall@5"]
    of_seeds = [values["seeds"][seed]["two_tower"]["recall@5"] for seed in ("1", "2")]
    assert model["recall@5"] == pytest.approx(sum(of_seeds) / 2)
    low, high = values["intervals"]["two_tower"]["recall@5"]
    assert low <= model["recall@5"] <= high
    assert values["data"]["judged_users"] == 40
    assert values["machine"]["cores"] > 0
    assert "--seeds 1 2" in values["command"]
    for name in values["rows"]:
        assert f"\n{name} " in result.stdout
    assert "peak MB" in result.stdout


def test_a_log_with_features_tells_of_new_items_and_new_users(log: Path, tmp_path: Path) -> None:
    items, out = tmp_path / "items.csv", tmp_path / "out.json"
    sides = ("even", "odd")
    items.write_text("item_id,category\n" + "".join(f"i{n},{sides[n % 2]}\n" for n in range(30)))

    result = run("--interactions", log, "--split", "last", "--items", items, "--json", out, "--k", 5)

    assert result.returncode == 0, result.stderr
    values = json.loads(out.read_text())
    titles = list(values["cold"])
    assert titles[0].startswith("new items")
    assert {"new users with 0 events, @5", "new users with 5 events, @5"} <= set(titles)
    assert {"two_tower", "category_rule", "popularity"} <= set(values["cold"]["new users with 5 events, @5"])
    assert "category (categorical)" in result.stdout


def test_bad_files_and_options_end_in_one_line_and_status_2(pairs: tuple[Path, Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("user_id,item_id,timestamp\na,b,soon\n")

    result = run("--interactions", bad, "--split", "time")

    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith(f"error: {bad}, line 2: timestamp is 'soon'")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "give --train F --test F, or --interactions"),
        (["--train", "a"], "give --train F --test F"),
        (["--train", "a", "--test", "b", "--interactions", "c"], "give --train F --test F"),
        (["--interactions", "c"], "needs --split"),
        (["--train", "a", "--test", "b", "--split", "time"], "are split already"),
        (["--interactions", "c", "--split", "last", "--days", "3"], "--days needs --split time"),
        (["--interactions", "c", "--split", "time", "--days", "0"], "above 0"),
        (["--interactions", "c", "--split", "time", "--format", "csv"], "always CSV"),
        (["--train", "a", "--test", "b", "--k", "0"], "numbers from 1 up"),
        (["--train", "a", "--test", "b", "--seeds", "-1"], "numbers from 0 up"),
        (["--train", "a", "--test", "b", "--json", "/nowhere/at/all.json"], "make it first"),
        (["--train", "/nowhere/a", "--test", "b"], "/nowhere/a does not exist"),
    ],
)
def test_options_that_do_not_go_together_say_what_to_give(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2

    assert expected in capsys.readouterr().err


def test_too_little_to_learn_from_is_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in (("train.txt", "a x\n"), ("test.txt", "a y\n")):
        (tmp_path / name).write_text(text)

    assert main(["--train", str(tmp_path / "train.txt"), "--test", str(tmp_path / "test.txt")]) == 2

    assert "Training needs at least" in capsys.readouterr().err


def test_another_test_file_gives_the_same_model_bit_for_bit(pairs: tuple[Path, Path], tmp_path: Path) -> None:
    """The test's rows and users shuffled, its items exchanged for others and for unknown ones."""
    rng = np.random.default_rng(2)
    lines = [line.split() for line in pairs[1].read_text().splitlines()]
    order = rng.permutation(len(lines))
    shuffled = [
        [lines[place][0], *lines[other][:0:-1]] for place, other in zip(order, order[::-1], strict=True)
    ]
    shuffled[0].append("never-seen")
    shuffled.append(["stranger", "i1", "i2"])
    other = tmp_path / "other.txt"
    other.write_text("".join(" ".join(line) + "\n" for line in shuffled))

    vectors = []
    for test_file in (pairs[1], other):
        options = make_parser().parse_args(["--train", str(pairs[0]), "--test", str(test_file)])
        problem = read_problem(options)
        vectors.append(train(problem.dataset, TrainConfig(seed=3, max_epochs=4)).item_vectors)

    assert vectors[0].tobytes() == vectors[1].tobytes()


@pytest.mark.parametrize("split", ["time", "last"])
def test_another_future_gives_the_same_model_bit_for_bit(log: Path, tmp_path: Path, split: str) -> None:
    """What each user turns to at their last moment, or in the last days, exchanged for something unknown."""
    lines = log.read_text().splitlines()
    rows = [line.split(",") for line in lines[1:]]
    last = {user: max(int(time) for name, _, time in rows if name == user) for user, _, _ in rows}
    is_test = {
        "time": lambda user, time: int(time) >= 80 * 86_400,
        "last": lambda user, time: int(time) == last[user],
    }[split]
    changed = [[user, "new-item" if is_test(user, time) else item, time] for user, item, time in rows]
    other = tmp_path / "other.csv"
    other.write_text("\n".join([lines[0], *(",".join(row) for row in changed)]) + "\n")
    latest = max(last.values())
    days = ["--days", str((latest + 1 - 80 * 86_400) / 86_400)] if split == "time" else []

    vectors = []
    for path in (log, other):
        options = make_parser().parse_args(["--interactions", str(path), "--split", split, *days])
        vectors.append(train(read_problem(options).dataset, TrainConfig(seed=3, max_epochs=4)).item_vectors)

    assert vectors[0].tobytes() == vectors[1].tobytes()
