"""The search is judged by graded queries; the figures are worked by hand."""

import json
import math
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from recommender import encoders, refreshing
from recommender.documents import update_search_documents
from recommender.interactions import record_interaction
from recommender.models import Interaction, ModelVersion, SearchQuery
from recommender.search import affinity, evaluation, finding, ranking
from recommender.search.evaluation import CannotJudge, evaluate, read_judgements, values_of
from recommender.search.requests import Scene, SearchRequest
from shop.models import Product
from shop.visitors import Visitor
from tests.recommender.search.made_scenes import scene_of
from tests.recommender.test_search import KeywordEncoder, embed

MakeProduct = Callable[..., Product]


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> KeywordEncoder:
    encoder = KeywordEncoder()
    monkeypatch.setattr(encoders, "encoder_if_ready", lambda wait_seconds=0: encoder)
    monkeypatch.setattr(encoders, "get_encoder", lambda: encoder)
    monkeypatch.setattr(encoders, "current_name", lambda: encoder.name)
    encoders.encode_query.cache_clear()
    return encoder


@pytest.fixture
def shop(make_product: MakeProduct, encoder: KeywordEncoder) -> dict[str, Product]:
    """Cups and lamps in red and blue, one more cup by another name, and what nobody may see."""
    made = {}
    for name in ("Red Cup", "Blue Cup", "Red Lamp", "Blue Lamp"):
        made[name] = make_product(name, sku=name.replace(" ", "-").upper())
        embed(made[name], encoder=encoder)
    made["Beaker"] = make_product("Beaker", sku="BEAKER")
    embed(made["Beaker"], encoder=encoder, text="red cup")
    made["Adult Cup"] = make_product("Adult Cup", sku="ADULT", min_age=18)
    update_search_documents()
    return made


@pytest.fixture
def files(tmp_path: Path) -> Callable[[str, str], tuple[Path, Path]]:
    def write(queries: str, qrels: str) -> tuple[Path, Path]:
        paths = tmp_path / "queries.csv", tmp_path / "qrels.csv"
        for path, text in zip(paths, (queries, qrels), strict=True):
            path.write_text(text)
        return paths

    return write


Files = Callable[[str, str], tuple[Path, Path]]
QUERIES = """query_id,query,kind,part
1,red cup,exact,report
2,crimson cup,hard,report
3,blue lamp,exact,tune
4,nothing judged,hard,report
5,bad grade only,hard,report
"""
QRELS = """query_id,product_id,grade
1,RED-CUP,3
1,BEAKER,1
2,BEAKER,2
3,BLUE-LAMP,3
3,GONE,3
5,RED-CUP,0
9,RED-CUP,1
"""


def test_values_are_as_trec_eval_has_them() -> None:
    # The list is wrong, right by 1, right by 3: DCG = 1 / log2(3) + 3 / log2(4) = 2.131; the best is
    # 3 + 1 / log2(3) = 3.631. The first that counts is at 2; with grade 3 alone, at 3.
    run = {"q": {"wrong": 3.0, "fair": 2.0, "good": 1.0}}
    qrels = {"q": {"fair": 1, "good": 3}, "silent": {"good": 1}}
    values = values_of(run, qrels=qrels)
    ideal = 3 + 1 / math.log2(3)
    assert values["ndcg@10"].tolist() == pytest.approx([(1 / math.log2(3) + 1.5) / ideal, 0])
    assert values["mrr"].tolist() == pytest.approx([1 / 2, 0])
    assert values["recall@10"].tolist() == pytest.approx([1, 0])
    assert values_of(run, qrels=qrels, least_grade=3)["mrr"].tolist() == pytest.approx([1 / 3, 0])


