"""Every format as one thing: headings, then numbered rows of text cells.

Row numbers are those that a spreadsheet shows (the heading is row 1, a line break inside of a cell
makes no new row); in JSON files the number of the line or object. Objects in a list inside of a
JSON object become further rows with blank cells before them, as spreadsheets lay them out.
"""

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from importlib import import_module
from itertools import chain
from json import JSONDecodeError, JSONDecoder
from typing import Any, BinaryIO

import orjson
from python_calamine import CalamineError, CalamineWorkbook

from overplane.files.sources import BLOCK, Source, UnusableFile

DELIMITERS = ",;\t|"
# Longer than any attribute, so that its own rule says that it is too long; shorter than an unclosed quote's catch.
LONGEST_CELL = 4 << 20
MOST_COLUMNS = 16_384
# The cell of a JSON object that has no such key.
ABSENT = "\0absent"
Row = tuple[int, list[str]]


@dataclass(slots=True)
class Table:
    headings: list[str]
    rows: Iterator[Row]
    is_sparse: bool = False  # cells may be ABSENT


@contextmanager
def opened_table(source: Source, *, delimiter: str | None = None) -> Iterator[Table]:
    """The table in this file, to be read once. Raises `UnusableFile`, also while its rows are read."""
    with READERS[source.format](source, delimiter) as table:
        if not any(table.headings):
            raise UnusableFile(f"{source.name} has no headings: its first row must name the columns.")
        if len(table.headings) > MOST_COLUMNS:
            raise UnusableFile(f"{source.name} has {len(table.headings)} columns; {MOST_COLUMNS} is the most.")
        twice = [heading for heading, n in Counter(table.headings).items() if n > 1 and heading]
        if twice:
            raise UnusableFile(f"These headings stand over more than one column: {_named(twice)}. Rename one of each.")
        yield table


def _named(names: list[str]) -> str:
    return ", ".join(map(repr, names))


@contextmanager
def _csv(source: Source, delimiter: str | None) -> Iterator[Table]:
    csv.field_size_limit(LONGEST_CELL)
    with source.bytes() as stream:
        lines = io.TextIOWrapper(io.BufferedReader(stream, BLOCK), encoding=source.encoding, newline="")  # type: ignore[arg-type]
        try:
            first = lines.readline(LONGEST_CELL)
            if not delimiter:
                delimiter = max(DELIMITERS, key=re.sub(r'"[^"]*"', "", first).count)
            reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
            headings = [heading.strip() for heading in next(reader, [])]
            while headings and not headings[-1]:
                headings.pop()
            yield Table(headings, _told(source, reader))
        except UnicodeDecodeError as error:
            raise _undecodable(source, error) from None
        except csv.Error as error:
            raise UnusableFile(f"{source.name}, row 1: this is not CSV ({error}).") from None
        finally:
            lines.detach().detach()  # or the wrappers would close the stream, which is not theirs


def _told(source: Source, reader: Any) -> Iterator[Row]:
    number = 1
    try:
        for number, cells in enumerate(reader, 2):
            yield number, cells
    except csv.Error as error:
        hint = " Is a quote never closed?" if "end of data" in str(error) or "larger" in str(error) else ""
        raise UnusableFile(f"{source.name}, row {number + 1}: this is not CSV ({error}).{hint}") from None
    except UnicodeDecodeError as error:
        raise _undecodable(source, error) from None


def _undecodable(source: Source, error: UnicodeDecodeError) -> UnusableFile:
    return UnusableFile(f"{source.name} is not {error.encoding} text ({error.reason}). Name its encoding (--encoding).")


FORMULA = re.compile(rb'<c r="([A-Z]+[0-9]+)"[^>]*><f')


