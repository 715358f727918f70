"""Every kind of ranker learns what is wanted, by seed alone, and comes back from its folder unchanged."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from ml.folders import ArtifactError
from ml.ranking import rankers
from ml.ranking.deepfm import WEIGHTS_FILE
from ml.ranking.lists import ndcg_of
from ml.ranking.neighbours import Neighbours
from ml.ranking.rankers import KINDS, SecondStage, TooFewLists
from ml.ranking.trees import LIGHTGBM_FILE, XGBOOST_FILE
from tests.ml.ranking.made_lists import easy_lists

FILES = {"lightgbm": LIGHTGBM_FILE, "xgboost": XGBOOST_FILE, "deepfm": WEIGHTS_FILE}


def stage_of(ranker):
    none = Neighbours.none(2)
    return SecondStage(ranker=ranker, item_ids=np.array([5, 9]), follows=none, alike=none)


@pytest.fixture(scope="module", params=KINDS)
def fitted(request):
    return rankers.fit(request.param, easy_lists(200), seed=3)


def test_it_finds_what_was_wanted_on_lists_it_never_saw(fitted):
    unseen = easy_lists(100, seed=2)
    by_retrieval = ndcg_of(unseen.features[:, 0], lists=unseen).mean()
    assert by_retrieval < 0.7
    assert ndcg_of(fitted.score(unseen.features), lists=unseen).mean() > 0.9


def test_the_same_seed_gives_the_same_ranker(fitted):
    again = rankers.fit(fitted.kind, easy_lists(200), seed=3)
    features = easy_lists(5, seed=4).features
    assert np.array_equal(again.score(features), fitted.score(features))


def test_missing_values_have_a_score(fitted):
    features = np.full((3, 3), np.nan, dtype=np.float32)
    features[1, 1] = np.inf
    assert np.isfinite(fitted.score(features)).all()
    assert fitted.score(features[:0]).shape == (0,)


def test_it_comes_back_from_its_folder_unchanged(fitted, tmp_path):
    folder = tmp_path / "r1"
    sha256 = rankers.save(stage_of(fitted), folder)
    back = rankers.load(folder, expected_sha256=sha256)
    features = easy_lists(5, seed=4).features
    assert np.array_equal(back.ranker.score(features), fitted.score(features))
    assert (back.ranker.kind, back.ranker.names) == (fitted.kind, fitted.names)
    assert back.item_ids.tolist() == [5, 9]
    assert not any(path.suffix in (".pkl", ".pickle", ".pt") for path in folder.iterdir())


def test_a_changed_or_missing_folder_is_refused(fitted, tmp_path):
    folder = tmp_path / "r1"
    sha256 = rankers.save(stage_of(fitted), folder)
    with pytest.raises(ArtifactError, match="exists"):
        rankers.save(stage_of(fitted), folder)
    (folder / FILES[fitted.kind]).write_bytes(b"nonsense")
    with pytest.raises(ArtifactError, match="checksum differs"):
        rankers.load(folder, expected_sha256=sha256)
    with pytest.raises(ArtifactError, match="does not hold a readable ranker"):
        rankers.load(folder)
    with pytest.raises(ArtifactError, match="no saved model"):
        rankers.load(tmp_path / "nowhere")


def test_a_name_too_few_is_refused(fitted, tmp_path):
    folder = tmp_path / "r1"
    rankers.save(stage_of(fitted), folder)
    description = folder / rankers.DESCRIPTION
    description.write_text(description.read_text().replace('"told",', ""))
    with pytest.raises(ArtifactError, match="2 names"):
        rankers.load(folder)


def test_validation_lists_end_the_fit_sooner():
    lists = easy_lists(200)
    noise = replace(lists, labels=np.random.default_rng(0).permutation(lists.labels))
    long, short = (rankers.fit("lightgbm", lists, valid=valid, seed=3) for valid in (None, noise))
    assert short.booster.num_trees() < long.booster.num_trees()


@pytest.mark.parametrize("kind", KINDS)
def test_too_few_lists_are_said_so(kind):
    with pytest.raises(TooFewLists, match="at least 20 lists .*there are 5"):
        rankers.fit(kind, easy_lists(5))
    with pytest.raises(ValueError, match="no ranker 'mlp'; the kinds are lightgbm, xgboost, deepfm"):
        rankers.fit("mlp", easy_lists())


def test_deepfm_in_numpy_equals_the_network_in_torch():
    import torch

    from ml.ranking.deepfm_fitting import DeepFm

    lists = easy_lists(80)
    ranker = rankers.fit("deepfm", lists, seed=5)
    network = DeepFm(2 * len(lists.names)).eval()
    network.load_state_dict({name: torch.from_numpy(value) for name, value in ranker.weights.items()})
    features = np.random.default_rng(6).normal(scale=3, size=(500, 3)).astype(np.float32)
    features[::7, 1] = np.nan
    with torch.inference_mode():
        expected = network(torch.from_numpy(ranker.scaling.apply(features))).numpy()
    assert np.abs(ranker.score(features) - expected).max() < 1e-5


def test_reading_and_scoring_deepfm_imports_no_torch(tmp_path):
    rankers.save(stage_of(rankers.fit("deepfm", easy_lists(40))), tmp_path / "r1")
    code = (
        "import sys; from pathlib import Path; import numpy as np; from ml.ranking import rankers\n"
        f"stage = rankers.load(Path({str(tmp_path / 'r1')!r}))\n"
        "stage.ranker.score(np.zeros((2, 3), dtype=np.float32))\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'lightgbm', 'xgboost', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