@pytest.mark.django_db
class TestReading:
    def test_products_are_named_by_sku_and_queries_without_an_answer_are_left_out(
        self, shop: dict[str, Product], files: Files
    ) -> None:
        judgements = read_judgements(*files(QUERIES, QRELS))
        assert judgements.queries == {"1": "red cup", "2": "crimson cup", "3": "blue lamp"}
        assert judgements.grades["1"] == {shop["Red Cup"].pk: 3, shop["Beaker"].pk: 1}
        assert judgements.num_unknown == 1
        assert list(read_judgements(*files(QUERIES, QRELS), part="tune").queries) == ["3"]

    def test_products_may_be_named_by_id(self, shop: dict[str, Product], files: Files) -> None:
        cup = shop["Red Cup"].pk
        paths = files("query_id,query\n1,red cup\n", f"query_id,product_id,grade\n1,{cup},1\n1,x,1\n")
        assert read_judgements(*paths).grades == {"1": {cup: 1}}

    @pytest.mark.parametrize(
        ("queries", "qrels", "message"),
        [
            ("id,query\n1,cup\n", QRELS, "no column query_id"),
            ("", QRELS, "no column query_id"),
            (QUERIES, "query_id,product_id\n1,RED-CUP\n", "no column grade"),
            (QUERIES, "query_id,product_id,grade\n1,RED-CUP,good\n", "'good' is no whole number"),
            (QUERIES, "query_id,product_id,grade\n1,RED-CUP\n", "too few columns"),
            (QUERIES, "query_id,product_id,grade\n1,GONE,3\n", "import the products"),
            ("query_id,query\n1,\x07\n", "query_id,product_id,grade\n1,RED-CUP,3\n", "import the products"),
        ],
    )
    def test_files_that_cannot_be_used_are_refused_with_the_cure(
        self, shop: dict[str, Product], files: Files, queries: str, qrels: str, message: str
    ) -> None:
        with pytest.raises(CannotJudge, match=message):
            read_judgements(*files(queries, qrels))

    def test_a_file_that_is_not_there_or_no_text_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(CannotJudge, match="cannot be read"):
            read_judgements(tmp_path / "no.csv", tmp_path / "no.csv")
        (tmp_path / "binary.csv").write_bytes(b"query_id,query\n\xff\xfe\x00")
        with pytest.raises(CannotJudge, match="cannot be read"):
            read_judgements(tmp_path / "binary.csv", tmp_path / "no.csv")


@pytest.mark.django_db
class TestJudging:
    def test_every_method_is_judged_and_nothing_is_logged(
        self, shop: dict[str, Product], files: Files
    ) -> None:
        found = evaluate(read_judgements(*files(QUERIES, QRELS)))
        assert set(found.values) == {"lexical", "dense", "fused", "final"}
        assert found.values["lexical"]["mrr"][0] == found.values["final"]["mrr"][0] == 1.0
        assert found.values["lexical"]["recall@10"][1] == 0.0  # no word of it
        assert found.values["fused"]["recall@10"][1] == 1.0
        assert not SearchQuery.objects.exists()

    def test_a_guest_judges_so_what_is_not_for_all_is_not_found(
        self, shop: dict[str, Product], files: Files
    ) -> None:
        paths = files("query_id,query\n1,adult cup\n", "query_id,product_id,grade\n1,ADULT,1\n")
        assert evaluate(read_judgements(*paths)).mean("final", "recall@100") == 0.0

    def test_only_what_was_judged_is_ordered_when_so_asked(
        self, shop: dict[str, Product], files: Files
    ) -> None:
        paths = files("query_id,query\n1,red cup\n", "query_id,product_id,grade\n1,BLUE-CUP,0\n1,BEAKER,1\n")
        judgements = read_judgements(*paths)
        assert evaluate(judgements).values["lexical"]["recall@100"][0] == 0.0
        everything, judged = (evaluate(judgements, judged_only=only) for only in (False, True))
        assert everything.mean("final", "mrr") < judged.mean("final", "mrr") <= 1.0

    def test_the_command_prints_and_writes_the_figures(
        self, shop: dict[str, Product], files: Files, tmp_path: Path, capsys: Any
    ) -> None:
        queries, qrels = files(QUERIES, QRELS)
        out = tmp_path / "out.json"
        call_command("evaluate_search", queries=queries, qrels=qrels, json=out, verbosity=0)
        printed = capsys.readouterr()
        for text in ("3 queries", "lexical", "fused over dense", "zero results", "exact"):
            assert text in printed.out
        assert "1 of the judged products are not in this shop" in printed.err
        figures = json.loads(out.read_text())
        for method in ("lexical", "dense", "fused", "final"):
            assert {"ndcg@10", "mrr", "recall@10", "recall@100", "zero_share"} <= set(figures[method])
        low, high = figures["differences"]["fused-lexical"]["ndcg@10"]["interval"]
        assert low <= figures["differences"]["fused-lexical"]["ndcg@10"]["mean"] <= high

    def test_the_command_says_what_is_wrong_in_a_line(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="cannot be read"):
            call_command("evaluate_search", queries=tmp_path / "no", qrels=tmp_path / "no")
        with pytest.raises(CommandError, match="least-grade is 1 or more"):
            call_command("evaluate_search", queries=tmp_path, qrels=tmp_path, least_grade=0)


