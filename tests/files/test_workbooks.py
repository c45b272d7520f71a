"""Workbooks that we make: every text is read back as it was, or is too long; the bytes follow from the table."""

import io
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overplane.files import workbook_writing
from overplane.files.sources import UnusableFile, examined
from overplane.files.tables import opened_table

LONGEST = 32_767
# What the product stores is trimmed, and holds neither NUL nor halves of surrogate pairs.
PARTS = [
    "_", "x0041", "x005F", "_x0000", "_x000d_", "\x1f", "\r", "\n", "<r>", "</r>", "<f", "&lt;", "]]>", "\ufffe", "\uffff", "\ufeff", "🦊",
]  # fmt: skip
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    st.lists(st.sampled_from(PARTS)).map("".join),
).map(str.strip)


def workbook_bytes(rows: Sequence[Sequence[str]]) -> bytes:
    target = io.BytesIO()
    workbook_writing.write(target, "Customers", ["name", "details"], rows)
    return target.getvalue()


def read(content: bytes) -> list[list[str]]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.xlsx"
        path.write_bytes(content)
        with opened_table(examined(path, "a.xlsx")) as table:
            assert table.headings == ["name", "details"]
            return [cells for _, cells in table.rows]


@pytest.mark.slow
@settings(deadline=None)  # a workbook takes long on a busy machine
@given(st.lists(st.tuples(TEXTS.filter(bool), TEXTS), min_size=1))
def test_every_text_comes_back(rows: list[tuple[str, str]]) -> None:
    if any(details for _, details in rows):
        assert read(workbook_bytes(rows)) == [list(row) for row in rows]


@pytest.mark.parametrize("text", ["🦊" * (LONGEST // 2) + "x", "x" * LONGEST], ids=["foxes", "letters"])
def test_the_longest_text_comes_back(text: str) -> None:
    assert read(workbook_bytes([["a", text]])) == [["a", text]]


@pytest.mark.parametrize("text", ["🦊" * (LONGEST // 2 + 1), "x" * (LONGEST + 1)], ids=["foxes", "letters"])
def test_a_longer_text_is_refused_not_cut(text: str) -> None:
    with pytest.raises(UnusableFile, match="details in row 3 has 32768 characters as Excel counts them; a cell"):
        workbook_bytes([["a", "b"], ["a", text]])


@pytest.mark.slow
def test_more_rows_than_a_sheet_holds_are_refused() -> None:
    with pytest.raises(UnusableFile, match="A sheet holds 1,048,575 rows"):
        workbook_bytes([["", ""]] * 1_048_575 + [["a", ""]])


@pytest.mark.slow
def test_the_same_table_gives_the_same_bytes() -> None:
    first = workbook_bytes([["a", "b"]])
    time.sleep(2.1)  # archives count in steps of two seconds
    assert workbook_bytes([["a", "b"]]) == first


def test_what_is_refused_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    target = io.BytesIO()
    with pytest.raises(UnusableFile):
        workbook_writing.write(target, "Customers", ["a"], [["x"], ["x" * (LONGEST + 1)]])
    assert (target.getvalue(), list(tmp_path.iterdir())) == (b"", [])
