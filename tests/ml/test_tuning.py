"""The tuning: defaults first, resume, pruning, the budget, and nothing of the test part."""

import gzip
from dataclasses import fields, replace
from types import SimpleNamespace

import optuna
import pytest
from optuna.trial import TrialState

from ml import tuning
from ml.benchmark.tables import BadInput
from ml.training import TrainConfig, inner_split
from ml.tuning import SPACE, Between, Budget, OneOf, main, open_study, summary, tune
from ml.tuning_sets import TuningSet
from tests.ml.shops import two_taste_shop

SMALL = TrainConfig(embedding_dim=4, content_width=8, max_epochs=2, evaluate_every=1, batch_users=16)
NARROW = {"temperature": Between(low=0.05, high=0.4, log=True), "embedding_dim": OneOf(values=(2, 4))}
HOUR = Budget(minutes=60, trials=2)


@pytest.fixture(scope="module")
def shop() -> TuningSet:
    dataset = two_taste_shop()
    events, valid = inner_split(dataset, TrainConfig())
    return TuningSet(name="shop", dataset=dataset, events=events, valid=valid)


def test_the_first_trial_is_the_defaults_and_scores_one(shop, tmp_path):
    study = tune([shop], folder=tmp_path, budget=HOUR, base=SMALL, space=NARROW)
    assert study.trials[0].params == {"temperature": SMALL.temperature, "embedding_dim": 4}
    assert study.trials[0].value == 1.0
    assert study.trials[0].user_attrs["reached"] == study.user_attrs["defaults"]
    assert 0 < study.user_attrs["defaults"]["shop"] <= 1


def test_a_study_goes_on_where_it_stopped(shop, tmp_path):
    first = tune([shop], folder=tmp_path, budget=HOUR, base=SMALL, space=NARROW)
    again = tune([shop], folder=tmp_path, budget=HOUR, base=SMALL, space=NARROW)
    assert [trial.number for trial in again.trials] == [0, 1, 2, 3]
    assert [trial.params for trial in again.trials[:2]] == [trial.params for trial in first.trials[:2]]
    assert again.trials[2].params != again.trials[1].params, "the sampler began anew"
    assert [trial.value for trial in again.trials].count(1.0) == 1, "the defaults ran twice"


def test_the_score_is_relative_to_the_defaults_averaged_over_data_sets(shop, tmp_path, monkeypatch):
    """Defaults reach .2 and .4; then .3 and .2 are 1.5 and .5 of them: 1.0, not .25 over .3."""
    reached = iter([0.2, 0.4, 0.3, 0.2])
    monkeypatch.setattr(tuning, "fitted_score", lambda *_args, **_options: next(reached))
    both = [shop, replace(shop, name="other")]
    study = tune(both, folder=tmp_path, budget=HOUR, base=SMALL, space=NARROW)
    assert [trial.value for trial in study.trials] == [1.0, pytest.approx(1.0)]
    assert study.trials[1].user_attrs["reached"] == {"shop": 0.3, "other": 0.2}


def test_a_trial_far_under_the_others_is_pruned(shop, tmp_path, monkeypatch):
    """Six trials reach .2 at every check; the seventh has .01 and ends at the check after the warm-up."""
    trials = []

    def fitted(_one, *, config, check):
        trials.append(0)
        best = 0.01 if len(trials) == 7 else 0.2
        for epoch in range(1, 11):
            trials[-1] = epoch
            check(epoch * config.evaluate_every, best)
        return best

    monkeypatch.setattr(tuning, "fitted_score", fitted)
    study = tune([shop], folder=tmp_path, budget=Budget(minutes=60, trials=7), base=SMALL, space=NARROW)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 6 + [TrialState.PRUNED]
    assert trials == [10] * 6 + [tuning.WARMUP_CHECKS]
    assert "6 trials finished, 1 pruned" in summary(study, base=SMALL)


def test_a_trial_that_the_time_ends_is_tried_again(shop, tmp_path, monkeypatch):
    """Time is up in the second trial; the next command begins with its settings."""
    clock = iter([0.0, 0.0, 1.0])  # the start, what is left of it, the defaults' one check
    monkeypatch.setattr(tuning, "time", SimpleNamespace(monotonic=lambda: next(clock, 5_000.0)))
    said = []
    study = tune(
        [shop],
        folder=tmp_path,
        budget=Budget(minutes=60, trials=5),
        base=replace(SMALL, max_epochs=1),
        space=NARROW,
        tell=said.append,
    )
    assert "tried again" in said[-1]
    cut_off = study.get_trials(states=(TrialState.FAIL,))
    assert [trial.number for trial in cut_off] == [1]
    monkeypatch.undo()
    again = tune([shop], folder=tmp_path, budget=HOUR, base=replace(SMALL, max_epochs=1), space=NARROW)
    assert again.trials[2].params == cut_off[0].params
    assert again.trials[2].state == TrialState.COMPLETE


