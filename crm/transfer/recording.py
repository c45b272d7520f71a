"""What is recorded of a run for whoever began it: every problem, and what became of each row of the file.

It commits with the batch that it tells of. A file of a million rows has some 500 records of 100 KB: one for each row would
cost as much as the customer's event.
"""

import csv
import io
import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from crm.line_item_plans import ListPlan
from crm.models import ImportOutcomes, ImportProblem, ImportRun
from crm.transfer.batch import Batch, RowProblem
from crm.transfer.batch_plans import BatchPlan
from crm.transfer.reports import MAX_VALUE, Report
from overplane.files.spreadsheets import escape_formula

HEADINGS = ("row", "customer_id", "outcome", "code", "message")
BATCH = 10  # records, about a megabyte
ROWS = 2000  # of one record, where a whole file is refused: as many as a batch has customers
REFUSED = ",refused"


def changed_ids(plans: Iterable[ListPlan]) -> set[str]:
    """The customers of which a line item changes."""
    return {plan.customer["id"] for plan in plans if plan.inserts or plan.updates or plan.deletes}


def outcomes_of(batch: Batch, plan: BatchPlan, created: Mapping[int, str], changed: set[str]) -> list[str]:
    """Of each customer of a batch: its id and what became of it, as they stand in a line. `created`: ids by index."""
    outcomes = [REFUSED] * len(batch)
    for i, customer_id in created.items():
        outcomes[i] = f"{customer_id},created"
    for i, customer_id in plan.existing.items():
        outcomes[i] = f"{customer_id},{'updated' if customer_id in changed else 'unchanged'}"
    return outcomes


class Recorder:
    """Of one run. `row_ranges`: first and last of rows without a gap, of a file that is only checked so far."""

    def __init__(self, run: ImportRun) -> None:
        self.run = run
        self.row_ranges: list[tuple[int, int]] = []

    def begin_anew(self) -> None:
        """Forgets what an earlier check of the run recorded."""
        self.row_ranges = []
        ImportProblem.objects.filter(run_id=self.run.pk).delete()
        ImportOutcomes.objects.filter(run_id=self.run.pk).delete()

    def note_checked(self, batch: Batch) -> None:
        """What becomes of good rows is known once all of the file is checked."""
        self._note_problems(batch)
        for number in _numbers(batch):
            first, last = self.row_ranges[-1] if self.row_ranges else (number, number - 1)
            if number == last + 1:
                self.row_ranges[-1:] = [(first, number)]
            elif number != last:
                self.row_ranges.append((number, number))

    def note_outcomes(self, batch: Batch, outcomes: Sequence[str]) -> None:
        self._note_problems(batch)
        lines = _refused_lines(batch) if batch.problems else {}
        parts: list[str] = []
        for i, rows in enumerate(batch.lines):
            if i in batch.problems:
                parts += [lines[number] for number in dict.fromkeys(number for number, _cells in rows)]
            elif len(rows) == 1:
                parts.append(f"{rows[0][0]},{outcomes[i]},,\n")
            else:
                parts += [f"{n},{outcomes[i]},,\n" for n in dict.fromkeys(number for number, _cells in rows)]
        self._store("".join(parts))

    def refuse_all(self) -> None:
        """Nothing of the file is written: all its rows are refused, most of them for what is wrong with others."""
        numbers = (number for first, last in self.row_ranges for number in range(first, last + 1))
        while part := list(islice(numbers, ROWS)):
            problems = ImportProblem.objects.filter(run_id=self.run.pk, number__range=(part[0], part[-1]))
            by_number: dict[int, list[ImportProblem]] = {}
            for problem in problems.order_by("id"):
                by_number.setdefault(problem.number, []).append(problem)
            self._store("".join([_line(n, [_said(p) for p in by_number.get(n, ())]) for n in part]))

    def _store(self, lines: str) -> None:
        ImportOutcomes.objects.create(run_id=self.run.pk, lines=storable(lines))

    def _note_problems(self, batch: Batch) -> None:
        if not batch.problems:
            return
        ImportProblem.objects.bulk_create(
            [
                ImportProblem(
                    run_id=self.run.pk,
                    number=problem.number,
                    column=storable(problem.column),
                    value=storable(problem.value[:MAX_VALUE]),
                    code=str(problem.problem.code),
                    message=storable(problem.problem.message),
                )
                for _i, problems in sorted(batch.problems.items())
                for problem in problems
            ],
            batch_size=ROWS,
        )


def storable(text: str) -> str:
    """Without NUL and halves of a pair of surrogates, which no database takes and which may be the very problem."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def stored_report(report: Report) -> dict[str, Any]:
    """As a job's result. Not what it replaced: nobody would erase that with the customer, and the log has it."""
    output = json.dumps(report.as_json() | {"changes": []}, default=str, ensure_ascii=False).replace(
        "\\u0000", "\ufffd"
    )
    return json.loads(storable(output))


def _numbers(batch: Batch) -> Iterator[int]:
    return (number for rows in batch.lines for number, _cells in rows)


def _refused_lines(batch: Batch) -> dict[int, str]:
    """Of every row of a refused customer, by its number."""
    lines = {}
    for i, problems in batch.problems.items():
        for number, _cells in batch.lines[i]:
            own = [problem for problem in problems if problem.number == number]
            lines[number] = _line(number, [_of_batch(problem) for problem in own])
    return lines


Said = tuple[str, str, str]  # code, column, message


def _of_batch(problem: RowProblem) -> Said:
    return str(problem.problem.code), problem.column, problem.problem.message


def _said(problem: ImportProblem) -> Said:
    return problem.code, problem.column, problem.message


def _line(number: int, problems: Sequence[Said]) -> str:
    code = problems[0][0] if problems else ""
    message = "; ".join(f"{column}: {message}" if column else message for _code, column, message in problems)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow([number, "", "refused", code, message])
    return text.getvalue()


def result_lines(run_id: str, *, worded: Callable[[str], str]) -> Generator[bytes, None, None]:
    """The file of results. Read in parts, so no transaction is open while somebody reads it. `worded`: messages as a door says them."""
    yield (",".join(HEADINGS) + "\n").encode()
    last, stored = 0, ImportOutcomes.objects.filter(run_id=run_id).order_by("id")
    while part := list(stored.filter(pk__gt=last)[:BATCH]):
        last = part[-1].pk
        yield "".join([_worded(one.lines, worded) for one in part]).encode()


def _worded(lines: str, worded: Callable[[str], str]) -> str:
    if REFUSED not in lines:  # no message in it
        return lines
    text = io.StringIO()
    rows = csv.reader(io.StringIO(lines, newline=""))
    csv.writer(text, lineterminator="\n").writerows([*row[:-1], escape_formula(worded(row[-1]))] for row in rows)
    return text.getvalue()


def result_name(file_name: str) -> str:
    return f"{file_name.rpartition('.')[0] or file_name}.result.csv"
