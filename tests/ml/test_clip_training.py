"""Contrastive training learns a toy shop, resumes to the very step, and keeps no pickle."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from ml import clip
from ml.clip_evaluation import evaluate, precision_at, recall_at
from ml.clip_training import (
    ClipTrainConfig,
    Examples,
    also_true,
    augment,
    contrastive_loss,
    draw_batch,
    learning_rate,
    normalize,
    save_folder,
    train,
)
from ml.phrases import phrases, product_text, singular
from tests.ml.clip_folder import write_tiny_folder

COLOURS = {"red": (200, 30, 30), "blue": (30, 30, 200), "green": (30, 160, 30), "black": (20, 20, 20)}


def toy_shop(num: int = 32) -> Examples:
    """Squares and circles of four colours; what each is called is all that there is to learn."""
    rng = np.random.default_rng(0)
    pictures, said = [], []
    for number in range(num):
        colour, round_ = list(COLOURS)[number % 4], number % 8 < 4
        picture = Image.new("RGB", (40, 40), "white")
        pen, size = ImageDraw.Draw(picture), int(rng.integers(9, 15))
        box = (20 - size, 20 - size, 20 + size, 20 + size)
        (pen.ellipse if round_ else pen.rectangle)(box, fill=COLOURS[colour])
        pictures.append(np.asarray(picture))
        said.append([f"{colour} {'ball' if round_ else 'box'}"])
    return Examples(pictures_NHWC=np.stack(pictures), phrases=said)


def tiny(tmp_path: Path) -> tuple[torch.nn.Module, clip.Encoder]:
    torch.manual_seed(0)
    network, tokenizer, _ = clip.build(write_tiny_folder(tmp_path / "tiny"))
    return network, tokenizer


def judged(network: torch.nn.Module, *, tokenizer: object, examples: Examples) -> dict[str, float]:
    encoder = clip.Encoder(network, tokenizer=tokenizer, preprocess=prepare, name="tiny")
    return evaluate(encoder, examples=examples, ks=(4,))


def prepare(picture: Image.Image) -> torch.Tensor:
    pixels = torch.from_numpy(np.array(picture.resize((32, 32)))).permute(2, 0, 1).float()
    return pixels / 127.5 - 1


def test_chance_scores_cost_the_logarithm_of_the_batch() -> None:
    # Equal scores make every softmax 1/4: the loss is ln 4 = 1.3863 whichever side is asked.
    assert contrastive_loss(torch.zeros(4, 4)).item() == pytest.approx(1.3863, abs=1e-4)


def test_a_masked_hit_costs_nothing() -> None:
    # Text 0 is as true of picture 1 as of its own. Unmasked, row 0 is split between two 5s; masked, its
    # softmax is e^5/(e^5 + 0) = 1, and column 1 loses its rival too: only e^0 against e^5 is left elsewhere.
    scores = torch.tensor([[5.0, 5.0], [0.0, 5.0]])
    others = torch.tensor([[False, True], [False, False]])
    masked = contrastive_loss(scores, others_BB=others).item()
    # Rows: 0 and ln(1+e^-5)=0.0067; columns: ln(1+e^-5)=0.0067 and 0. Mean of both halves: 0.0034.
    assert masked == pytest.approx(0.0034, abs=1e-4)
    assert contrastive_loss(scores).item() > 0.3


def test_a_text_that_also_describes_another_product_is_not_its_negative() -> None:
    said = [["red mug", "mug"], ["blue mug", "mug"], ["lamp"]]
    hits = also_true(["mug", "blue mug", "lamp"], phrases=said)
    assert hits.tolist() == [[False, True, False], [False, False, False], [False, False, False]]


def test_the_learning_rate_warms_up_peaks_and_falls_to_a_hundredth() -> None:
    config = ClipTrainConfig(steps=110, warmup_steps=10, lr=1.0)
    assert learning_rate(0, config=config) == pytest.approx(0.1)
    assert learning_rate(10, config=config) == pytest.approx(1.0)
    # Half way: 0.01 + 0.99 * 0.5 * (1 + cos(pi/2)) = 0.505.
    assert learning_rate(60, config=config) == pytest.approx(0.505)
    assert learning_rate(110, config=config) == pytest.approx(0.01)


def test_recall_counts_the_rows_whose_own_column_is_among_the_best() -> None:
    # Row 0 finds itself first, row 1 second, row 2 third.
    scores = np.array([[9.0, 1.0, 1.0], [5.0, 4.0, 1.0], [3.0, 2.0, 1.0]])
    assert [recall_at(scores, k=k) for k in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 1.0])


def test_precision_is_the_share_of_the_best_that_are_of_the_querys_kind() -> None:
    # The first query's two best are a mug and a lamp, the second's own row never comes up: two lamps.
    scores = np.array([[0.9, 0.1, 0.8, 0.2], [0.1, np.nan, 0.5, 0.9]])
    kinds = np.array(["mug", "mug", "lamp", "lamp"])
    assert precision_at(scores, kinds_Q=np.array(["mug", "lamp"]), kinds_N=kinds, k=2) == 0.75


def test_half_a_batch_comes_in_groups_of_one_kind_and_no_product_twice() -> None:
    kinds = [f"kind {number % 16}" for number in range(64)]
    examples = Examples(pictures_NHWC=np.zeros((64, 2, 2, 3), np.uint8), phrases=[["a"]] * 64, kinds=kinds)
    rows = draw_batch(examples, config=ClipTrainConfig(batch_size=32, kin=4), rng=np.random.default_rng(1))
    assert len(set(rows.tolist())) == 32
    groups = [{kinds[row] for row in rows[start : start + 4]} for start in range(0, 16, 4)]
    assert [len(group) for group in groups] == [1, 1, 1, 1]
    assert len(set.union(*groups)) == 4


def test_pixels_are_scaled_as_the_model_says() -> None:
    config = ClipTrainConfig(mean=(0.5, 0.0, 0.25), std=(0.5, 1.0, 0.25))
    # Half grey is the middle of the first channel, half a step above the second, one above the third.
    assert normalize(torch.full((1, 3, 1, 1), 0.5), config=config).ravel().tolist() == [0.0, 0.5, 1.0]


def test_a_view_is_of_the_asked_side_and_differs_from_draw_to_draw() -> None:
    pictures = toy_shop(4).pictures_NHWC
    one = augment(pictures, rng=np.random.default_rng(1), side=32)
    same = augment(pictures, rng=np.random.default_rng(1), side=32)
    other = augment(pictures, rng=np.random.default_rng(2), side=32)
    assert one.shape == (4, 3, 32, 32)
    assert one.min() >= 0
    assert one.max() <= 1
    assert torch.equal(one, same)
    assert (one - other).abs().mean() > 0.01


def test_training_lowers_the_loss_and_finds_pictures_by_words(tmp_path: Path) -> None:
    network, tokenizer = tiny(tmp_path)
    shop = toy_shop()
    before = judged(network, tokenizer=tokenizer, examples=shop)
    config = ClipTrainConfig(steps=30, batch_size=32, warmup_steps=5, lr=5e-3)
    losses = train(network, tokenizer=tokenizer, examples=shop, config=config)
    after = judged(network, tokenizer=tokenizer, examples=shop)
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    # Each phrase fits 4 of the 32 pictures, so a perfect model finds the own one among 4; chance is 4/32.
    assert after["text_to_image_recall@4"] > 0.5 > before["text_to_image_recall@4"]


def test_a_resumed_run_takes_the_steps_of_an_unbroken_one(tmp_path: Path) -> None:
    shop = toy_shop(8)
    config = ClipTrainConfig(steps=6, batch_size=8, warmup_steps=2, checkpoint_every=3)
    network, tokenizer = tiny(tmp_path)
    whole = train(network, tokenizer=tokenizer, examples=shop, config=config)
    checkpoint = tmp_path / "run.safetensors"
    broken, _ = tiny(tmp_path)
    seen: list[int] = []

    class PowerCut(Exception):
        pass

    def cut_after_four(step: int, loss: float) -> None:
        if step == 4:
            raise PowerCut

    with pytest.raises(PowerCut):
        train(
            broken, tokenizer=tokenizer, examples=shop, config=config, checkpoint=checkpoint,
            on_progress=cut_after_four,
        )  # fmt: skip
    fresh, _ = tiny(tmp_path)
    rest = train(
        fresh, tokenizer=tokenizer, examples=shop, config=config, checkpoint=checkpoint,
        on_progress=lambda step, loss: seen.append(step),
    )  # fmt: skip
    assert seen == [4, 5, 6]  # the checkpoint was of step 3
    assert rest == pytest.approx(whole[3:], abs=1e-4)


def test_the_saved_folder_is_half_precision_and_loads_as_an_encoder(tmp_path: Path) -> None:
    network, _ = tiny(tmp_path)
    save_folder(network, source=tmp_path / "tiny", out=tmp_path / "out", metrics={"recall": 0.5})
    encoder = clip.load_folder(tmp_path / "out", name="out")
    exact = clip.load_folder(tmp_path / "out", name="out")
    exact.model.load_state_dict(network.state_dict())
    # Half precision keeps three digits: the cosine stays above 0.999.
    assert (encoder.encode_texts(["mug"]) @ exact.encode_texts(["mug"]).T).item() > 0.999
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [
        ".gz",
        ".json",
        ".json",
        ".safetensors",
    ]


def test_mismatched_examples_and_senseless_configs_are_refused() -> None:
    with pytest.raises(ValueError, match="2 pictures but 1 texts"):
        Examples(pictures_NHWC=np.zeros((2, 8, 8, 3), np.uint8), phrases=[["mug"]])
    with pytest.raises(ValueError, match="at least 2 products"):
        Examples(pictures_NHWC=np.zeros((1, 8, 8, 3), np.uint8), phrases=[["mug"]])
    with pytest.raises(ValueError, match="batch_size >= 2"):
        ClipTrainConfig(batch_size=1)


def test_the_held_out_products_are_the_last_and_in_no_training_set() -> None:
    train_part, held_out = toy_shop(8).split(held_out=3)
    assert (len(train_part), len(held_out)) == (5, 3)
    assert held_out.phrases[0] == toy_shop(8).phrases[5]


def test_a_product_is_said_in_full_and_in_few_words() -> None:
    said = phrases(
        name="Harlow Mug",
        category="Home > Mugs",
        brand="Harlow",
        attributes={"size": "300 ml", "colour": "Forest Green", "pattern": "Striped"},
        description="Keeps warm.",
    )
    assert said[0] == "harlow mug. forest green striped 300 ml. mugs. harlow. keeps warm."
    assert {"mug", "mugs", "green mug", "forest green mug", "forest green striped mug"} <= set(said)
    assert "300 ml mug" not in said  # nobody sees a size
    assert len(said) == len(set(said))


def test_a_product_of_a_name_alone_still_has_a_text() -> None:
    empty = {"category": "", "brand": "", "description": "", "attributes": {}}
    assert product_text(name="Mug", **empty) == "Mug"
    assert phrases(name="Mug", **empty) == ["mug"]


@pytest.mark.parametrize(
    ("plural", "one"), [("Mugs", "Mug"), ("Glasses", "Glass"), ("Batteries", "Battery"), ("Dress", "Dress")]
)
def test_the_singular_of_regular_plurals(plural: str, one: str) -> None:
    assert singular(plural) == one
