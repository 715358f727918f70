"""manage.py generate_dataset."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from recommender.models import Interaction
from shop.models import Product, ProductImage, User

pytestmark = pytest.mark.django_db
SMALL = ("--users", "20", "--items", "30", "--interactions", "400")


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, settings: Any) -> Path:
    settings.DATA_DIR = tmp_path
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path


def test_a_made_shop_is_written_and_loaded(data_dir: Path, capsys: Any) -> None:
    call_command("generate_dataset", *SMALL, verbosity=0)

    counts = (User.objects.count(), Product.objects.count(), Interaction.objects.count())
    assert counts == (20, 30, 400)
    assert ProductImage.objects.count() == 30
    assert (data_dir / "media" / ProductImage.objects.first().file.name).exists()
    printed = capsys.readouterr().out
    assert "recall@10 of oracle" in printed
    assert "No row was rejected." in printed


def test_files_only(data_dir: Path) -> None:
    call_command(
        "generate_dataset", *SMALL, "--no-load", "--no-pictures", "--out", str(data_dir / "made"), verbosity=0
    )

    assert {path.name for path in (data_dir / "made").iterdir()} >= {
        "users.parquet",
        "recommendation_users.parquet",
    }
    assert not User.objects.exists()


def test_a_size_that_makes_no_shop_is_one_line() -> None:
    with pytest.raises(CommandError, match="num_users is 0"):
        call_command("generate_dataset", "--users", "0", verbosity=0)


def test_a_folder_that_cannot_be_written_is_one_line(data_dir: Path) -> None:
    (data_dir / "file").write_text("in the way")

    with pytest.raises(CommandError, match="cannot be written"):
        call_command(
            "generate_dataset", *SMALL, "--no-pictures", "--out", str(data_dir / "file"), verbosity=0
        )
