"""What an import has to say: counts, problems by row and by kind, warnings, and the refused rows as a file to mend."""

import csv
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from crm.chunks import Chunk, RowProblem
from crm.columns import TOLD
from overplane.files.spreadsheets import disarmed
from overplane.files.tables import ABSENT

KEPT = 200
COUNTS = ("created", "updated", "unchanged", "refused", "rows_created", "rows_updated", "rows_deleted")


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One value that the file would change, or has changed."""

    number: int
    customer_id: str
    name: str
    old: Any
    new: Any


@dataclass(slots=True)
class Report:
    """`problems` and `changes` are the first few hundred; the counts are of all."""

    file: str
    encoding: str = ""
    run: str | None = None
    state: str = ""
    customers: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    problem_count: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)  # (code, column)
    changes: list[FieldChange] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    mapping: dict[str, str] = field(default_factory=dict)
    errors_file: str | None = None

    def note_problems(self, chunk: Chunk) -> None:
        for problems in chunk.problems.values():
            self.problem_count += len(problems)
            self.kinds.update((problem.problem.code, problem.column) for problem in problems)
            self.problems += problems[: KEPT - len(self.problems)]
        self.counts["refused"] += len(chunk.problems)

    def note_changes(self, changes: list[FieldChange]) -> None:
        self.changes += changes[: KEPT - len(self.changes)]

    def as_json(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "encoding": self.encoding,
            "run": self.run,
            "state": self.state,
            "customers": self.customers,
            **{name: self.counts[name] for name in COUNTS},
            "mapping": self.mapping,
            "warnings": self.warnings,
            "problem_count": self.problem_count,
            "problems": [problem_as_json(problem) for problem in self.problems],
            "kinds": [{"code": code, "column": column, "count": n} for (code, column), n in self.kinds.most_common()],
            "changes": [asdict(change) for change in self.changes],
            "errors_file": self.errors_file,
        }


def problem_as_json(problem: RowProblem) -> dict[str, Any]:
    return {
        "row": problem.number,
        "column": problem.column,
        "value": problem.value[:200],
        "code": str(problem.problem.code),
        "message": problem.problem.message,
    }


class RefusedRows:
    """The refused customers' rows in their own columns and the reason beside them; made when the first one comes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: TextIO | None = None
        self.writer: Any = None

    def go_on_at(self, size: int) -> None:
        """Drops what was written after the last commit of the run, nothing of which counts."""
        if size and self.file is None:
            with self.path.open("r+b") as kept:
                kept.truncate(size)
            self.file = self.path.open("a", encoding="utf-8", newline="")
            self.writer = csv.writer(self.file)

    def flushed(self) -> int:
        """How many bytes it has by now, all of them with the operating system."""
        if self.file is None:
            return 0
        self.file.flush()
        return self.path.stat().st_size

    def add(self, chunk: Chunk, headings: list[str]) -> None:
        if not chunk.problems:
            return
        if self.file is None:
            self.file = self.path.open("w", encoding="utf-8-sig", newline="")
            self.writer = csv.writer(self.file)
            self.writer.writerow([*(disarmed(h) for h in headings if h not in TOLD), *TOLD])
        kept = [i for i, heading in enumerate(headings) if heading not in TOLD]
        for i, problems in sorted(chunk.problems.items()):
            for number, cells in chunk.lines[i]:
                own = [p for p in problems if p.number == number]
                told = "; ".join(f"{p.column or 'row'}: {p.problem.message} ({p.problem.code})" for p in own)
                shown = [_cell(cells[at]) for at in kept if at < len(cells)]
                self.writer.writerow([*shown, number, told])

    def close(self) -> None:
        if self.file is not None:
            self.file.close()


def _cell(text: str) -> str:
    # A file is text: no NUL, which no program would read back. A cell with one is told and must be typed anew.
    return "" if text == ABSENT else disarmed(text.replace("\0", "\ufffd"))
