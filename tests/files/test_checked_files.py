"""The bytes that are read are those that were examined."""

import gzip
import io
import os
from pathlib import Path

import pytest
import xlsxwriter
from pyarrow import Table, parquet

from overplane.files.checked_files import BLOCK, ExaminedFile
from overplane.files.sources import examined
from overplane.files.tables import opened_table
from overplane.files.unusable import UnusableFile

MESSAGE = "was changed while it was imported: what was checked is not what stands there now. Import a copy"


def workbook(text: str) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        book.add_worksheet().write_column(0, 0, ["a", text])
    return content.getvalue()


def parquet_file(text: str) -> bytes:
    content = io.BytesIO()
    parquet.write_table(Table.from_pylist([{"a": text}]), content)
    return content.getvalue()


KINDS = {
    "csv": lambda text: f"a\n{text}\n".encode(),
    "csv.gz": lambda text: gzip.compress(f"a\n{text}\n".encode(), mtime=0),
    "ndjson": lambda text: f'{{"a": "{text}"}}\n'.encode(),
    "json": lambda text: f'[{{"a": "{text}"}}]'.encode(),
    "xlsx": workbook,
    "parquet": parquet_file,
}


@pytest.mark.parametrize("other", ["one", "three"])  # of the same length, and of another
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_written_over_is_read_no_further(tmp_path: Path, kind: str, other: str) -> None:
    path = tmp_path / f"a.{kind}"
    path.write_bytes(KINDS[kind]("two"))
    source = examined(path, path.name)
    with opened_table(source) as table:
        assert [cells for _, cells in table.rows] == [["two"]]
    with path.open("r+b") as file:  # in place
        file.write(KINDS[kind](other))
        file.truncate()
    with pytest.raises(UnusableFile) as caught, opened_table(source) as table:
        list(table.rows)
    assert MESSAGE in str(caught.value)


def test_each_byte_and_the_size_count(tmp_path: Path) -> None:
    path = tmp_path / "a"
    content = os.urandom(2 * BLOCK)
    path.write_bytes(content)
    file = ExaminedFile(path, "a")
    file.check()
    other = bytes([content[BLOCK] ^ 1])  # certainly another one
    for changed in (content + b"x", content[:-1], content[:BLOCK], content[:BLOCK] + other + content[BLOCK + 1 :], b""):
        path.write_bytes(changed)
        with pytest.raises(UnusableFile, match="a was changed"):
            file.check()


def test_it_is_read_from_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "a"
    content = os.urandom(2 * BLOCK + 5)
    path.write_bytes(content)
    with ExaminedFile(path, "a").opened() as file:
        for at, length in ((2 * BLOCK - 3, 8), (0, BLOCK + 1), (BLOCK, 7), (5, 2 * BLOCK + 9)):
            file.seek(at)
            assert file.read(length) == content[at : at + length]
        assert file.seek(-4, os.SEEK_END) == len(content) - 4
        assert (file.read(), file.read()) == (content[-4:], b"")