@contextmanager
def _xlsx(source: Source, delimiter: str | None) -> Iterator[Table]:
    """The first sheet. It is held in memory: for more than some 100,000 rows CSV is the better choice."""
    with source.plain_path() as path:
        try:
            book = CalamineWorkbook.from_path(str(path))
            sheet = book.get_sheet_by_index(0)
            _refuse_formulas(path.open("rb"))
            first_row = (sheet.start or (0, 0))[0]
            rows = ([_cell(cell) for cell in row] for row in sheet.iter_rows())
            numbered = enumerate(rows, first_row + 1)
            headings = [cell.strip() for cell in next(numbered, (0, []))[1]]
        except (CalamineError, zipfile.BadZipFile, OSError, IndexError) as error:
            raise UnusableFile(f"{source.name} is no workbook that can be read ({error}).") from None
        yield Table(headings, numbered)


def _refuse_formulas(raw: BinaryIO) -> None:
    """A formula's last result may be old or missing in the file: silently importing it would be a guess."""
    with raw, zipfile.ZipFile(raw) as archive:
        sheets = sorted(name for name in archive.namelist() if name.startswith("xl/worksheets/sheet"))
        if not sheets:
            return
        with archive.open(sheets[0]) as sheet:
            tail = b""
            while block := sheet.read(BLOCK):
                if b"<f" in block and (found := FORMULA.search(tail + block)):
                    raise UnusableFile(
                        f"Cell {found[1].decode()} holds a formula. Copy the cells, paste them as values, save again."
                    )
                tail = block[-200:]


