"""Zips, honest and not."""

import stat
import zipfile
from pathlib import Path

import pytest

from recommender.importing import ImportRefused
from recommender.importing.archives import unpack
from recommender.importing.limits import Limits
from recommender.importing.sources import open_source

SMALL = Limits(ratio_from_bytes=1000, total_bytes=5_000_000)


def zipped(path: Path, entries: dict[str, bytes], *, mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return path


def test_an_honest_zip_is_unpacked_and_removed_again(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"data/users.csv": b"user_id\nu1\n", "data/pictures/a.png": b"x"})

    with open_source(str(path), limits=Limits(), shown=False) as source:
        assert [file.read_bytes() for file in source.files] == [b"user_id\nu1\n"]
        assert (source.folder / "pictures/a.png").exists()

    assert not source.folder.exists()


@pytest.mark.parametrize(
    "name", ["../users.csv", "/tmp/users.csv", "a/../../users.csv", "..\\users.csv", "C:\\u.csv"]
)
def test_a_path_out_of_the_archive_is_refused_before_anything_is_unpacked(name: str, tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"fine.csv": b"a\n", name: b"user_id\n"})

    with pytest.raises(ImportRefused, match="a path outside the archive"):
        unpack(path, into=tmp_path / "out", limits=SMALL, shown=False)

    assert list((tmp_path / "out").iterdir()) == []
    assert not (tmp_path / "users.csv").exists()


def test_a_link_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"users.csv": b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777)

    with pytest.raises(ImportRefused, match="holds the link"):
        unpack(path, into=tmp_path / "out", limits=SMALL, shown=False)


def test_a_bomb_is_stopped_while_it_unpacks(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"users.csv": b"0" * 3_000_000})

    with pytest.raises(ImportRefused, match="a zip bomb"):
        unpack(path, into=tmp_path / "out", limits=SMALL, shown=False)

    assert (tmp_path / "out/users.csv").stat().st_size < 1_000_000


def test_the_total_of_all_files_is_bounded(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {f"{n}.csv": bytes(range(256)) * 1000 for n in range(4)})

    with pytest.raises(ImportRefused, match="unpacks to more than 600,000 bytes"):
        unpack(path, into=tmp_path / "out", limits=Limits(total_bytes=600_000), shown=False)


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {f"{n}.csv": b"" for n in range(4)})

    with pytest.raises(ImportRefused, match="more than 3 files"):
        unpack(path, into=tmp_path / "out", limits=Limits(zip_entries=3), shown=False)


def test_a_zip_cut_short_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"users.csv": bytes(range(256)) * 100})
    path.write_bytes(path.read_bytes()[:-30])

    with pytest.raises(ImportRefused, match="damaged or cut short"):
        unpack(path, into=tmp_path / "out", limits=SMALL, shown=False)


def test_a_zip_with_a_broken_entry_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"users.csv": bytes(range(256)) * 100})
    content = bytearray(path.read_bytes())
    content[60:80] = b"\xff" * 20
    path.write_bytes(content)

    with pytest.raises(ImportRefused, match="damaged or cut short"):
        unpack(path, into=tmp_path / "out", limits=SMALL, shown=False)
