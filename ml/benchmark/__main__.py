"""The benchmark's command line: reads the files, runs every method, prints the table and writes JSON."""

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

from ml.benchmark.cold import cold_report
from ml.benchmark.entities import Features, read_entities
from ml.benchmark.logs import read_log, read_pairs
from ml.benchmark.measures import Progress, machine
from ml.benchmark.problem import Problem, of_given, of_log
from ml.benchmark.report import print_cold, print_results
from ml.benchmark.runs import run
from ml.benchmark.tables import BadInput
from ml.training import NotEnoughData

USAGE_ERROR = 2
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0, or 2 after one line that says what is wrong with the files or options."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = make_parser()
    options = parser.parse_args(arguments)
    try:
        check(options)
        report(options, command="python -m ml.benchmark " + shlex.join(arguments))
    except (BadInput, NotEnoughData) as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        print("stopped; nothing was written", file=sys.stderr)
        return INTERRUPTED
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The options; which go together is checked afterwards."""
    parser = argparse.ArgumentParser(prog="python -m ml.benchmark", description=__doc__)
    files = parser.add_argument_group("a given split")
    files.add_argument("--train", type=Path, metavar="F", help="the pairs to learn from")
    files.add_argument("--test", type=Path, metavar="F", help="the pairs to find")
    files.add_argument(
        "--format",
        choices=("adjacency", "csv"),
        help="of both; default: csv for names in .csv, else adjacency",
    )
    logs = parser.add_argument_group("a log")
    logs.add_argument(
        "--interactions", type=Path, metavar="F.csv", help="user_id,item_id,timestamp[,kind,value]"
    )
    logs.add_argument("--split", choices=("time", "last"), help="by time, or each user's last moment")
    logs.add_argument(
        "--days", type=float, help="split time: the test's last days (default: a fifth of the events)"
    )
    both = parser.add_argument_group("both")
    both.add_argument("--users", type=Path, metavar="F.csv", help="user_id and any columns: features")
    both.add_argument("--items", type=Path, metavar="F.csv", help="item_id and any columns: features")
    both.add_argument(
        "--k", type=int, nargs="+", default=[10, 20], help="lengths of the lists (default: 10 20)"
    )
    both.add_argument(
        "--seeds", type=int, nargs="+", default=[1], help="one model each, averaged (default: 1)"
    )
    both.add_argument("--json", type=Path, metavar="OUT", help="write the figures there as well")
    return parser


def check(options: argparse.Namespace) -> None:
    """Raise BadInput for options that do not go together or cannot be met."""
    is_given = options.train is not None or options.test is not None
    is_log = options.interactions is not None
    if is_given == is_log or (is_given and None in (options.train, options.test)):
        raise BadInput("give --train F --test F, or --interactions F.csv --split time|last.")
    if is_log and options.split is None:
        raise BadInput("--interactions needs --split time or --split last.")
    if is_given and (options.split or options.days is not None):
        raise BadInput("--split and --days belong to --interactions; --train and --test are split already.")
    if is_log and options.format:
        raise BadInput("--format belongs to --train and --test; a log is always CSV.")
    if options.days is not None and (options.split != "time" or not options.days > 0):
        raise BadInput("--days needs --split time and a number above 0.")
    if min(options.k) < 1 or min(options.seeds) < 0:
        raise BadInput("--k takes numbers from 1 up, --seeds whole numbers from 0 up.")
    if options.json is not None and not options.json.absolute().parent.is_dir():
        raise BadInput(f"the folder of --json {options.json} does not exist; make it first.")


def report(options: argparse.Namespace, *, command: str) -> None:
    """Run the benchmark that the options ask for, print it and write its JSON."""
    progress = Progress()
    progress.begin("reading")
    problem = read_problem(options)
    for note in problem.notes:
        print(note)
    results = run(problem, ks=tuple(options.k), seeds=tuple(options.seeds), progress=progress)
    print_results(results, counts=problem.counts)
    values: dict[str, Any] = results.to_dict()
    if problem.has_features:
        cold = cold_report(problem, k=max(options.k), seed=options.seeds[0], progress=progress)
        print_cold(cold)
        values["cold"] = cold
    values |= {"data": problem.counts, "notes": problem.notes, "machine": machine(), "command": command}
    if options.json is not None:
        options.json.write_text(json.dumps(values, indent=2) + "\n")
        print(f"\nwritten to {options.json}")


def read_problem(options: argparse.Namespace) -> Problem:
    """The problem that the files pose."""
    users = _features(options.users, key="user_id")
    items = _features(options.items, key="item_id")
    if options.interactions is not None:
        log = read_log(options.interactions)
        return of_log(log, split=options.split, days=options.days, users=users, items=items)
    train = read_pairs(options.train, file_format=options.format)
    test = read_pairs(options.test, file_format=options.format)
    return of_given(train, test, users=users, items=items)


def _features(path: Path | None, *, key: str) -> Features | None:
    return None if path is None else read_entities(path, key=key)


if __name__ == "__main__":
    sys.exit(main())
