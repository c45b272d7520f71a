"""Reading tables from files: what is right is read as it was meant, all else ends in one sentence that helps."""

import io
import json
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from django.core.management import CommandError, call_command
from pyarrow import parquet

from overplane.files.cells import BrokenRow
from overplane.files.sources import examined, opened
from overplane.files.tables import ABSENT, opened_table
from tests.files.tables import read, refusal, replaced, written, zipped

TEXTS: dict[str, tuple[bytes | str, dict[str, Any], list[str], list[tuple[int, list[str]]]]] = {
    "sep with semicolon": ("sep=;\r\na;b,c\r\n1;2\r\n", {}, ["a", "b,c"], [(2, ["1", "2"])]),
    "sep with anything": ("SEP=^\na^b\n1^2\n", {}, ["a", "b"], [(2, ["1", "2"])]),
    "sep, overruled": ("sep=,\na;b\n1;2\n", {"delimiter": ";"}, ["a", "b"], [(2, ["1", "2"])]),
    "a line break in the first heading": ('"a\nx,y,z";b\n1;2\n', {}, ["a\nx,y,z", "b"], [(2, ["1", "2"])]),
    "delimiters in a quoted heading": ('"a,b,c,d";"say ""x,y,z""";e\n', {}, ["a,b,c,d", 'say "x,y,z"', "e"], []),
    "one column": ("a\n1\n", {}, ["a"], [(2, ["1"])]),
    "ends of all kinds": ("a,b\r1,2\r\n3,4\n5,6", {}, ["a", "b"], [(2, ["1", "2"]), (3, ["3", "4"]), (4, ["5", "6"])]),
    "wide with mark": ("a\nü\n".encode("utf-16"), {}, ["a"], [(2, ["ü"])]),
    "wider with mark": ("a\nü\n".encode("utf-32"), {}, ["a"], [(2, ["ü"])]),
    "wider, other order": (b"\0\0\xfe\xff" + "a\nü\n".encode("utf-32-be"), {}, ["a"], [(2, ["ü"])]),
    "mark, named": (b"\xff\xfe" + "a\nü\n".encode("utf-16-le"), {"encoding": "utf-16-le"}, ["a"], [(2, ["ü"])]),
    "windows": ("a\nMüller\nSöhne €\n".encode("cp1252"), {}, ["a"], [(2, ["Müller"]), (3, ["Söhne €"])]),
    "dos, named": ("a\nMüller\n".encode("cp850"), {"encoding": "cp850"}, ["a"], [(2, ["Müller"])]),
}


@pytest.mark.parametrize("name", TEXTS)
def test_reads_text(tmp_path: Path, name: str) -> None:
    content, more, headings, rows = TEXTS[name]
    assert read(written(tmp_path, "a.csv", content), **more)[:2] == (headings, rows)


LONG = 17 << 20
BAD_TEXTS: dict[str, tuple[bytes | str, dict[str, Any], str]] = {
    "a line without end": (b"a\n1\n" + b"x" * LONG, {}, "row 3: this goes on for more than 16 MiB"),
    "a line of commas": (b"a\n1\n" + b"," * LONG, {}, "row 3: this goes on"),
    "a heading without end": (b"x" * LONG, {}, "row 1: this goes on"),
    "a line of NDJSON": (b'{"a": 1}\n{"a": "' + b"x" * LONG, {"format": "ndjson"}, "line 2: this goes on"),
    "wide lines": ("a\n1\n".encode("utf-16") + b"\x0a\x0a" * LONG, {}, "row 3: this goes on"),
    "no mark": ("a\n1\n".encode("utf-16-le"), {"encoding": "utf-16"}, "BOM"),
    "halves of characters": (b"a\n+2AA-\n", {"encoding": "utf-7"}, "There is no encoding 'utf-7'"),
    "two delimiters": ("a;;b\n", {"delimiter": ";;"}, "must be one character"),
    "no delimiter": ("a;b\n", {"delimiter": ""}, "must be one character"),
    "a quote": ("a;b\n", {"delimiter": '"'}, "must be one character"),
    "a line end": ("a;b\n", {"delimiter": "\n"}, "must be one character"),
    "a NUL": ("a;b\n", {"delimiter": "\0"}, "must be one character"),
    "a blank": ("a;b\n", {"delimiter": " "}, "must be one character"),
    "sep with a quote": ('sep="\na\n', {}, "must be one character"),
    "a web page": ("<html><table>", {}, "a web page"),
}


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_refuses_text(tmp_path: Path, name: str) -> None:
    content, more, expected = BAD_TEXTS[name]
    message = refusal(written(tmp_path, "a.csv", content), **more)
    assert expected in message
    assert message.startswith(("a.csv", "The delimiter", "There is no"))