def test_a_trial_of_a_killed_process_is_tried_again(shop, tmp_path):
    study = open_study(tmp_path, sets=[shop], base=SMALL, space=NARROW)
    killed = study.ask()
    chosen = {name: values.suggest(killed, name) for name, values in NARROW.items()}
    again = open_study(tmp_path, sets=[shop], base=SMALL, space=NARROW)
    assert [trial.state for trial in again.trials] == [TrialState.FAIL, TrialState.WAITING]
    repeated = again.ask()
    assert {name: values.suggest(repeated, name) for name, values in NARROW.items()} == chosen


def test_a_folder_with_a_study_of_other_data_is_refused(shop, tmp_path):
    tune([shop], folder=tmp_path, budget=Budget(minutes=60, trials=1), base=SMALL, space=NARROW)
    with pytest.raises(BadInput, match="study of other data"):
        tune([replace(shop, name="other")], folder=tmp_path, budget=HOUR, base=SMALL, space=NARROW)


@pytest.mark.parametrize(
    ("minutes", "trials", "message"),
    [
        (0, None, "--minutes is 0; give a number above 0"),
        (float("nan"), None, "--minutes is nan"),
        (1, 0, "at least 1"),
    ],
)
def test_a_budget_of_nothing_is_refused(minutes, trials, message):
    with pytest.raises(BadInput, match=message):
        Budget(minutes=minutes, trials=trials)


def test_the_space_names_settings_and_holds_their_defaults():
    default = TrainConfig()
    assert set(SPACE) <= {entry.name for entry in fields(TrainConfig)}
    for name, values in SPACE.items():
        value = getattr(default, name)
        inside = value in values.values if isinstance(values, OneOf) else values.low <= value <= values.high
        assert inside, f"{name}={value}"


def test_the_command_prints_settings_and_resumes(tmp_path, capsys):
    path = tmp_path / "train.txt.gz"
    lines = {}
    for user, item, _ in log_rows():
        lines.setdefault(user, []).append(item)
    with gzip.open(path, "wt") as stream:
        stream.writelines(f"{user} {' '.join(map(str, items))}\n" for user, items in lines.items())
    fixed = '{"max_epochs": 2, "evaluate_every": 1, "content_width": 8, "embedding_dim": 4}'
    command = ["--pairs", str(path), "--minutes", "5", "--trials", "1", "--study", str(tmp_path / "study")]
    for finished in (1, 2):
        assert main([*command, "--fixed", fixed, "--only", "temperature", "hide_share"]) == 0
        out = capsys.readouterr().out
        assert f"{finished} trials finished" in out
        assert "TrainConfig(" in out
    study = optuna.load_study(
        study_name="tuning",
        storage=optuna.storages.JournalStorage(
            optuna.storages.journal.JournalFileBackend(str(tmp_path / "study" / "journal.log"))
        ),
    )
    assert set(study.trials[1].params) == {"temperature", "hide_share"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--minutes", "5"], "give --interactions F.csv or --pairs F"),
        (["--minutes", "-5", "--pairs", "f"], "--minutes is -5"),
        (["--minutes", "5", "--pairs", "no-such-file"], "no-such-file"),
        (["--minutes", "5", "--pairs", "f", "--only", "tempo"], "--only names tempo"),
        (["--minutes", "5", "--pairs", "f", "--fixed", '{"tempo": 1}'], "Unknown training settings: tempo"),
        (["--minutes", "5", "--pairs", "f", "--items", "g"], "--users and --items describe one log"),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, arguments, message):
    assert main(["--study", str(tmp_path), *arguments]) == 2
    assert message in capsys.readouterr().err


def log_rows() -> list[tuple[int, int, int]]:
    """(user, item, second) of the two-taste shop, in the order of time."""
    log = two_taste_shop().interactions
    return list(zip(log.user_index.tolist(), log.item_index.tolist(), log.timestamp.tolist(), strict=True))
