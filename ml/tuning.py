"""`python -m ml.tuning`: settings of the training that do better than its defaults, over several data sets.

Optuna searches a stated space. Every trial trains on a part of the training events and is judged on the rest
of them by NDCG@20, relative to what the defaults reach on the same data set; the mean over the data sets is
what is made large. The test part of a log never leaves the reader. A folder keeps the study: the same command
goes on where it stopped, or was stopped.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from ml.benchmark.tables import BadInput
from ml.fitting import Fit, Hooks
from ml.training import NotEnoughData, TrainConfig
from ml.tuning_sets import TuningSet, read_sets

METRIC = "ndcg@20"
STARTUP_TRIALS = 5  # that nothing is pruned in, so that there is a median to be under
WARMUP_CHECKS = 2  # of an epoch, before which a trial is not compared
USAGE_ERROR = 2


@dataclass(frozen=True, kw_only=True)
class Between:
    """A number from `low` to `high`; `log` for one whose ratio matters."""

    low: float
    high: float
    log: bool = False

    def suggest(self, trial: optuna.Trial, name: str) -> float:
        return trial.suggest_float(name, self.low, self.high, log=self.log)


@dataclass(frozen=True, kw_only=True)
class OneOf:
    """One of a few values."""

    values: tuple[int, ...]

    def suggest(self, trial: optuna.Trial, name: str) -> int:
        return int(trial.suggest_categorical(name, self.values))


SPACE: dict[str, Between | OneOf] = {
    "temperature": Between(low=0.05, high=0.4, log=True),
    "learning_rate": Between(low=0.001, high=0.02, log=True),
    "weight_decay": Between(low=0.0, high=0.1),
    "embedding_dim": OneOf(values=(32, 64, 128)),
    "batch_users": OneOf(values=(0, 128, 256, 512, 1_024)),
    "history_drop": Between(low=0.0, high=0.5),
    "next_share": Between(low=0.0, high=0.9),
    "hide_share": Between(low=0.2, high=0.8),
    "user_id_dropout": Between(low=0.0, high=0.9),
    "item_id_dropout": Between(low=0.0, high=0.5),
    "profile_dropout": Between(low=0.0, high=0.5),
}


@dataclass(frozen=True, kw_only=True)
class Budget:
    """When to stop, counted from the start of the command; a study resumed gets the same again."""

    minutes: float
    trials: int | None = None

    def __post_init__(self) -> None:
        if not self.minutes > 0:
            raise BadInput(f"--minutes is {self.minutes:g}; give a number above 0.")
        if self.trials is not None and self.trials < 1:
            raise BadInput(f"--trials is {self.trials}; give at least 1, or leave it out.")


class OutOfTime(Exception):
    """The budget ended within a trial, which is tried again when the study goes on."""


def tune(
    sets: Sequence[TuningSet],
    *,
    folder: Path,
    budget: Budget,
    base: TrainConfig | None = None,
    space: Mapping[str, Between | OneOf] | None = None,
    tell: Callable[[str], None] = print,
) -> optuna.Study:
    """The study in `folder`, gone on with until the budget is spent. Its first trial is `base` itself.

    Raises BadInput when the folder holds a study of other data or another space.
    """
    deadline = time.monotonic() + 60 * budget.minutes
    base = base or TrainConfig()
    space = SPACE if space is None else space
    study = open_study(folder, sets=sets, base=base, space=space)

    def objective(trial: optuna.Trial) -> float:
        chosen = {name: values.suggest(trial, name) for name, values in space.items()}
        return score(
            study,
            trial,
            sets=sets,
            config=TrainConfig.from_dict({**base.to_dict(), **chosen}),
            deadline=deadline,
        )

    def report(_: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        value = "" if trial.value is None else f" {trial.value:.4f} of the defaults'"
        tell(f"trial {trial.number} {trial.state.name.lower()}{value}")

    try:
        seconds = deadline - time.monotonic()
        study.optimize(objective, n_trials=budget.trials, timeout=seconds, callbacks=[report])
    except (OutOfTime, KeyboardInterrupt):
        study.enqueue_trial(study.get_trials(states=(TrialState.FAIL,))[-1].params)
        tell("Stopped; the trial under way is tried again when the study goes on.")
    return study


def open_study(
    folder: Path,
    *,
    sets: Sequence[TuningSet],
    base: TrainConfig,
    space: Mapping[str, Between | OneOf],
) -> optuna.Study:
    """The study of the folder, new or resumed; trials that were cut off are tried again first."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name="tuning",
        storage=JournalStorage(JournalFileBackend(str(folder / "journal.log"))),
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=WARMUP_CHECKS),
    )
    # Another seed each time: with the old one a resumed study would draw its first trials again.
    study.sampler = optuna.samplers.TPESampler(seed=base.seed + len(study.trials), multivariate=True)
    of = json.loads(
        json.dumps(
            {
                "sets": {one.name: one.size for one in sets},
                "base": base.to_dict(),
                "space": {name: asdict(values) for name, values in space.items()},
            }
        )
    )
    if study.user_attrs.get("of", of) != of:
        raise BadInput(f"{folder} holds a study of other data, defaults or space; name a new folder.")
    study.set_user_attr("of", of)
    for trial in study.get_trials(states=(TrialState.RUNNING,)):  # of a process that was killed
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params)
    if "defaults" not in study.user_attrs and not study.get_trials(states=(TrialState.WAITING,)):
        study.enqueue_trial({name: getattr(base, name) for name in space})
    return study