@pytest.mark.parametrize(
    ("content", "encoding", "is_guessed"),
    [(b"a\n", "utf-8-sig", False), (b"\xc3\xbc", "utf-8-sig", False), (b"M\xfcller", "cp1252", True),
     ("abc".encode("utf-16"), "utf-16", False), ("abc".encode("utf-16-be"), "utf-16-be", True)],
)  # fmt: skip
def test_says_whether_the_encoding_was_guessed(tmp_path: Path, content: bytes, encoding: str, is_guessed: bool) -> None:
    source = examined(written(tmp_path, "a.csv", content), "a.csv")
    assert (source.encoding, source.encoding_is_guessed) == (encoding, is_guessed)


def test_refuses_what_is_no_regular_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        assert "name it -" in refusal(path)
    monkeypatch.chdir(tmp_path)
    assert refusal(Path()).startswith(". is a directory")
    assert "cannot be read" in refusal(tmp_path / "a\0b")


def test_a_name_is_text_whatever_its_bytes(tmp_path: Path) -> None:
    path = written(tmp_path, os.fsdecode(b"M\xfcller.csv"), "a\n")
    with opened(str(path)) as source:
        assert source.name == "M\ufffdller.csv"


TINY = zipped({"a.csv": "a\n1\n"}, zipfile.ZIP_STORED)
LZMA = zipped({"a.csv": "a\n" * 99}, zipfile.ZIP_LZMA)
BAD_ARCHIVES = {
    "broken LZMA": LZMA[:40] + b"\xff" * 8 + LZMA[48:],
    "a name that is no text": replaced(TINY, b"a.csv", b"\xff\xff\xff\xff\xff").replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x00\x08"
    ),
    "broken sum": replaced(TINY, b"a\n1\n", b"a\n2\n"),
    "broken directory": TINY[:-30] + b"\xff" * 30,
    "cut": TINY[:30],
}


@pytest.mark.parametrize("name", BAD_ARCHIVES)
def test_refuses_broken_archives(tmp_path: Path, name: str) -> None:
    assert "The archive is broken" in refusal(written(tmp_path, "a.zip", BAD_ARCHIVES[name]))


@pytest.mark.slow
def test_says_what_is_in_an_archive(tmp_path: Path) -> None:
    old = b"\xd0\xcf\x11\xe0" + bytes(99)
    assert "cannot be read" in refusal(written(tmp_path, "a.zip", zipped({"a.xls": old})))
    assert "cannot be read" in refusal(written(tmp_path, "a.xls", old))
    assert "OpenDocument" in refusal(written(tmp_path, "a.ods", zipped({"mimetype": "x", "content.xml": "x"})))


OBJECTS: dict[str, tuple[str, list[str], list[list[str]]]] = {
    "digits": ('{"a":12345678901234567890123,"b":"x"}', ["a", "b"], [["12345678901234567890123", "x"]]),
    "fractions": ('{"a":1234567890.12345678901,"b":0.0000001}', ["a", "b"], [["1234567890.12345678901", "0.0000001"]]),
    "plain numbers": ('{"a":5.0,"b":-7,"c":1e3}', ["a", "b", "c"], [["5", "-7", "1000"]]),
    "more digits": ('{"a":"","b":' + "9" * 300 + "}", ["a", "b"], [["", "9" * 300]]),
    "colons in texts": ('{"a":"x\\":y","b" : "u\\" : v"}', ["a", "b"], [['x":y', 'u" : v']]),
    "an end that is none": ('{"end":true,"a":1}', ["end", "a"], [["true", "1"]]),
    "a list": ('{"a":1,"b":[{"c":2,"d":3},{"c":4}]}', ["a", "b.c", "b.d"], [["1", "2", "3"], ["", "4", ABSENT]]),
    "lists or none": ('{"a":1,"b":[{"c":2}]}\n{"a":2,"b":null}\n{"a":3,"b":[]}\n{"a":4}', ["a", "b.c"], [["1", "2"], ["2", ""], ["3", ""], ["4", ABSENT]]),
    "pairs of halves": ('{"a":"\\ud83e\\udd8a"}', ["a"], [["🦊"]]),
}  # fmt: skip


