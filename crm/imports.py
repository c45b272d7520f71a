"""Files into customers: columns, then rules row by row, then one write with its events, or nothing at all.

The same parsers and rules as the API, so the same bad value gets the same code; every problem is
told with the line on which the spreadsheet shows it.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from crm import representation, rules, search
from crm.models import CUSTOMERS, Customer
from overplane.database.attributes import attributes
from overplane.events import log
from overplane.events.log import Change
from overplane.ids import new_id
from overplane.observability import Origin
from overplane.problems import Code, Problem, nearest, problems_in

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong with one row. `line` is the file's, the heading being line 1."""

    line: int
    column: str
    value: str
    problem: Problem


@dataclass(slots=True)
class Report:
    created: int = 0
    problems: list[RowProblem] = field(default_factory=list)


class UnusableFile(Exception):
    """The file cannot be read as a table of customers at all; the message says why and what to do."""


def import_customers(file: TextIO, mapping: Mapping[str, str], *, ignore_unknown: bool, origin: Origin) -> Report:
    """Reads CSV with a heading line. Writes every row, or none if any is wrong.

    `mapping` is heading to attribute; a heading that is an attribute's name needs none. Streams:
    only one chunk of rows is held, whatever the file's size.
    """
    reader = csv.reader(file, strict=True)
    report = Report()
    with transaction.atomic():
        try:
            headings = [heading.strip() for heading in next(reader, [])]
            columns = _columns(headings, mapping, ignore_unknown=ignore_unknown)
            for chunk in _chunks(_rows(reader, headings, columns, report)):
                if not report.problems:
                    _write(chunk, origin)
                    report.created += len(chunk)
        except csv.Error as error:
            raise UnusableFile(f"Line {reader.line_num}: this is not CSV ({error}).") from None
        except UnicodeDecodeError as error:
            raise UnusableFile(f"The file is not {error.encoding} text (after line {reader.line_num}).") from None
        if report.problems:
            report.created = 0
            transaction.set_rollback(True)
    return report


def _columns(headings: Sequence[str], mapping: Mapping[str, str], *, ignore_unknown: bool) -> dict[int, str]:
    """Which column goes to which attribute."""
    known = attributes(Customer)
    if not any(headings):
        raise UnusableFile("The file is empty: its first line must name the columns.")
    if absent := [heading for heading in mapping if heading.strip() not in headings]:
        raise UnusableFile(f"The file has no column {', '.join(map(repr, absent))}.{nearest(absent[0], headings)}")
    if wrong := [name for name in mapping.values() if name not in known]:
        raise UnusableFile(f"There is no attribute {wrong[0]!r}.{nearest(wrong[0], known)}")
    stripped = {heading.strip(): name for heading, name in mapping.items()}
    columns = {i: stripped.get(h, h if h in known else "") for i, h in enumerate(headings)}
    unknown = [headings[i] for i, name in columns.items() if not name]
    if unknown and not ignore_unknown:
        named = ", ".join(repr(heading) for heading in unknown)
        raise UnusableFile(f"Unknown columns: {named}. Map them (--map 'Heading=field') or pass --ignore-unknown.")
    chosen = {i: name for i, name in columns.items() if name}
    if twice := [name for name in set(chosen.values()) if list(chosen.values()).count(name) > 1]:
        raise UnusableFile(f"More than one column goes to {twice[0]}.")
    return chosen


def _rows(reader: Any, headings: Sequence[str], columns: Mapping[int, str], report: Report) -> Iterator[dict[str, Any]]:
    """The good rows' values; what is wrong with the others goes to the report."""
    known = attributes(Customer)
    defaults = {name: one.default for name, one in known.items()}
    parsers = [(i, name, known[name].from_text) for i, name in columns.items()]
    heading_of = {name: headings[i] for i, name in columns.items()}
    index_of = {name: i for i, name in columns.items()}
    line = reader.line_num + 1
    for cells in reader:
        if not any(cells):
            line = reader.line_num + 1
            continue
        if len(cells) != len(headings):
            message = f"The row has {len(cells)} cells, the heading {len(headings)}."
            report.problems.append(RowProblem(line, "", "", Problem(Code.PARAMETER_INVALID, message)))
            line = reader.line_num + 1
            continue
        values, errors = dict(defaults), {}
        for i, name, parse in parsers:
            try:
                values[name] = parse(cells[i])
            except ValidationError as error:
                errors[name] = [error]
        errors = rules.customer_errors({n: v for n, v in values.items() if n not in errors}) | errors
        if errors:
            for problem in problems_in(ValidationError(errors)):
                cell = cells[index_of[problem.param]] if problem.param in index_of else ""
                report.problems.append(RowProblem(line, heading_of.get(problem.param, problem.param), cell, problem))
        else:
            yield values
        line = reader.line_num + 1


def _chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _write(chunk: Sequence[Mapping[str, Any]], origin: Origin) -> None:
    rows = []
    for values in chunk:
        now = timezone.now()
        row = {"id": new_id("customer"), "created_at": now, "updated_at": now, **values, "version": 1}
        rows.append(row | {"search_text": search.text_of(row, [])})
    CUSTOMERS.insert(rows)
    log.record_many(
        [Change("customer.created", r["id"], r["id"], 1, representation.customer(r), {}) for r in rows], origin=origin
    )
