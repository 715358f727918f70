"""manage.py train_clip makes products, trains on them, reports on the held-out ones, and can be resumed."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.core.management.base import CommandError
from PIL import Image

from ml import clip
from ml.clip_examples import made_examples
from ml.clip_tables import read_examples, read_table
from recommender import encoder_versions, encoders, versions
from recommender.models import ContentEmbedding, EncoderVersion
from shop.models import Product, ProductImage
from tests.ml.clip_folder import TINY, write_tiny_folder

MakeProduct = Callable[..., Product]
SMALL = {"products": 10, "held_out": 4, "batch_size": 4}


@pytest.fixture(autouse=True)
def tiny_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip, "BUNDLED", write_tiny_folder(tmp_path / "bundled"))


def run(out: Path, **options: Any) -> None:
    call_command("train_clip", out=out, **{**SMALL, "steps": 2, **options})


def test_the_trained_folder_is_an_encoder_that_the_setting_can_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run(out)
    encoder = clip.load_encoder(model=str(out))
    assert encoder.name == clip.encoder_name(model=str(out))
    assert encoder.name.startswith("out:")
    assert encoder.encode_texts(["mug"]).shape == (1, 16)
    said = capsys.readouterr().out
    assert "On 4 products that it never saw" in said
    assert f"CLIP_MODEL={out}" in said
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["text_to_image_recall@10"] == 1.0  # of four products, ten are enough
    assert not (out / "checkpoint.safetensors").exists()


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(tmp_path / out, seed=seed)
    a, b, c = (clip.load_encoder(model=str(tmp_path / out)).encode_texts(["blue mug"]) for out in "abc")
    np.testing.assert_allclose(a, b, atol=1e-6)
    assert not np.allclose(a, c, atol=1e-3)


def test_an_epoch_is_one_pass_over_the_training_products(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ml import clip_training

    taken: list[int] = []
    train = clip_training.train

    def counted(*args: Any, config: clip_training.ClipTrainConfig, **options: Any) -> list[float]:
        taken.append(config.steps)
        return train(*args, config=config, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clip_training, "train", counted)
        run(tmp_path / "out", epochs=2)
    assert taken == [3]  # two passes over 10 - 4 = 6 products in batches of 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"held_out": 10}, "--held-out"),
        ({"held_out": 0}, "--held-out"),
        ({"steps": 0}, "steps >= 1"),
        ({"batch_size": 1}, "batch_size >= 2"),
    ],
)
def test_senseless_options_are_one_line(options: dict[str, int], said: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=said):
        run(tmp_path / "out", **options)


def test_made_examples_are_the_same_for_a_seed_and_shuffled_over_the_types() -> None:
    one, same, other = (made_examples(num_products=12, seed=seed, side=16) for seed in (1, 1, 2))
    assert one.pictures_NHWC.shape == (12, 16, 16, 3)
    np.testing.assert_array_equal(one.pictures_NHWC, same.pictures_NHWC)
    assert one.phrases == same.phrases != other.phrases
    assert all(said[0].startswith(said[2]) for said in one.phrases)  # the fullest first, from the name on
    assert len({said[-1] for said in one.phrases}) > 6


@pytest.fixture
def shop_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Path:
    """Registered encoders and pictures are the test's own; this process has loaded none."""
    for module in (versions, encoders):
        monkeypatch.setattr(module, "data_dir", lambda: tmp_path)
    settings.MEDIA_ROOT = settings.DATA_DIR = tmp_path
    monkeypatch.setattr(encoders, "_process", encoders._Process())
    return tmp_path


def stock(make_product: MakeProduct, *, number: int) -> list[Product]:
    """Return products that each have a picture, and one that has none."""
    made = []
    for row in range(number):
        product = make_product(f"Mug {row}", category="Home > Mugs", attributes={"colour": "Red"})
        buffer = io.BytesIO()
        Image.new("RGB", (48, 48), (20 * row, 80, 200 - 20 * row)).save(buffer, "PNG")
        file = ContentFile(buffer.getvalue(), name=f"{product.sku}.png")
        ProductImage.objects.create(product=product, file=file)
        made.append(product)
    make_product("No picture")
    return made


