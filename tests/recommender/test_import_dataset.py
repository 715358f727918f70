"""manage.py import_dataset."""

import csv
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from shop.models import Product, User

pytestmark = pytest.mark.django_db
USERS = "user_id,name\nu1,Ann\n,Nobody\n"
ITEMS = "item_id,name,category,price\nmug,Mug,Home,5\n"


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.DATA_DIR = tmp_path / "data"
    path = tmp_path / "shop"
    path.mkdir()
    (path / "users.csv").write_text(USERS)
    (path / "items.csv").write_text(ITEMS)
    return path


def test_a_folder_is_imported_and_summed_up(folder: Path, capsys: Any) -> None:
    call_command("import_dataset", str(folder))

    printed = capsys.readouterr()
    assert "2 new, 0 changed" not in printed.out
    assert "3 new, 0 changed, 1 rejected" in printed.out  # a user, a product, a category
    assert "users.csv: missing user_id" in printed.out
    assert "users" in printed.err  # the progress bars
    assert (User.objects.count(), Product.objects.count()) == (1, 1)


def test_rejected_rows_are_listed_under_the_data_folder(folder: Path) -> None:
    call_command("import_dataset", str(folder), verbosity=0)

    (path,) = (folder.parent / "data/rejects").iterdir()
    with path.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["file"], row["line"], row["reason"]) == ("users.csv", "3", "missing user_id")
    assert json.loads(row["row"]) == {"name": "Nobody"}


def test_a_dry_run_writes_nothing_but_the_list_that_was_asked_for(
    folder: Path, tmp_path: Path, capsys: Any
) -> None:
    call_command(
        "import_dataset", str(folder), "--dry-run", "--rejects", str(tmp_path / "bad.csv"), verbosity=0
    )

    assert "dry run" in capsys.readouterr().out
    assert (tmp_path / "bad.csv").exists()
    assert not (tmp_path / "data").exists()
    assert not User.objects.exists()


def test_a_zip_is_imported(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as archive:
        archive.write(folder / "users.csv", "shop/users.csv")
        archive.write(folder / "items.csv", "shop/items.csv")

    call_command("import_dataset", str(tmp_path / "shop.zip"), verbosity=0)

    assert Product.objects.get().name == "Mug"


def test_what_cannot_be_imported_is_one_line(folder: Path) -> None:
    (folder / "users.csv").write_text("id\n1\n")

    with pytest.raises(CommandError, match=r"users\.csv lacks user_id, needed for shop") as refused:
        call_command("import_dataset", str(folder), verbosity=0)

    assert "\n" not in str(refused.value)
    assert not Product.objects.exists()


def test_the_schema_can_be_named(folder: Path) -> None:
    with pytest.raises(CommandError, match="quickstart"):
        call_command("import_dataset", str(folder), "--format", "quickstart", verbosity=0)
