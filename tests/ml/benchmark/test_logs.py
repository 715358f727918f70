"""Files of pairs and logs, good and bad, as people have them."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml.benchmark.logs import Log, read_log, read_pairs
from ml.benchmark.tables import BadInput
from ml.data import KINDS

Write = Callable[..., Path]
HEADER = "user_id,item_id,timestamp,kind,value\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to(text: str | bytes, *, name: str = "file.csv", packed: bool = False) -> Path:
        content = text.encode() if isinstance(text, str) else text
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if packed else content)
        return path

    return to


def pairs(log: Log) -> set[tuple[str, str]]:
    users, items = log.user.names.to_pylist(), log.item.names.to_pylist()
    return {(users[user], items[item]) for user, item in zip(log.user.code, log.item.code, strict=True)}


def test_adjacency_takes_names_of_any_kind_and_users_without_items(write: Write) -> None:
    path = write("Ärger  item-1\t007\n\n42 x/y\nalone\nÄrger 7\n", name="train.txt")

    log = read_pairs(path)

    assert pairs(log) == {("Ärger", "item-1"), ("Ärger", "007"), ("Ärger", "7"), ("42", "x/y")}
    assert set(log.kind) == {KINDS.index("purchase")}
    assert log.notes == ()


def test_a_repeated_pair_counts_once_and_is_told(write: Write) -> None:
    log = read_pairs(write("a 1 1 2\nb 1\na 2\n", name="train.txt"))

    assert len(log) == 3  # a-1, a-2 and b-1; a-1 and a-2 stand there twice
    assert "2 repeated pairs" in log.notes[0]


@pytest.mark.parametrize("name", ["pairs.csv", "pairs.csv.gz", "PAIRS.CSV"])
@pytest.mark.parametrize("header", ["", "user,item\n", "User_ID,Item_ID\n", "\ufeffuser,item\r\n"])
def test_csv_pairs_are_known_by_name_with_or_without_header(write: Write, name: str, header: str) -> None:
    log = read_pairs(write(header + 'u 1,"a, b"\nu2,c\n', name=name))

    assert pairs(log) == {("u 1", "a, b"), ("u2", "c")}


@pytest.mark.parametrize(("name", "text"), [("a.txt", "u i j\n"), ("a.csv", "u,i\nu,j\n"), ("b", "u i j")])
def test_gzip_is_told_by_its_content_not_its_name(write: Write, name: str, text: str) -> None:
    assert pairs(read_pairs(write(text, name=name, packed=True))) == {("u", "i"), ("u", "j")}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.txt", "", "is empty"),
        ("a.txt", "\n \n", "no pair"),
        ("a.txt", "u\nv\n", "no pair"),
        ("a.txt", "u,i\nv,j\n", "--format csv"),
        ("a.txt", b"u i\nv \xff\n", "line 2 is not UTF-8"),
        ("a.csv", b"u,i\n\xff,j\n", "line 2 is not UTF-8"),
        ("a.csv", "user,item\n", "no rows"),
        ("a.csv", "user,item\nu,i\n\nu,i,5\n", "line 4: 3 columns where there should be 2"),
        ("a.csv", "user,item\nu,\n", "line 2: item is empty"),
        ("a.csv", "item,user\ni,u\n", "swap"),
        ("a.csv", "u,i,5\n", "--interactions"),
        ("a.csv", "\nu,i\n", "line 1 is empty"),
    ],
)
def test_pairs_that_cannot_be_read_are_refused_with_their_line(
    write: Write, name: str, text: str | bytes, expected: str
) -> None:
    path = write(text, name=name)

    with pytest.raises(BadInput, match=expected) as refused:
        read_pairs(path)

    assert str(path) in str(refused.value)


def test_a_file_that_is_missing_cut_short_or_a_folder_is_refused(write: Write, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        read_pairs(tmp_path / "none.txt")
    with pytest.raises(BadInput, match="is a folder"):
        read_log(tmp_path)
    whole = write("u i j\n" * 1000, name="whole.txt", packed=True).read_bytes()
    with pytest.raises(BadInput, match="cannot be read"):
        read_pairs(write(whole[:-12], name="cut.txt"))


def test_a_log_reads_kinds_values_and_blanks(write: Write) -> None:
    rows = "a,1,10,view,\na,2,11.9,rating,5\nb,1,12,,\nb,2,13,Cart_Add,3\n"

    log = read_log(write(HEADER + rows))

    assert [KINDS[code] for code in log.kind] == ["view", "rating", "purchase", "cart_add"]
    assert log.timestamp.tolist() == [10, 11, 12, 13]
    np.testing.assert_array_equal(log.value, np.array([np.nan, 5, np.nan, 3], dtype=np.float32))


def test_a_log_without_kinds_is_of_purchases_and_names_what_it_ignores(write: Write) -> None:
    log = read_log(write("shop,item_id,user_id,timestamp\nLeeds,i,u,5\n"))

    assert KINDS[log.kind[0]] == "purchase"
    assert np.isnan(log.value[0])
    assert "shop" in log.notes[0]


@pytest.mark.parametrize(
    "texts",
    [
        ("1323435000", "1323435060"),
        ("1323435000.0", "1323435060.9"),
        ("1323435000000", "1323435060999"),
        ("1323435000000000", "1323435060000000"),
        ("2011-12-09 12:50", "2011-12-09T12:51:00"),
        ("2011-12-09 12:50:00Z", "2011-12-09T14:51:00+02:00"),
        ("2011-12-09T12:50:00.250", "2011-12-09 12:51:00+00:00"),
    ],
)
def test_every_form_of_time_means_the_same_second(write: Write, texts: tuple[str, str]) -> None:
    rows = "".join(f"u,i,{text}\n" for text in texts)

    log = read_log(write("user_id,item_id,timestamp\n" + rows))

    assert log.timestamp.tolist() == [1323435000, 1323435060]  # `date -u -d "2011-12-09 12:50" +%s`


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("a,b,1,buy,\n", "line 2: kind is 'buy'; use one of view"),
        ("a,b,1,view,\n\n,b,1,view,\n", "line 4: user_id is empty"),
        ("a,b,1,view,\na,,1,view,\n", "line 3: item_id is empty"),
        ("a,b,,view,\n", "line 2: timestamp is empty"),
        ("a,b,soon,view,\n", "line 2: timestamp is 'soon'"),
        ("a,b,2011-12-09,view,\na,b,2011-13-09,view,\n", "line 3: timestamp is '2011-13-09'"),
        ("a,b,1323435000,view,\na,b,1323435000000,view,\na,b,1323435000,view,\n", "line 3: .* one unit"),
        ("a,b,1,view,1\na,b,1,view,-2\n", "line 3: value is -2"),
        ("a,b,1,rating,6\n", "line 2: value is 6; give a rating 1 to 5"),
        ("a,b,1,view,1e30\n", r"line 2: value is 1e\+30; give at most"),
        ("a,b,1,view,many\n", "line 2: value is 'many'"),
        ("a,b,1,view\n", "line 2: 4 columns where there should be 5"),
        ("", "no rows"),
    ],
)
def test_a_log_with_a_bad_row_is_refused_with_its_line(write: Write, rows: str, expected: str) -> None:
    with pytest.raises(BadInput, match=expected):
        read_log(write(HEADER + rows))


def test_a_log_needs_its_columns_each_once(write: Write) -> None:
    with pytest.raises(BadInput, match="line 1: no column user_id, timestamp in who, item_id"):
        read_log(write("who,item_id\na,b\n"))
    with pytest.raises(BadInput, match="timestamp stands there twice"):
        read_log(write("user_id,item_id,timestamp,timestamp\na,b,1,2\n"))