def _cell(value: Any) -> str:
    """A value of a typed file as a person would type it."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat()
    if isinstance(value, (int, Decimal, date, time, timedelta)):
        return str(value)
    raise TypeError


@contextmanager
def _ndjson(source: Source, delimiter: str | None) -> Iterator[Table]:
    def objects() -> Iterator[tuple[int, Any]]:
        with source.bytes() as stream:
            for number, line in enumerate(_lines(source, stream), 1):
                if line.strip():
                    try:
                        one = orjson.loads(line)
                    except JSONDecodeError as error:
                        raise UnusableFile(f"{source.name}, line {number}: this is not JSON ({error}).") from None
                    if type(one) is not dict or one.get("end") is not True:  # how the API's own export ends
                        yield number, one

    yield _from_objects(source, objects)


def _lines(source: Source, stream: BinaryIO) -> Iterator[str]:
    text = io.TextIOWrapper(io.BufferedReader(stream, BLOCK), encoding=source.encoding, newline="\n")  # type: ignore[arg-type]
    try:
        while line := text.readline(LONGEST_CELL):
            yield line
    except UnicodeDecodeError as error:
        raise _undecodable(source, error) from None
    finally:
        text.detach().detach()


@contextmanager
def _json(source: Source, delimiter: str | None) -> Iterator[Table]:
    def objects() -> Iterator[tuple[int, Any]]:
        with source.bytes() as stream:
            yield from enumerate(_elements(source, stream), 1)

    yield _from_objects(source, objects)


def _elements(source: Source, stream: BinaryIO) -> Iterator[Any]:
    """The elements of one JSON array, without holding all of it."""
    text = io.TextIOWrapper(io.BufferedReader(stream, BLOCK), encoding=source.encoding)  # type: ignore[arg-type]
    decoder, buffer, count, expected = JSONDecoder(), "", 0, "["
    try:
        while True:
            buffer = buffer.lstrip(" \t\r\n")
            if buffer and expected:
                if buffer[0] not in expected:
                    raise UnusableFile(f"{source.name} is no array of objects, [{{…}}, {{…}}] (after object {count}).")
                if buffer[0] == "]":
                    return
                buffer, expected = buffer[1:], ""
                continue
            if buffer[:1] == "]" and not count:
                return
            end = _end_of(decoder, buffer)
            if 0 < end[1] < len(buffer):  # at the buffer's very end a number may go on in the next block
                yield end[0]
                buffer, count, expected = buffer[end[1] :], count + 1, ",]"
                continue
            block = text.read(BLOCK // 4)
            if not block or len(buffer) > LONGEST_CELL:
                raise UnusableFile(f"{source.name}: this is not JSON (in object {count + 1}).")
            buffer += block
    except UnicodeDecodeError as error:
        raise _undecodable(source, error) from None
    finally:
        text.detach().detach()


def _end_of(decoder: JSONDecoder, buffer: str) -> tuple[Any, int]:
    """The value that the buffer begins with and where it ends; 0 if it is not complete."""
    try:
        return decoder.raw_decode(buffer)
    except (JSONDecodeError, RecursionError):
        return None, 0


def _from_objects(source: Source, objects: Any) -> Table:
    """Reads all objects once for their keys, which are the headings; then again for their values."""
    keys: dict[str, None] = {}
    nested: dict[str, dict[str, None]] = {}
    for number, one in objects():
        if type(one) is not dict:
            raise UnusableFile(f"{source.name}, object {number}: every entry must be an object, {{…}}.")
        for key, value in one.items():
            if type(value) is list:
                for element in value:
                    if type(element) is not dict:
                        raise UnusableFile(f"{source.name}, object {number}: {key!r} must be a list of objects.")
                    nested.setdefault(key, {}).update(dict.fromkeys(element))
                nested.setdefault(key, {})
            else:
                keys[key] = None
        if len(keys) > MOST_COLUMNS:
            break
    for key in nested:
        keys.pop(key, None)
    headings = [*keys, *(f"{key}.{inner}" for key, inners in nested.items() for inner in inners)]
    return Table(headings, _object_rows(source, objects, list(keys), nested), is_sparse=True)


def _object_rows(source: Source, objects: Any, keys: list[str], nested: dict[str, dict[str, None]]) -> Iterator[Row]:
    blank = [""] * len(keys)
    pairs = [(key, inner) for key, inners in nested.items() for inner in inners]
    for number, one in objects():
        try:
            own = [_cell(one[key]) if key in one else ABSENT for key in keys]
            lists = {key: one.get(key) or [] for key in nested}
            longest = max(map(len, lists.values()), default=0)
            for i in range(max(longest, 1)):
                inner = [_cell(lists[k][i].get(name)) if i < len(lists[k]) else "" for k, name in pairs]
                yield number, (blank if i else own) + inner
        except TypeError:
            message = "a value must be text, a number, true, false or null."
            raise UnusableFile(f"{source.name}, object {number}: {message}") from None


def pyarrow_module(name: str) -> Any:
    """An optional extra, large and slow to load: only when it is needed. Raises `UnusableFile` if it is not there."""
    try:
        return import_module(f"pyarrow.{name}")
    except ImportError:
        message = "Parquet needs one more package: pip install -r requirements-parquet.txt"
        raise UnusableFile(message) from None


@contextmanager
def _parquet(source: Source, delimiter: str | None) -> Iterator[Table]:
    parquet = pyarrow_module("parquet")
    with source.plain_path() as path:
        try:
            file = parquet.ParquetFile(path)
        except (OSError, ValueError) as error:
            raise UnusableFile(f"{source.name} is no Parquet file that can be read ({error}).") from None

        def objects() -> Iterator[tuple[int, Any]]:
            number = 1
            for batch in file.iter_batches(2000):
                for one in batch.to_pylist():
                    yield number, one
                    number += 1

        names = file.schema_arrow.names
        lists = [n for n in names if str(file.schema_arrow.field(n).type).startswith("list<")]
        nested = {n: {f.name: None for f in file.schema_arrow.field(n).type.value_type} for n in lists}
        keys = [n for n in names if n not in nested]
        headings = [*keys, *(f"{key}.{inner}" for key, inners in nested.items() for inner in inners)]
        yield Table(headings, _object_rows(source, objects, keys, nested))


READERS = {"csv": _csv, "xlsx": _xlsx, "ndjson": _ndjson, "json": _json, "parquet": _parquet}
