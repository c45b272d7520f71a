"""Rows of a file put together: which of them belong to one customer, and where a batch ends."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from django.utils.translation import gettext as _

from crm.transfer.batch import Batch, Fault, ParseOptions
from crm.transfer.columns import REFUSAL_COLUMNS
from crm.transfer.doubtful_rows import DoubtfulRows
from overplane.files.cells import BrokenRow
from overplane.files.tables import Table

GoesOn = Callable[[int, list[str]], bool]  # number and cells of a row


def grouped(table: Table, parse_options: ParseOptions) -> Iterator[Batch]:
    """Batches of rows that are not parsed yet. Rows that only go on with the customer before them are its own."""
    width, merged = len(table.headings), table.merged
    goes_on = _continuation(parse_options)
    groups = _column_groups(parse_options)
    batch, weight = Batch([], []), 0
    doubts = DoubtfulRows(table, parse_options)
    for number, cells in table.rows:
        text = "".join(cells)
        if not text or text.isspace():
            continue
        if doubts.may_repeat_headings(cells) and doubts.repeats_headings(number, cells):
            batch.repeated.add(number)
            continue
        if doubts.without_heading:
            doubts.note_filled(number, cells)
        fault = is_short = None
        if len(cells) != width or type(cells) is not list:
            fault = _fault(cells, width)
            is_short = doubts.is_short(cells)
            cells.extend([""] * (width - len(cells)))
        if number in merged and type(cells) is list:
            _fill(cells, merged[number], groups)
        weight += len(text)
        if goes_on(number, cells) and type(cells) is list:
            batch.lines[-1].append((number, cells))
        else:
            if len(batch) == parse_options.size or (
                parse_options.heaviest and weight > parse_options.heaviest and batch.numbers
            ):
                yield batch
                batch, weight = Batch([], []), 0
            batch.numbers.append(number)
            batch.lines.append([(number, cells)])
        if fault:
            batch.faults[number] = fault
        if is_short:
            batch.short.add(number)
    if batch.numbers:
        yield batch
    table.notes += doubts.notes()


def picked(indexes: Sequence[int]) -> Callable[[Sequence[str]], Sequence[str]]:
    """Takes these cells of a row. For each row of a large file, so in C where there are several."""
    if len(indexes) > 1:
        return itemgetter(*indexes)
    return lambda cells: [cells[i] for i in indexes]


def _fault(cells: list[str], width: int) -> Fault | None:
    """Cells that are missing at a row's end are empty. Of too many nobody knows which belongs where."""
    if isinstance(cells, BrokenRow):
        return Fault(cells.message, len(cells))
    if any(cells[width:]):
        return Fault(
            _("The row has %(cells)s cells, the heading %(width)s.") % {"cells": len(cells), "width": width}, len(cells)
        )
    return None


def _column_groups(parse_options: ParseOptions) -> list[list[int]]:
    """The columns of the customer, and those of each kind of line item."""
    columns = parse_options.columns
    return [columns.own, *(list(indexes.values()) for indexes in columns.line_items.values())]


def _fill(cells: list[str], merged: Mapping[int, str], groups: Sequence[Sequence[int]]) -> None:
    """A cell that was merged over several rows holds for each of them that says anything else of the same object."""
    for group in groups:
        if any(cells[i].strip() for i in group):
            for i in merged.keys() & set(group):
                cells[i] = merged[i]


def _continuation(parse_options: ParseOptions) -> GoesOn:
    """Whether a row only goes on with the customer before it. To be called for each row, in order."""
    columns = parse_options.columns
    if not parse_options.is_sheet and columns.parent is None:
        return _same_number()
    if not columns.line_items:
        return lambda number, cells: False
    repeats = _repeated_or_blank(parse_options)
    if REFUSAL_COLUMNS[0] in columns.headings:
        return _as_refused(columns.headings.index(REFUSAL_COLUMNS[0]), repeats)
    return repeats


def _same_number() -> GoesOn:
    """An object of the file is one customer: its rows have one number."""
    last: int | None = None

    def goes_on(number: int, cells: list[str]) -> bool:
        nonlocal last
        before, last = last, number
        return number == before

    return goes_on


def _repeated_or_blank(parse_options: ParseOptions) -> GoesOn:
    """Further rows repeat the customer's cells or leave them blank."""
    columns = parse_options.columns
    own = picked(columns.own if columns.parent is None else [columns.parent])
    inner = picked([i for indexes in columns.line_items.values() for i in indexes.values()])
    last: Any = None

    def goes_on(number: int, cells: list[str]) -> bool:
        nonlocal last
        mine = own(cells)
        if mine == last:
            return columns.parent is not None or not parse_options.is_empty(inner(cells))
        if parse_options.is_sheet and parse_options.is_empty(mine):
            return last is not None
        last = mine
        return False

    return goes_on


def _as_refused(index: int, looks_so: GoesOn) -> GoesOn:
    """In a file of refused rows all rows of a customer have its number: neighbours need not have been neighbours."""
    last = ""

    def goes_on(number: int, cells: list[str]) -> bool:
        nonlocal last
        before, last = last, cells[index]
        looks = looks_so(number, cells)
        return last == before if last else looks

    return goes_on
