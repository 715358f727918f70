"""What is opened, and what is refused before a byte of it is believed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recommender.importing import ImportRefused
from recommender.importing.limits import Limits
from recommender.importing.sources import ending_of, open_source
from tests.recommender.importing.cast import EVENTS, write_rows


def opened(location: Path | str, **limits: Any) -> list[str]:
    with open_source(str(location), limits=Limits(**limits), shown=False) as source:
        return [path.name for path in source.files]


def test_a_folder_gives_its_data_files_only(make_dataset: Callable[..., Path]) -> None:
    folder = make_dataset()
    (folder / "README.md").write_text("hello")
    (folder / ".hidden.csv").write_text("a")

    assert opened(folder) == ["interactions.csv", "items.csv", "users.csv"]


def test_a_single_file_is_taken(tmp_path: Path) -> None:
    assert opened(write_rows(tmp_path / "interactions.csv.gz", EVENTS)) == ["interactions.csv.gz"]


def test_endings_are_told_whatever_their_case() -> None:
    assert [ending_of(Path(name)) for name in ("A.CSV.GZ", "b.Parquet", "c.txt")] == [
        ".csv.gz",
        ".parquet",
        "",
    ]


def test_a_folder_in_the_folder_is_looked_into(make_dataset: Callable[..., Path]) -> None:
    assert "items.csv" in opened(make_dataset().parent)


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("/no/such/place", "does not exist"),
        ("ftp://example.com/a.zip", "Only http:// and https://"),
        ("file:///etc/passwd", "Only http:// and https://"),
    ],
)
def test_other_places_are_refused(location: str, message: str) -> None:
    with pytest.raises(ImportRefused, match=message):
        opened(location)


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="holds no data file"):
        opened(tmp_path)


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.exe").write_text("x")

    with pytest.raises(ImportRefused, match="is no data file"):
        opened(tmp_path / "a.exe")


def test_a_link_out_of_the_folder_is_refused(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_dataset(users=None)
    (tmp_path / "secret.csv").write_text("user_id\nroot\n")
    (folder / "users.csv").symlink_to(tmp_path / "secret.csv")

    with pytest.raises(ImportRefused, match=r"users\.csv points outside the folder"):
        opened(folder)


def test_a_link_within_the_folder_is_followed(make_dataset: Callable[..., Path]) -> None:
    folder = make_dataset(users=None)
    (folder / "users.csv").symlink_to(folder / "items.csv")

    assert "users.csv" in opened(folder)
