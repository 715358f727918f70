"""On our own judged queries (tests/bench/search), over the made shop: fused is never below lexical."""

from pathlib import Path

import pytest

from ml import clip
from ml.synthetic import generate, write_parquet
from recommender import content
from recommender.importing import Options, import_dataset
from recommender.search.evaluation import Evaluation, evaluate, read_judgements
from tests.bench.search import make_qrels

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (clip.BUNDLED / clip.WEIGHTS_FILE).is_file(),
        reason="the bundled weights are not in this checkout",
    ),
]


def test_fused_and_final_are_above_lexical_and_dense(db: None, tmp_path: Path) -> None:
    """Without pictures, whose drawing takes a minute; with them the margin is wider."""
    write_parquet(generate(make_qrels.CONFIG), tmp_path)
    import_dataset(str(tmp_path), options=Options(wanted="shop"))
    content.update_content_embeddings()
    judgements = read_judgements(make_qrels.FOLDER / make_qrels.QUERIES, make_qrels.FOLDER / make_qrels.QRELS)
    assert judgements.num_unknown == 0
    found = evaluate(judgements)
    for method in ("fused", "final"):
        for other in ("lexical", "dense"):
            assert_above(found, method=method, other=other)
    assert found.zero_share["final"] == 0.0
    assert found.by_kind("final")["name"] > 0.99
    assert found.by_kind("final")["sku"] > 0.99


def assert_above(found: Evaluation, *, method: str, other: str) -> None:
    """Fail unless the bootstrap interval of the difference lies above 0."""
    low, high = found.difference(method, other)
    assert low > 0, f"{method} over {other}: NDCG@10 between {low:+.4f} and {high:+.4f}"


def test_the_files_are_what_their_script_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {name: (make_qrels.FOLDER / name).read_text() for name in (make_qrels.QUERIES, make_qrels.QRELS)}
    (tmp_path / make_qrels.HARD).write_text((make_qrels.FOLDER / make_qrels.HARD).read_text())
    monkeypatch.setattr(make_qrels, "FOLDER", tmp_path)
    make_qrels.main()
    assert {name: (tmp_path / name).read_text() for name in kept} == kept
    assert len(list(make_qrels.hard_queries())) >= 150
