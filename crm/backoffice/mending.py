"""Rows of a checked file that are corrected in the page: as they stand, what was corrected so far, and what is still wrong.

What is typed is kept with the job of the check at once, and judged at once as the import judges it. The next check reads
the whole file with all of it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction
from django.utils.translation import gettext as _

from crm.backoffice import uploads
from crm.backoffice.problem_kinds import RefusedWithExamples, on_a_page
from crm.backoffice.samples import choices_of
from crm.transfer.corrections import Corrections, seen
from crm.transfer.excerpts import Excerpt, judged
from crm.transfer.headings import plain
from crm.transfer.options import ImportOptions
from crm.transfer.reports import problem_as_json
from crm.transfer.requested import KEEP_WHEN_BLANK, parts_of
from overplane.files.cells import Row
from overplane.jobs import files
from overplane.jobs.models import Job, JobFile
from overplane.problems import Code

CORRECTED = "corrected"  # in a check's payload: what was corrected since
LONGEST = 65_535  # characters of a cell: as long as the longest attribute


def store(refused: RefusedWithExamples, job: Job) -> JobFile:
    assert refused.excerpt is not None, "there are problems, so there is an excerpt"
    content = {"excerpt": asdict(refused.excerpt), "problems": refused.problems}
    return files.store(ContentFile(json.dumps(content).encode()), _("rows to be corrected") + ".json", job.actor, job)


@dataclass(slots=True)
class Cell:
    """A cell of a refused row. `messages`: what is wrong with it still."""

    index: int
    heading: str
    text: str
    is_corrected: bool
    messages: list[str] = field(default_factory=list)
    was_wrong: bool = False
    may_change: bool = True
    choices: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_other(self) -> bool:
        """Of a closed choice: it says something else, or says it in another word."""
        return bool(self.text) and self.text not in dict(self.choices)

    @property
    def is_of_lines(self) -> bool:
        """A field of one line would lose the line breaks."""
        return "\n" in self.text or "\r" in self.text


@dataclass(slots=True)
class RowOfFile:
    """A row. `messages`: what is wrong with it and not with one of its cells."""

    number: int
    cells: list[Cell]
    messages: list[str] = field(default_factory=list)


@dataclass(slots=True)
class RefusedCustomer:
    """A customer that was refused: its rows, and of which kinds its problems were (`code:heading`).

    `wrong`: in which columns something is wrong still.
    """

    lines: list[RowOfFile]
    kinds: set[str]
    wrong: set[str]

    @property
    def is_right(self) -> bool:
        return not self.wrong


class Mending:
    """Raises `JobFile.DoesNotExist` if the rows are purged already."""

    def __init__(self, job: Job) -> None:
        self.job = job
        stored = JobFile.objects.get(pk=(job.result or {})["to_correct"], job=job)
        with stored.content.open("rb") as file:
            content = json.load(file)
        excerpt = content["excerpt"]
        customers = [[(number, cells) for number, cells in rows] for rows in excerpt["customers"]]
        self.excerpt = Excerpt(**excerpt | {"customers": customers})
        self.problems: list[list[dict[str, Any]]] = content["problems"]
        self.last: dict[int, tuple[list[Row], RefusedCustomer]] = {}  # how each customer stood, and what was said of it
        self.indexes: dict[
            str, list[int]
        ] = {}  # of what a problem's column is made of; there may be ten thousand problems

    @cached_property
    def corrections(self) -> Corrections:
        return Corrections(**self.job.payload.get(CORRECTED, {}))

    @cached_property
    def column_indexes(self) -> list[int]:
        """The columns that the import reads, those with problems first."""
        headings = self.excerpt.headings
        written = self.job.payload.get("mapping", {})
        used = {part for text, name in written.items() if name for part in parts_of(text, headings)}
        wrong = {part for own in self.problems for one in own for part in parts_of(one["column"], headings)}
        indexes = [i for i, heading in enumerate(headings) if heading and heading in used | wrong]
        return sorted(indexes, key=lambda i: headings[i] not in wrong)

    @cached_property
    def choices(self) -> dict[int, list[tuple[str, str]]]:
        """Of the columns that are closed choices."""
        headings, mapping = self.excerpt.headings, self.job.payload.get("mapping", {})
        names = {i: mapping.get(heading, "").removesuffix(KEEP_WHEN_BLANK) for i, heading in enumerate(headings)}
        return {i: choices for i, name in names.items() if (choices := choices_of(name))}

    def label(self, index: int) -> str:
        """The field that a column goes to, if the heading does not say so."""
        mapping, heading = self.job.payload.get("mapping", {}), self.excerpt.headings[index]
        names = [name for text, name in mapping.items() if heading in parts_of(text, self.excerpt.headings)]
        label = uploads.labels().get(names[0].removesuffix(KEEP_WHEN_BLANK), "") if names else ""
        return "" if plain(label) == plain(heading) else label

    @cached_property
    def refused(self) -> list[RefusedCustomer]:
        """Every customer as it stands now. Only those are judged that are otherwise than they were last."""
        now = [self._corrected(rows) for rows in self.excerpt.customers]
        stale = [i for i, rows in enumerate(now) if i not in self.last or self.last[i][0] != rows]
        changed = [i for i in stale if now[i] != self.excerpt.customers[i]]
        still = {i: self.problems[i] for i in stale}
        problem_lists = _problems(self.excerpt, [self.excerpt.customers[i] for i in changed], self._options())
        for i, problems in zip(changed, problem_lists, strict=True):
            still[i] = [*problems, *self._repeated(i, now[i], problems)]
        self.last |= {i: (now[i], self._refused(i, now[i], problems)) for i, problems in still.items()}
        return [self.last[i][1] for i in range(len(now))]

    def _options(self) -> ImportOptions:
        """As of the check. Its own corrections stand in the rows already."""
        corrections = self.corrections
        return replace(
            uploads.options_of(self.job.payload),
            corrected_cells=corrections.cells,
            corrected_values=corrections.values,
        )

    def _corrected(self, rows: Sequence[Row]) -> list[Row]:
        copied = ((number, list(cells)) for number, cells in rows)
        return [*self.corrections.applied(copied, self.excerpt.headings, {})]

    def _repeated(self, i: int, rows: Sequence[Row], problems: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """What another row of the file has too cannot be judged here: it stays wrong as long as it is not changed."""
        for problem in self.problems[i]:
            if problem["code"] != str(Code.PARAMETER_DUPLICATE) or problem in problems:
                continue
            before, now = (self._texts(own, problem) for own in (self.excerpt.customers[i], rows))
            if before == now:
                yield problem

    def _texts(self, rows: Sequence[Row], problem: Mapping[str, Any]) -> list[str]:
        indexes = self._indexes(problem)
        return [cells[i] for number, cells in rows if number == problem["row"] for i in indexes if i < len(cells)]

    def _indexes(self, problem: Mapping[str, Any]) -> list[int]:
        column, headings = problem["column"], self.excerpt.headings
        if column not in self.indexes:
            parts = parts_of(column, headings)
            self.indexes[column] = [headings.index(part) for part in parts if part and part in headings]
        return self.indexes[column]

    def _refused(self, i: int, rows: Sequence[Row], problems: Sequence[Mapping[str, Any]]) -> RefusedCustomer:
        lines = [self._line(before, now) for before, now in zip(self.excerpt.customers[i], rows, strict=True)]
        for line, above in zip(lines[1:], lines, strict=False):
            if line.number == above.number:  # an object in a list of the customer, which is corrected in its first row
                for cell in line.cells:
                    cell.may_change = False
        for problem in problems:
            of_row = [line for line in lines if line.number == problem["row"]] or lines
            indexes = self._indexes(problem)
            cells = [cell for cell in of_row[0].cells if cell.index in indexes]
            for messages in [cell.messages for cell in cells] or [of_row[0].messages]:
                messages.append(problem["message"])
        for problem in self.problems[i]:
            indexes = self._indexes(problem)
            for cell in (cell for line in lines if line.number == problem["row"] for cell in line.cells):
                cell.was_wrong = cell.was_wrong or cell.index in indexes
        kinds = {f"{one['code']}:{one['column']}" for one in self.problems[i]}
        return RefusedCustomer(lines, kinds, wrong={one["column"] for one in problems})

    def _line(self, before: Row, now: Row) -> RowOfFile:
        number, cells = now
        old = before[1]
        return RowOfFile(
            number,
            [
                Cell(
                    i,
                    self.excerpt.headings[i],
                    seen(cells[i]) if i < len(cells) else "",
                    is_corrected=i < len(cells) and (i >= len(old) or cells[i] != old[i]),
                    # Of the objects in a list all have the number of their customer.
                    may_change=self.excerpt.headings[i] not in self.excerpt.nested,
                    choices=self.choices.get(i, []),
                )
                for i in self.column_indexes
            ],
        )

    def correct(self, cells: Mapping[tuple[int, int], str], values: Mapping[tuple[str, str], str]) -> None:
        """New texts by row and column, and by heading and old text ("": as it is). Each is kept before anything else is said."""
        with transaction.atomic():
            self.job = Job.objects.select_for_update().get(pk=self.job.pk)
            corrections = Corrections(**self.job.payload.get(CORRECTED, {}))
            for (heading, old), text in values.items():
                corrections = corrections.with_value(heading, old, text or None)
            for (number, index), text in (_repeated_cells(self, cells) | dict(cells)).items():
                corrections = corrections.with_cell(number, self.excerpt.headings[index], text)
            self.job.payload |= {CORRECTED: {"cells": corrections.cells, "values": corrections.values}}
            self.job.save(update_fields=["payload"])
        for name in ("corrections", "refused"):
            self.__dict__.pop(name, None)


def is_corrected_since(payload: Mapping[str, Any]) -> bool:
    """Whether what was checked is no longer what would be imported."""
    return bool(Corrections(**payload.get(CORRECTED, {})))


def corrected_payload(payload: Mapping[str, Any]) -> dict[str, Any]:
    """That of the next check of the same file."""
    before = Corrections(payload.get("corrected_cells") or {}, payload.get("corrected_values") or {})
    both = before.followed_by(Corrections(**payload.get(CORRECTED, {})))
    rest = {name: value for name, value in payload.items() if name != CORRECTED}
    return rest | {"corrected_cells": both.cells, "corrected_values": both.values}


def _repeated_cells(mending: Mending, cells: Mapping[tuple[int, int], str]) -> dict[tuple[int, int], str]:
    """Rows that repeat what was corrected of their customer: it is corrected in all, or they would be two customers."""
    mapping, headings = mending.job.payload.get("mapping", {}), mending.excerpt.headings
    repeated: dict[tuple[int, int], str] = {}
    for one in mending.refused if cells else ():
        texts = {(line.number, cell.index): cell.text for line in one.lines for cell in line.cells}
        for number, index in texts.keys() & cells.keys():
            is_of_row = "." in mapping.get(headings[index], "")  # a column of line items
            repeated |= {
                position: cells[number, index]
                for position, text in texts.items()
                if not is_of_row and position[1] == index and text == texts[number, index]
            }
    return repeated


def _problems(
    excerpt: Excerpt, customers: Sequence[Sequence[Row]], options: ImportOptions
) -> list[list[dict[str, Any]]]:
    """What is wrong with each of them."""
    by_numbers = _judged(excerpt, customers, options)
    problem_lists = [by_numbers.get(_numbers(rows)) for rows in customers]
    # Side by side some may be taken for more of another.
    return [
        [*chain.from_iterable(_judged(excerpt, [rows], options).values())] if problems is None else problems
        for rows, problems in zip(customers, problem_lists, strict=True)
    ]


def _judged(
    excerpt: Excerpt, customers: Sequence[Sequence[Row]], options: ImportOptions
) -> dict[tuple[int, ...], list[dict[str, Any]]]:
    """By the numbers of their rows."""
    batches = [one.batch for one in judged(excerpt, customers, options)] if customers else []
    return {
        _numbers(rows): [problem_as_json(on_a_page(problem)) for problem in batch.problems.get(i, ())]
        for batch in batches
        for i, rows in enumerate(batch.lines)
    }


def _numbers(rows: Sequence[Row]) -> tuple[int, ...]:
    return tuple(number for number, _cells in rows)