def test_a_difference_is_of_the_same_queries() -> None:
    values = {"ndcg@10": np.array([0.2, 0.4, 0.9])}
    better = {"ndcg@10": np.array([0.3, 0.5, 1.0])}
    found = evaluation.Evaluation(
        query_ids=["1", "2", "3"],
        values={"lexical": values, "fused": better},
        zero_share={"lexical": 0.0, "fused": 0.0},
        kinds={"1": "a", "2": "a"},
        num_unknown=0,
    )
    assert found.difference("fused", "lexical") == pytest.approx((0.1, 0.1))
    assert found.by_kind("lexical") == {"a": pytest.approx(0.3)}


# The shoppers' own order


@pytest.fixture
def version(shop: dict[str, Product]) -> ModelVersion:
    return ModelVersion.objects.create(status=ModelVersion.Status.ACTIVE)


@pytest.fixture
def shopper(alice: Any, shop: dict[str, Product]) -> Any:
    record_interaction(
        event_id=uuid.uuid4(),
        visitor=Visitor(id=uuid.uuid4(), user=alice),
        product_id=shop["Blue Cup"].pk,
        kind=Interaction.Kind.VIEW,
    )
    return alice


def judge_taste(monkeypatch: pytest.MonkeyPatch, paths: tuple[Path, Path], *, liked: int) -> None:
    """Ask as one shopper who likes that one product alone."""

    def scores(rows_N: np.ndarray, *, scene: Scene) -> np.ndarray | None:
        return (scene.catalogue.product_id[rows_N] == liked).astype(float) if scene.visitor.user else None

    monkeypatch.setattr(affinity, "scores", scores)
    # A taste that outweighs the words, as no weight of ours lets it.
    monkeypatch.setattr(ranking, "SURE_WEIGHTS", {**ranking.SURE_WEIGHTS, "affinity": 5.0})
    queries, qrels = paths
    call_command("evaluate_search", queries=queries, qrels=qrels, shoppers=1, verbosity=0)


@pytest.mark.django_db
@pytest.mark.parametrize(("place", "does_no_harm"), [(1, False), (0, True)])
def test_a_taste_that_lowers_ndcg_is_kept_out_of_searches(
    shop: dict[str, Product],
    files: Files,
    version: ModelVersion,
    shopper: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
    place: int,
    does_no_harm: bool,
) -> None:
    """Of two cups that answer alike, the shopper likes the one that is found first, or the other."""
    ids = finding.find(SearchRequest(text="cup"), visitor=evaluation.GUEST).product_ids[:2]
    grades = "query_id,product_id,grade\n1,{},3\n1,{},1\n".format(*ids)
    judge_taste(monkeypatch, files("query_id,query\n1,cup\n", grades), liked=ids[place])
    version.refresh_from_db()
    assert version.orders_searches is does_no_harm
    printed = capsys.readouterr().out
    assert "from now on" in printed
    assert "personal over final" in printed


@pytest.mark.django_db
def test_a_version_that_is_kept_out_is_asked_on_trial_alone(
    version: ModelVersion, shopper: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[ModelVersion] = []
    monkeypatch.setattr(affinity.item_matrix, "current", lambda version, catalogue: asked.append(version))
    scene = scene_of(2, visitor=Visitor(id=uuid.uuid4(), user=shopper))
    ModelVersion.objects.update(orders_searches=False)
    refreshing.forget_everything()
    affinity.scores(np.array([0, 1]), scene=scene)
    assert asked == []
    with affinity.on_trial():
        affinity.scores(np.array([0, 1]), scene=scene)
    assert len(asked) == 1


@pytest.mark.django_db
def test_without_shoppers_or_a_version_the_command_says_what_to_do(
    shop: dict[str, Product], files: Files, request: pytest.FixtureRequest
) -> None:
    queries, qrels = files(QUERIES, QRELS)
    with pytest.raises(CommandError, match="No account has a past"):
        call_command("evaluate_search", queries=queries, qrels=qrels, shoppers=3, verbosity=0)
    request.getfixturevalue("shopper")
    with pytest.raises(CommandError, match="No version serves"):
        call_command("evaluate_search", queries=queries, qrels=qrels, shoppers=3, verbosity=0)