def score(
    study: optuna.Study,
    trial: optuna.Trial,
    *,
    sets: Sequence[TuningSet],
    config: TrainConfig,
    deadline: float,
) -> float:
    """The mean over the data sets of NDCG@20 relative to the defaults'; raises TrialPruned and OutOfTime."""
    defaults: dict[str, float] = study.user_attrs.get("defaults", {})
    relative: list[float] = []
    reached: dict[str, float] = {}
    for one in sets:
        step = len(relative) * config.max_epochs

        def check(epoch: int, best: float, *, one: TuningSet = one, step: int = step) -> None:
            if time.monotonic() > deadline:
                raise OutOfTime
            if defaults:
                mean = np.mean([*relative, best / defaults[one.name]])
                trial.report(float(mean), step + epoch // config.evaluate_every)
                if trial.should_prune():
                    raise optuna.TrialPruned

        reached[one.name] = fitted_score(one, config=config, check=check)
        relative.append(reached[one.name] / defaults[one.name] if defaults else 1.0)
    if not defaults:
        study.set_user_attr("defaults", reached)
    trial.set_user_attr("reached", reached)
    return float(np.mean(relative))


def fitted_score(one: TuningSet, *, config: TrainConfig, check: Callable[[int, float], None]) -> float:
    """The best NDCG@20 of a fit; `check` is told the epoch and the best so far after every checked epoch."""
    fit = Fit(one.dataset, events=one.events, config=config)
    best = 0.0

    def on_progress(_stage: str, _fraction: float, _message: str) -> None:
        nonlocal best
        entry = fit.history[-1]
        if METRIC in entry:
            best = max(best, entry[METRIC])
            check(int(entry["epoch"]), best)

    fit.run(config.max_epochs, hooks=Hooks(on_progress=on_progress), stage="tune", valid=one.valid)
    if best == 0.0:
        raise BadInput(
            f"{one.name}: no validation user was served anything they wanted in {config.max_epochs} epochs; "
            "give more data."
        )
    return best


def summary(study: optuna.Study, *, base: TrainConfig) -> str:
    """What the best trial reached beside the defaults, and its settings as TrainConfig values."""
    done = study.get_trials(states=(TrialState.COMPLETE,))
    if not done:
        raise BadInput("The defaults did not finish in the time; give more --minutes, the study goes on.")
    best, defaults = study.best_trial, study.user_attrs["defaults"]
    pruned = len(study.get_trials(states=(TrialState.PRUNED,)))
    lines = [f"{len(done)} trials finished, {pruned} pruned; best is trial {best.number}: {best.value:.4f}"]
    lines += [
        f"{name}: {METRIC} {best.user_attrs['reached'][name]:.4f}, defaults {value:.4f}"
        for name, value in defaults.items()
    ]
    changed = {name: value for name, value in best.params.items() if value != getattr(base, name)}
    settings = [f"    {name}={value!r}," for name, value in changed.items()]
    return "\n".join([*lines, "TrainConfig(", *settings, ")"])


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 2 after one line that says what is wrong with the files or options."""
    options = make_parser().parse_args(arguments)
    try:
        base = TrainConfig.from_dict(options.fixed)
        budget = Budget(minutes=options.minutes, trials=options.trials)
        unknown = sorted(set(options.only or ()) - set(SPACE))
        if unknown:
            raise BadInput(f"--only names {', '.join(unknown)}; the space has {', '.join(SPACE)}.")
        space = {name: SPACE[name] for name in options.only or SPACE if name not in options.fixed}
        sets = read_sets(
            logs=options.interactions,
            splits=options.split,
            pairs=options.pairs,
            users=options.users,
            items=options.items,
        )
        study = tune(sets, folder=options.study, budget=budget, base=base, space=space)
        print(summary(study, base=base))
    except (ValueError, NotEnoughData) as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m ml.tuning", description=__doc__)
    parser.add_argument(
        "--interactions",
        type=Path,
        nargs="+",
        default=[],
        help="logs: user_id,item_id,timestamp[,kind,value]",
    )
    parser.add_argument("--split", choices=("time", "last"), nargs="+", default=["time"], help="of the logs")
    parser.add_argument("--pairs", type=Path, nargs="+", default=[], help="training files of pairs")
    parser.add_argument("--users", type=Path, help="features of the one log's users")
    parser.add_argument("--items", type=Path, help="features of the one log's items")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--trials", type=int)
    parser.add_argument("--study", type=Path, required=True, help="the folder that keeps the study")
    parser.add_argument("--only", nargs="+", help="search these settings alone")
    parser.add_argument("--fixed", type=json.loads, default={}, help="settings not searched, as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
