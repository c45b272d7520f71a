"""XLS and XLSB, read by a process of its own: see `reading_process`."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import SIGABRT, SIGKILL, SIGXCPU
from typing import Any

from django.utils.translation import gettext_lazy

from overplane.files.cells import Row, Table
from overplane.files.findings import Findings, Tally
from overplane.files.layouts import Layout, Recognizer
from overplane.files.sheet_choice import Book, LoadedSheet, chosen_table
from overplane.files.sources import Source
from overplane.files.unusable import UnusableFile
from overplane.files.wording import gettext as _
from overplane.files.workbook_parts import SheetName

PROJECT = Path(__file__).parents[2]
ENDED = {
    -SIGABRT: gettext_lazy("needs more memory than this format may take: cells far apart, or very many of them"),
    -SIGKILL: gettext_lazy("needs more memory than there is"),
    -SIGXCPU: gettext_lazy("takes too long to be read"),
}


@contextmanager
def binary_table(source: Source, layout: Layout, recognizer: Recognizer | None) -> Iterator[Table]:
    """It is held in memory, by another process."""
    with binary_book(source) as book:
        yield chosen_table(book, layout, recognizer)


@contextmanager
def binary_book(source: Source) -> Iterator[Book]:
    with source.plain_path() as path, ExitStack() as stack:
        yield BinaryBook(path.resolve(), source.format, stack)


class BinaryBook:
    """A process reads one sheet; where several must be looked at, each has its own."""

    def __init__(self, path: Path, format: str, stack: ExitStack) -> None:
        self.path, self.format, self.stack = path, format, stack
        self.process: ReadingProcess | None = self._started()
        named = self.process.answer()["sheets"]
        self.sheets = [SheetName(index, name, is_hidden) for index, name, is_hidden, _ in named]
        self.heights = {index: height for index, _, _, height in named}
        if not self.sheets:
            raise UnusableFile(_("The workbook has no sheet with cells."))

    def _started(self) -> "ReadingProcess":
        return self.stack.enter_context(reading_process(self.path, self.format))

    def is_filled(self, sheet: SheetName) -> bool:
        return self.heights[sheet.index] > 0

    def row_count(self, sheet: SheetName) -> int:
        return self.heights[sheet.index]

    def load(self, sheet: SheetName) -> LoadedSheet:
        process, self.process = self.process, None
        if process is None:
            process = self._started()
            process.answer()
        process.ask(sheet.index)
        answer = process.answer()
        findings = Findings(
            formulas=Tally(answer["formulas"], answer["first_formulas"]),
            concealed=Tally(answer["concealed"], answer["first_concealed"]),
            hidden_columns=[(first, last) for first, last in answer["hidden_columns"]],
            merged=[(first, column, last) for first, column, last in answer["merged"]],
            is_unknown=answer["is_unknown"],
        )
        findings.hidden_rows.extend(answer["hidden_rows"])
        return LoadedSheet(process.rows(), findings, answer["left"])


class ReadingProcess:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def ask(self, index: int) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{index}\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        answer = self._line()
        if "error" in answer:
            raise UnusableFile(answer["error"])
        return answer

    def rows(self) -> Iterator[Row]:
        while (row := self._line()) is not None:
            if "error" in row:
                raise UnusableFile(row["error"])
            yield row[0], row[1]

    def _line(self) -> Any:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line.endswith("\n"):
            reason = ENDED.get(self.process.wait(), _("cannot be read"))
            raise UnusableFile(
                _("The workbook %(reason)s. Open it in a spreadsheet, save it as .xlsx or CSV.") % {"reason": reason}
            )
        return json.loads(line)


@contextmanager
def reading_process(path: Path, format: str) -> Iterator[ReadingProcess]:
    command = [sys.executable, "-m", "overplane.files.reading_process", str(path), format]
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603 (our own module; the path is an argument, no shell reads it)
        command, cwd=PROJECT, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, encoding="utf-8"
    ) as process:
        try:
            yield ReadingProcess(process)
        finally:
            process.kill()
