"""Files and archives, and what is read from them."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from overplane.files.layouts import Layout, Recognizer
from overplane.files.sources import opened
from overplane.files.tables import Table, opened_table
from overplane.files.unusable import UnusableFile

Content = bytes | str
Read = tuple[list[str], list[tuple[int, list[str]]], Table]


def read(
    path: Path,
    *,
    delimiter: str | None = None,
    sheet: str | None = None,
    heading_row: int | None = None,
    recognizer: Recognizer | None = None,
    **more: Any,
) -> Read:
    layout = Layout(sheet, heading_row, delimiter)
    with opened(str(path), **more) as source, opened_table(source, layout, recognizer) as table:
        return table.headings, [(number, list(cells)) for number, cells in table.rows], table


def written(folder: Path, name: str, content: Content | Callable[[], Content]) -> Path:
    """`content`: also how it is made, where making it takes its time."""
    file = folder / name
    if callable(content):
        content = content()
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def refusal(path: Path, **more: Any) -> str:
    with pytest.raises(UnusableFile) as caught:
        read(path, **more)
    return str(caught.value)


def zipped(members: dict[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


def replaced(content: bytes, old: bytes, new: bytes) -> bytes:
    assert old in content
    return content.replace(old, new)