@pytest.mark.parametrize("format", ["ndjson", "json"])
@pytest.mark.parametrize("name", OBJECTS)
def test_reads_objects(tmp_path: Path, name: str, format: str) -> None:
    content, headings, rows = OBJECTS[name]
    text = content if format == "ndjson" else "[" + ",\n".join(content.split("\n")) + "]\n"
    result = read(written(tmp_path, f"a.{format}", text))
    assert (result[0], [cells for _, cells in result[1]]) == (headings, rows)


def test_the_end_of_an_export_is_no_object(tmp_path: Path) -> None:
    text = '{"a": 1}\n\n{"end": true, "count": 1, "next_cursor": "x"}\n'
    assert read(written(tmp_path, "a.ndjson", text))[:2] == (["a"], [(1, ["1"])])


@pytest.mark.parametrize("format", ["ndjson", "json"])
@pytest.mark.parametrize(
    ("content", "unreadable"),
    [('{"a":1,"b":{"c":2}}', {"b"}), ('{"a":1,"b":["x"]}\n{"a":1,"b":[]}', {"b"}),
     ('{"a":1,"b":[{"c":[1]}]}', {"b.c"}), ('{"a":1,"b":[1,{"c":1}]}', {"b"}), ('{"a":1,"b":"x"}\n{"a":1,"b":{}}', {"b"})],
)  # fmt: skip
def test_what_is_no_single_value_spoils_only_its_column(
    tmp_path: Path, content: str, unreadable: set[str], format: str
) -> None:
    text = content if format == "ndjson" else f"[{content.replace(chr(10), ',')}]"
    headings, rows, table = read(written(tmp_path, f"a.{format}", text))
    assert set(table.unreadable) == unreadable < set(headings)
    assert {cells[0] for _, cells in rows} == {"1"}
    assert all("holds" in message and "Leave that column out" in message for message in table.unreadable.values())


@pytest.mark.django_db
def test_an_unreadable_column_may_be_ignored_and_never_imported(tmp_path: Path) -> None:
    file = str(written(tmp_path, "a.ndjson", '{"customer_name":"x","extra":[1],"industry":{"a":1}}'))
    with pytest.raises(CommandError, match="line 1: 'industry' holds an object"):
        call_command("import_customers", file, "--ignore-unknown")
    call_command("import_customers", file, "--ignore-unknown", "--map", "industry=", "--quiet")


