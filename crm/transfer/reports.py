"""What an import reports: counts, problems by row and by sort, warnings, and the refused rows as a file to correct."""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass, field
from itertools import count, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Self, TextIO

from crm.line_item_plans import ListPlan
from crm.transfer.batch import Batch, ParseOptions, RowProblem
from crm.transfer.columns import REFUSAL_COLUMNS
from overplane.files.cells import BROKEN, split_broken
from overplane.files.spreadsheets import escape_formula, unescape_formula
from overplane.files.tables import ABSENT

MAX_REPORTED = 200  # problems and changes in a report: as many as anybody reads, whatever the file's size
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
    problems: list[RowProblem] = field(default_factory=list)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)  # (code, column)
    changes: list[FieldChange] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    mapping: dict[str, str] = field(default_factory=dict)
    errors_file: str | None = None

    def note_problems(self, batch: Batch) -> None:
        for _, problems in sorted(batch.problems.items()):
            self.counts["problems"] += len(problems)
            self.kinds.update((problem.problem.code, problem.column) for problem in problems)
            self.problems += problems[: MAX_REPORTED - len(self.problems)]
        self.counts["refused"] += len(batch.problems)

    def add_warnings(self, warnings: Iterable[str]) -> None:
        """Each once, though several passes may find the same."""
        self.warnings += [warning for warning in dict.fromkeys(warnings) if warning not in self.warnings]

    @property
    def problem_count(self) -> int:
        return self.counts["problems"]

    def count_created(self, batch: Batch, creates: Sequence[int]) -> None:
        """New customers of a batch, by index, with their line items."""
        self.counts["created"] += len(creates)
        self.counts["rows_created"] += sum(
            len(items.get(i, ())) for items in batch.line_items.values() for i in creates
        )

    def count_line_items(self, plans: Sequence[ListPlan]) -> None:
        """Line items of customers that were there before."""
        for plan in plans:
            self.counts["rows_created"] += len(plan.inserts)
            self.counts["rows_updated"] += len(plan.updates)
            self.counts["rows_deleted"] += len(plan.deletes)

    def note_update(self, number: int, before: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """A customer that changes, by the number of its row."""
        self.counts["updated"] += 1
        changes = [FieldChange(number, before["id"], name, before[name], value) for name, value in new.items()]
        self.changes += changes[: MAX_REPORTED - len(self.changes)]

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
    """The refused customers as they stood in the file, with the reason; made when the first one comes.

    Rows of a spreadsheet become CSV, the reason in columns before their own, so that a row with too few or too many
    cells stays one. Objects become NDJSON, which can say that a key is absent.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: TextIO | None = None

    def go_on_at(self, size: int) -> bool:
        """Cuts off what was written after the last commit of the run. False if the file is missing or shorter."""
        if self.file is None and size:
            if not self.path.is_file() or self.path.stat().st_size < size:
                return False
            with self.path.open("r+b") as file:
                file.truncate(size)
            self.file = self.path.open("a", encoding="utf-8", newline="")
        return True

    def begin_anew(self) -> Path:
        """Goes on in a file of another name. Returns the old path, whose file stays as it is."""
        old, names = self.path, (self.path.with_name(f"{self.path.stem}.{i}{self.path.suffix}") for i in count(2))
        self.path = next(path for path in names if not path.exists())
        return old

    def flushed(self) -> int:
        """Hands everything to the operating system. Returns how many bytes the file has."""
        if self.file is None:
            return 0
        self.file.flush()
        return self.path.stat().st_size

    def add(self, batch: Batch, parse_options: ParseOptions) -> None:
        headings = parse_options.columns.headings
        if self.file is None:
            encoding = "utf-8-sig" if parse_options.is_sheet else "utf-8"
            self.file = self.path.open("w", encoding=encoding, newline="")
            if parse_options.is_sheet:  # in quotes, or a heading with many semicolons would be taken for several
                own = [escape_formula(heading) for heading in headings if heading not in REFUSAL_COLUMNS]
                csv.writer(self.file, quoting=csv.QUOTE_ALL).writerow([*REFUSAL_COLUMNS, *own])
        if parse_options.is_sheet:
            csv.writer(self.file).writerows(_rows(batch, headings))
        else:
            self.file.writelines(_objects(batch, parse_options))

    def close(self) -> None:
        if self.file is not None:
            self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, type_: Any, error: Any, traceback: Any) -> None:
        # Only the first error is raised: on a full disk closing fails too.
        with suppress(OSError) if error else nullcontext():
            self.close()


def _rows(batch: Batch, headings: list[str]) -> Iterator[list[Any]]:
    """Each row of a refused customer as it was, after the reason."""
    of_before = [i for i, heading in enumerate(headings) if heading in REFUSAL_COLUMNS]
    for i in sorted(batch.problems):
        for number, cells in batch.lines[i]:
            width = batch.faults[number].cell_count if number in batch.faults else len(cells)
            own = [_cell(cell) for cell in cells[:width]]
            for index in reversed(of_before):
                del own[index : index + 1]
            yield [batch.numbers[i], _messages(batch.problems[i], number), *own]


def _messages(problems: list[RowProblem], number: int) -> str:
    own = [p for p in problems if p.number == number]
    return "; ".join(f"{p.column or 'row'}: {p.problem.message} ({p.problem.code})" for p in own)


def _cell(text: str) -> str:
    if text.startswith(BROKEN):
        text, _ = split_broken(text)
    return escape_formula(unescape_formula(text))  # in the file it may be escaped already


def _objects(batch: Batch, parse_options: ParseOptions) -> Iterator[str]:
    """Each refused object as it was, its values as text, which the import takes as well."""
    for i in sorted(batch.problems):
        for number, lines in groupby(batch.lines[i], key=itemgetter(0)):
            reasons = dict(zip(REFUSAL_COLUMNS, (number, _messages(batch.problems[i], number)), strict=True))
            values = _object([cells for _, cells in lines], parse_options)
            yield json.dumps(reasons | values, ensure_ascii=False) + "\n"


def _object(lines: list[list[str]], parse_options: ParseOptions) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for line, cells in enumerate(lines):
        children: dict[str, dict[str, str]] = {}
        for heading, cell in zip(parse_options.columns.headings, cells, strict=True):
            if cell == ABSENT or heading in REFUSAL_COLUMNS:
                continue
            if heading in parse_options.nested:
                key, inner = parse_options.nested[heading]
                children.setdefault(key, {})[inner] = cell
            elif line == 0:
                values[heading] = cell
        for key, child in children.items():
            values.setdefault(key, []).extend([child] if any(child.values()) else [])
    return values