def test_the_shops_own_products_make_an_encoder_that_serves(
    make_product: MakeProduct, shop_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stock(make_product, number=8)
    call_command("train_clip", from_shop=True, batch_size=4, steps=2, force=True)
    version = encoders.active_version()
    assert version is not None
    assert ContentEmbedding.objects.filter(encoder=version.name).count() == 9
    said = capsys.readouterr().out
    assert "On 2 products that it never saw:   in use" in said
    assert f"{version} reads texts and pictures from now on" in said
    assert version.config["examples"] == "the shop"
    assert set(version.metrics["rows"]) == {"new", "in_use"}
    assert not list((shop_folder / "clip").iterdir())


def test_what_is_below_the_encoder_in_use_is_rejected_and_changes_nothing(
    make_product: MakeProduct, shop_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock(make_product, number=8)
    verdict = {"passed": False, "forced": False, "reasons": ["Worse."]}
    monkeypatch.setattr(encoder_versions, "judge", lambda *_, **__: verdict)
    with pytest.raises(CommandError, match="gate rejected e"):
        call_command("train_clip", from_shop=True, batch_size=4, steps=1)
    assert encoders.active_version() is None
    assert EncoderVersion.objects.get().status == "rejected"


def test_an_encoder_may_be_left_to_the_admin_to_activate(
    make_product: MakeProduct, shop_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stock(make_product, number=8)
    call_command("train_clip", from_shop=True, batch_size=4, steps=1, force=True, activate="never")
    assert encoders.active_version() is None
    assert "activate it in the admin" in capsys.readouterr().out


def test_training_goes_on_from_the_encoder_in_use(make_product: MakeProduct, shop_folder: Path) -> None:
    stock(make_product, number=8)
    call_command("train_clip", from_shop=True, batch_size=4, steps=1, force=True)
    first = encoders.active_version()
    call_command("train_clip", from_shop=True, batch_size=4, steps=1, force=True, start="current", lr=1e-9)
    second = encoders.active_version()
    assert first is not None
    assert second is not None
    assert second.config["start"] == str(first)
    one, two = (encoders.load(version).encode_texts(["red mug"]) for version in (first, second))
    assert (one @ two.T).item() > 0.999  # a rate that small changes nothing


@pytest.mark.django_db
def test_a_shop_without_pictures_says_what_to_do(shop_folder: Path) -> None:
    with pytest.raises(CommandError, match="0 products have a picture .* manage.py generate_images"):
        call_command("train_clip", from_shop=True)


def write_table(folder: Path, *, columns: str = "id,split,articleType,baseColour,productDisplayName") -> Path:
    lines = [columns]
    (folder / "images").mkdir()
    for row in range(10):
        split = "test" if row % 5 == 4 else "train"
        lines.append(f"{row},{split},Mugs,Red,Harlow Mug {row}")
        Image.new("RGB", (40, 30), (20 * row, 80, 200)).save(folder / "images" / f"{row}.jpg")
    (folder / "products.csv").write_text("\n".join([*lines, "99,train,Mugs,Red,No picture"]))
    return folder / "products.csv"


def test_a_table_is_trained_on_by_its_own_columns_and_split(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_table(tmp_path)
    call_command(
        "train_clip", csv=table, images=tmp_path / "images", steps=1, batch_size=4, out=tmp_path / "out"
    )
    assert "On 2 products that it never saw" in capsys.readouterr().out
    rows = read_table(table, images=tmp_path / "images")
    assert len(rows) == 10
    assert rows[0].phrases[0] == "harlow mug 0. red. mugs"
    assert "red mug" in rows[0].phrases
    assert [row.held_out for row in rows].count(True) == 2


@pytest.mark.parametrize(
    ("columns", "said"),
    [("sku,what", "needs a column of names"), ("name,what", "one of pictures or ids")],
)
def test_a_table_without_names_or_pictures_is_one_line(columns: str, said: str, tmp_path: Path) -> None:
    table = write_table(tmp_path, columns=columns)
    with pytest.raises(CommandError, match=said):
        call_command("train_clip", csv=table, images=tmp_path / "images", out=tmp_path / "out")


def test_a_table_whose_pictures_are_elsewhere_is_one_line(tmp_path: Path) -> None:
    table = write_table(tmp_path)
    with pytest.raises(CommandError, match="Of 11 products .* 0 have a picture"):
        call_command("train_clip", csv=table, images=tmp_path, out=tmp_path / "out")
    with pytest.raises(CommandError, match="--csv needs --images"):
        call_command("train_clip", csv=table, out=tmp_path / "out")
    with pytest.raises(CommandError, match="cannot be read as CSV"):
        call_command("train_clip", csv=tmp_path / "none.csv", images=tmp_path, out=tmp_path / "out")


def test_a_picture_that_is_none_is_left_out(tmp_path: Path) -> None:
    rows = read_table(write_table(tmp_path), images=tmp_path / "images")
    rows[0].picture.write_bytes(b"not a picture")
    examples, readable = read_examples(rows, side=16)
    assert len(examples) == 9
    assert readable == list(range(1, 10))


def test_an_open_clip_model_is_trained_from_its_own_weights(tmp_path: Path) -> None:
    import open_clip
    from safetensors.torch import save_file

    architecture = tmp_path / "configs" / "tiny-trained.json"
    architecture.parent.mkdir()
    tiny = {**TINY, "text_cfg": {**TINY["text_cfg"], "vocab_size": 49408}}
    architecture.write_text(json.dumps(tiny))
    open_clip.add_model_config(architecture)
    save_file(open_clip.model.CLIP(**tiny).state_dict(), tmp_path / "weights.safetensors")
    weights = str(tmp_path / "weights.safetensors")
    run(tmp_path / "out", model="tiny-trained", pretrained=weights, lr=1e-9)
    before = clip.load_encoder(model="tiny-trained", pretrained=weights)
    after = clip.load_encoder(model=str(tmp_path / "out"))
    assert (before.encode_texts(["mug"]) @ after.encode_texts(["mug"]).T).item() > 0.999
    picture = Image.new("RGB", (50, 50), "teal")
    assert (before.encode_images([picture]) @ after.encode_images([picture]).T).item() > 0.999


def test_a_model_that_cannot_be_had_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="open_clip has no model 'nonsense'"):
        run(tmp_path / "out", model="nonsense")
