"""What an import reports: counts, problems by row and by sort, warnings."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from crm.line_item_plans import ListPlan
from crm.transfer.batch import Batch, RowProblem

MOST_WARNED = 20  # rows of merged customers
MAX_REPORTED = 200  # problems and changes in a report: as many as anybody reads, whatever the file's size
# Kinds of problems stand among the counts, which a run that breaks off keeps: `problem:CODE:COLUMN`. (Without NUL, which
# PostgreSQL's JSON does not hold.)
KIND = "problem:"
MAX_VALUE = 200  # characters of a wrong value: a row has some 40 cells, any of which may be a whole document
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
    changes: list[FieldChange] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    merged_rows: set[int] = field(default_factory=set)  # those that were warned of
    mapping: dict[str, str] = field(default_factory=dict)
    errors_file: str | None = None

    def note_problems(self, batch: Batch) -> None:
        for _index, problems in sorted(batch.problems.items()):
            self.counts["problems"] += len(problems)
            self.counts.update(f"{KIND}{p.problem.code}:{p.column}".replace("\0", "\ufffd") for p in problems)
            self.problems += problems[: MAX_REPORTED - len(self.problems)]
        self.counts["refused"] += len(batch.problems)

    def add_warnings(self, warnings: Iterable[str]) -> None:
        """Each once, though several passes may find the same."""
        self.warnings += [warning for warning in dict.fromkeys(warnings) if warning not in self.warnings]

    def note_merged(self, batch: Batch, merged: Mapping[int, str]) -> None:
        """Rows, by index, whose customers are part of others (id): a warning for each, until there are too many to read."""
        for i, survivor in merged.items():
            row = batch.numbers[i]
            if i in batch.problems or row in self.merged_rows:  # a check has warned already
                continue
            if len(self.merged_rows) == MOST_WARNED:
                self.add_warnings(
                    [_("More rows are of merged customers; whoever these are part of is changed instead.")]
                )
                return
            self.merged_rows.add(row)
            text = _("Row %(row)d: that customer was merged into %(id)s, which is changed instead.")
            self.add_warnings([text % {"row": row, "id": survivor}])

    @property
    def kinds(self) -> Counter[tuple[str, str]]:
        """How many problems there are of each code and column."""
        kinds: Counter[tuple[str, str]] = Counter()
        for name, number in self.counts.items():
            if name.startswith(KIND):
                code, _colon, column = name.removeprefix(KIND).partition(":")
                kinds[code, column] = number
        return kinds

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
        "value": problem.value[:MAX_VALUE],
        "code": str(problem.problem.code),
        "message": problem.problem.message,
    }