BAD_OBJECTS: dict[str, tuple[str, str]] = {
    "two arrays.json": ('[{"a":1}]\n[{"a":2}]', "follows the array's ]"),
    "text after.json": ('[{"a":1}] x', "follows the array's ]"),
    "NaN.json": ('[{"a":NaN}]', "object 1: NaN is no number"),
    "too large.json": ('[{"a":1e999}]', "object 1: The number 1e999 is too large"),
    "too many digits.json": ('[{"a":' + "9" * 5000 + "}]", "object 1: A number of 5000 digits is too large"),
    "half key.json": ('[{"\\uDC00":"x"}]', "object 1: A text holds half a character"),
    "NaN.ndjson": ('{"a":NaN}', "line 1: This is not JSON"),
    "too large.ndjson": ('{"a":1e999}', "line 1: This is not JSON"),
    "too many digits.ndjson": ('{"a":' + "9" * 5000 + "}", "line 1: This is not JSON (number is infinity"),
    "twice, blanks.ndjson": ('{"a":1,"a" :3}', "line 1: The key 'a' stands twice"),
    "twice, nested.ndjson": ('{"b":[{"a":1,"a":3}]}', "line 1: The key 'a' stands twice"),
    "half.ndjson": ('{"a":"\\ud800"}', "line 1: This is not JSON"),
    "nothing.json": ("[]", "nothing.json holds no objects"),
    "nothing.ndjson": ('{"end":true,"count":0}\n', "nothing.ndjson holds no objects"),
    "keyless.json": ("[{}]", "holds no objects, or none with a key"),
    "long.json": ('[{"a":"' + "x" * LONG + '"}]', "object 1: the object is longer than 16 MiB"),
    "one object.json": ('{"a":1}', "must be one array of objects"),
    "comma.json": ('[{"a":1},]', "object 2: this is not JSON"),
    "no comma.json": ('[{"a":1}{"a":1}]', "must be one array"),
    "many keys.ndjson": ("\n".join(f'{{"k{i}":1}}' for i in range(17000)), "more than 16384 keys"),
    "deep.ndjson": ('{"a":' + "[" * 5000 + "]" * 5000 + "}", "line 1: This is not JSON"),
    # Python 3.11 reads some 1,000 levels, 3.13 some 10,000.
    "deep.json": ('[{"a":' + "[" * 100_000 + "]" * 100_000 + "}]", "object 1: this is not JSON"),
    "many bad lines.ndjson": ("{\n" * 1001, "has more than 1000 rows that cannot be read. Of the first: This is not JSON"),
    "many mixed.ndjson": ('{"a":[{"b":1}]}\n' + '{"a":1}\n' * 1001, "more than 1000 entries of which 'a' must be a list"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_OBJECTS)
def test_refuses_objects(tmp_path: Path, name: str) -> None:
    content, expected = BAD_OBJECTS[name]
    assert expected in refusal(written(tmp_path, name, content))


MANY = "{}," * 500_000 + '{"b1":1,"b2":1,"b3":1,"b4":1,"b5":1,"b6":1,"b7":1,"b8":1,"b9":1}'
BROKEN_OBJECTS: dict[str, tuple[str, str]] = {
    "infinity.json": ('{"a":-Infinity}', "-Infinity is no number."),
    "too large.json": ('{"a":1e999}', "The number 1e999 is too large."),
    "twice.json": ('{"a":1,"b":2,"a":3}', "The key 'a' stands twice in one object."),
    "half.json": ('{"a":"\\ud800"}', "A text holds half a character"),
    "no object.json": ("5", "This is no object; every entry must be one: {…}."),
    "twice.ndjson": ('{"a":1,"a":3}', "The key 'a' stands twice in one object."),
    "too many digits.ndjson": ('{"a":' + "9" * 301 + "}", "A number of 301 digits is too large."),
    "cut.ndjson": ('{"a":"x"', "This is not JSON (unexpected end of data"),
    "no object.ndjson": ('"x"', "This is no object; every entry must be one: {…}."),
    "deep.ndjson": ('{"a":' + "[" * 5000 + "]" * 5000 + "}", "This is not JSON"),
    "mixed.json": ('{"list":"x"}', "'list' must be a list of objects, as it is elsewhere."),
    "mixed.ndjson": ('{"list":[1]}', "'list' must be a list of objects, as it is elsewhere."),
    "many rows.ndjson": (f'{{"list":[{MANY}]}}', "A list of 500001 objects is too long for one entry."),
}


@pytest.mark.parametrize("name", BROKEN_OBJECTS)
def test_an_object_that_cannot_be_read_spoils_no_other(tmp_path: Path, name: str) -> None:
    content, expected = BROKEN_OBJECTS[name]
    objects = ['{"a":"first","list":[{"c":1}]}', content, '{"a":"last"}']
    text = f"[{', '.join(objects)}]" if name.endswith(".json") else "\n".join(objects)
    with opened(str(written(tmp_path, name, text))) as source, opened_table(source) as table:
        (_, first), (number, row), (last_number, last) = table.rows
    assert isinstance(row, BrokenRow)
    assert (first[0], number, last_number, last[0]) == ("first", 2, 3, "last")
    assert row.message.startswith(expected)
    assert row[0][:5] == content.replace('":', '": ')[:5] or row[0][:5] == content[:5]


def test_a_key_that_stands_twice_is_told_in_each_reading(tmp_path: Path) -> None:
    file = written(tmp_path, "a.ndjson", '{"a":1}\n{"a":1,"a":2}\n')
    with opened(str(file)) as source:
        for _ in range(2):
            with opened_table(source) as table:
                assert [type(row) for _, row in table.rows] == [list, BrokenRow]


@pytest.mark.slow
def test_an_array_is_read_in_parts_wherever_they_end(tmp_path: Path) -> None:
    values = [{"a": "ü" * (i % 700), "b": i} for i in range(3000)]
    rows = read(written(tmp_path, "a.json", json.dumps(values, indent=1)))[1]
    assert rows == [(i + 1, [one["a"], str(one["b"])]) for i, one in enumerate(values)]


def columns(**arrays: Any) -> bytes:
    return table_bytes(pa.table(arrays))


def table_bytes(table: pa.Table, **more: Any) -> bytes:
    content = io.BytesIO()
    parquet.write_table(table, content, **more)
    return content.getvalue()


STRUCT = pa.list_(pa.struct([("c", pa.string()), ("d", pa.int64())]))


def test_reads_parquet(tmp_path: Path) -> None:
    content = columns(
        a=["x", "y"],
        at=pa.array([datetime(2024, 2, 29, tzinfo=UTC), None]),
        b=pa.array([[{"c": "1", "d": 2}, None, {"c": "3", "d": None}], None], STRUCT),
        tags=[[1], [2, 3]],
        raw=[b"\xff", b""],
    )
    headings, rows, table = read(written(tmp_path, "a.parquet", content))
    assert headings == ["a", "at", "tags", "raw", "b.c", "b.d"]
    picked = [(number, [cells[0], cells[1], *cells[4:]]) for number, cells in rows]
    day = "2024-02-29T00:00:00+00:00"
    assert picked == [(1, ["x", day, "1", "2"]), (1, ["", "", "", ""]), (1, ["", "", "3", ""]), (2, ["y", "", "", ""])]
    assert set(table.unreadable) == {"tags", "raw"}


BAD_TIME = pa.array([0, 1_000_000_001], pa.timestamp("ns"))
REPEATED = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), ["x" * 200_000])
BAD_PARQUET: dict[str, tuple[bytes, str]] = {
    "nanoseconds": (columns(a=["x", "y"], t=BAD_TIME), "row 2, column 't': this cannot be read"),
    "far dates": (columns(a=pa.array([0, 2**31 - 1], pa.date32())), "row 2, column 'a'"),
    "bad zone": (columns(a=pa.array([1], pa.timestamp("us", "Nowhere/City"))), "row 1, column 'a'"),
    "bad text": (columns(a=pa.array([b"x", b"\xff"], pa.binary()).view(pa.string())), "row 2, column 'a'"),
    "twice": (
        table_bytes(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])),
        "more than one column: 'a'",
    ),
    "a long text in many rows": (table_bytes(pa.table({"a": REPEATED}), compression="zstd"), "200 times its size"),
    "no columns": (table_bytes(pa.table({})), "no headings"),
    "cut": (columns(a=["x"])[:-20], "no Parquet file"),
    "broken pages": (columns(a=["x" * 99])[:4] + bytes(40) + columns(a=["x" * 99])[44:], "cannot be read"),
}


@pytest.mark.parametrize("name", BAD_PARQUET)
def test_refuses_parquet(tmp_path: Path, name: str) -> None:
    content, expected = BAD_PARQUET[name]
    assert expected in refusal(written(tmp_path, "a.parquet", content))


def test_progress_may_be_asked_for_at_any_time(tmp_path: Path) -> None:
    source = examined(written(tmp_path, "a.csv", "a\n1\n"), "a.csv")
    assert source.fraction == 0.0
    with source.bytes() as stream:
        stream.read()
        assert source.fraction == 1.0
    assert source.fraction == 0.0
