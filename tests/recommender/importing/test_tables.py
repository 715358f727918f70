"""Reading files: rows with their lines, and refusal of what is no table."""

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recommender.importing import ImportRefused
from recommender.importing.limits import Limits
from recommender.importing.rejects import Rejects
from recommender.importing.tables import Batch, column_names, read_batches

SMALL = Limits(line_bytes=1000, batch_rows=2, ratio_from_bytes=10_000, total_bytes=100_000)


def read(path: Path, limits: Limits = SMALL) -> tuple[list[tuple[int, dict[str, str]]], Rejects]:
    rejects = Rejects(None)
    rows = []
    for batch in read_batches(path, limits=limits, rejects=rejects):
        rows += list(zip(batch.lines.tolist(), batch.rows(), strict=True))
    return rows, rejects


def test_csv_rows_keep_their_lines_over_blank_bad_and_quoted_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbfa,b\r\n1,2\r\n\r\n3\r\n4,"x\ny"\r\n5,\xff\r\n6,7,8\r\n9,\r\n')

    rows, rejects = read(path)

    assert rows == [(2, {"a": "1", "b": "2"}), (5, {"a": "4", "b": "x\ny"}), (8, {"a": "9", "b": None})]
    assert rejects.counts == {
        ("a.csv", "1 columns instead of 2"): 1,
        ("a.csv", "3 columns instead of 2"): 1,
        ("a.csv", "not UTF-8 text"): 1,
    }


def test_json_lines_keep_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        b'{"a": 1, "b": true}\n\n[1]\n{"a": "\xff"}\n{"a": "\\ud800"}\nnonsense\n{"a": {"c": 2}, "b": null}\n'
        b'{"a":' + b"[" * 900 + b"\n"
    )

    rows, rejects = read(path)

    assert rows == [(1, {"a": "1", "b": "true"}), (7, {"a": '{"c": 2}', "b": None})]
    assert rejects.counts == {("a.jsonl", "not a JSON object"): 4, ("a.jsonl", "not UTF-8 text"): 1}


def test_parquet_rows_have_their_index(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [7, 8, 9]}), tmp_path / "a.parquet")

    rows, _ = read(tmp_path / "a.parquet")

    assert rows == [(0, {"a": 7}), (1, {"a": 8}), (2, {"a": 9})]


def test_values_that_python_cannot_hold_come_as_text() -> None:
    far = pa.array([2**62], pa.timestamp("us"))

    assert Batch(file="a", lines=np.array([0]), table=pa.table({"t": far})).rows() == [
        {"t": "<value out of range: 4611686018427387904>"}
    ]


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".csv.gz"])
def test_an_endless_line_is_refused_unread(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    content = b'{"a": 1}\n' + bytes(range(97, 122)) * 1000
    path.write_bytes(gzip.compress(content) if ending.endswith(".gz") else content)

    with pytest.raises(ImportRefused, match="a line over 1,000 bytes"):
        read(path)


def test_an_endless_first_line_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.truncate(5_000_000_000)  # sparse: 5 GB of NUL without a line end

    with pytest.raises(ImportRefused, match="a line over 1,048,576 bytes"):
        column_names(path, limits=Limits())


def test_an_endless_quoted_record_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'a,b\n1,"' + b"line\n" * 5000)

    with pytest.raises(ImportRefused, match="cannot be read as CSV"):
        read(path)


def test_a_gzip_bomb_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"a\n" * 50_000_000, compresslevel=1)[:200_000])

    with pytest.raises(ImportRefused, match=r"unpacks to more than 100,000 bytes|zip bomb"):
        read(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.parquet", b"PAR1 and nothing else", "no Parquet file, damaged or cut short"),
        ("a.csv.gz", gzip.compress(b"a,b\n1,2\n" * 100, mtime=0)[:-20], "damaged or cut short"),
        ("a.csv.gz", b"a,b\n1,2\n", "damaged or cut short"),
        ("a.jsonl", b"no json\n", "does not begin with UTF-8 text in its format"),
        ("a.csv", "a,b\n1,2\n".encode("utf-16"), "does not begin with UTF-8 text"),
        ("a.csv", b"a,a\n1,2\n", "names a column twice"),
    ],
)
def test_what_is_no_table_is_refused(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(ImportRefused, match=message):
        column_names(path, limits=SMALL)
        read(path)


def test_a_parquet_file_that_names_a_column_twice_is_refused(tmp_path: Path) -> None:
    texts = pa.array(["1"])
    pq.write_table(pa.Table.from_arrays([texts, texts], names=["a", "a"]), tmp_path / "a.parquet")

    with pytest.raises(ImportRefused, match="names a column twice"):
        read(tmp_path / "a.parquet")


@pytest.mark.parametrize(("content", "num_rows"), [(b"a,b", 0), (b"a,b\n1,2", 1)])
def test_the_last_line_needs_no_end(content: bytes, num_rows: int, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(content)

    rows, _ = read(tmp_path / "a.csv")

    assert len(rows) == num_rows


def test_a_parquet_file_broken_in_the_middle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": [f"text {n}" for n in range(5000)]}), path, compression="zstd")
    content = bytearray(path.read_bytes())
    content[100:4000] = b"\x00" * 3900
    path.write_bytes(content)

    with pytest.raises(ImportRefused, match="is damaged after row 0"):
        read(path)


def test_a_parquet_file_that_unpacks_too_far_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [str(n) for n in range(50_000)]}), tmp_path / "a.parquet")

    with pytest.raises(ImportRefused, match="unpacks to more than 100,000 bytes"):
        column_names(tmp_path / "a.parquet", limits=SMALL)
