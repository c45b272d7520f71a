"""The rows of a file as customers with their line items, parsed and judged column by column.

A column of thousands of cells is trimmed, measured and judged in one go, which is what makes a million rows bearable.
Only a column that holds anything wrong is looked at cell by cell, with the very parser and rule of the API.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from crm import rules
from crm.line_items import POSITION, LineItem
from crm.transfer.batch import Batch, ParseOptions, RowProblem
from crm.transfer.columns import column_name, customer_columns, line_item_columns
from crm.transfer.grouping import grouped, picked
from crm.transfer.names import Source, joined_cells, name_cells
from overplane.database.attributes import Attribute
from overplane.database.text import has_forbidden_characters
from overplane.files.cells import BROKEN, split_broken
from overplane.files.tables import ABSENT, Row, Table
from overplane.problems import Code, Problem, invalid


def batches(table: Table, parse_options: ParseOptions) -> Iterator[Batch]:
    """Judged customers, batch by batch; what is wrong with them stands in each batch's `problems`."""
    for batch in grouped(table, parse_options):
        # Rows may have more cells than there are columns, never fewer.
        batch.cells = list(zip(*[lines[0][1] for lines in batch.lines], strict=False))
        _parse_customers(batch, parse_options)
        if parse_options.columns.parent is not None:
            _parse_parents(batch, parse_options, parse_options.columns.parent)
        for kind in parse_options.columns.kinds:
            _parse_line_items(kind, batch, parse_options)
        _refuse_faults(batch)
        yield batch


def _refuse_faults(batch: Batch) -> None:
    """Nothing else is said of such a row: nobody knows which cell is which."""
    for i, lines in enumerate(batch.lines if batch.faults else ()):
        if problems := [
            RowProblem(n, "", "", Problem(Code.PARAMETER_INVALID, batch.faults[n].message))
            for n, _ in lines
            if n in batch.faults
        ]:
            batch.problems[i] = problems


@dataclass(frozen=True, slots=True)
class Column:
    """The cells of one attribute, and what stands over them."""

    known: Attribute
    cells: Sequence[str]
    heading: str
    rule: rules.Rule | None = None  # judges each value, null included
    keeps: bool = False  # what is blank says nothing
    is_partial: bool = False  # cells may be ABSENT whatever the file is

    def parsed(self, parse_options: ParseOptions) -> tuple[list[Any], dict[int, ValidationError]]:
        """The values, ABSENT where a sparse file says nothing; errors by index."""
        cells = self.cells
        absent = (
            [i for i, cell in enumerate(cells) if cell == ABSENT] if parse_options.is_sparse or self.is_partial else []
        )
        texts = parse_options.cleaned(["" if cell == ABSENT else cell for cell in cells] if absent else cells)
        if self.keeps:
            absent = [i for i, text in enumerate(texts) if not text.strip()]
        values, errors = parse_column(self.known, texts)
        if self.rule:
            judged = {value: self.rule(value) for value in set(values)}
            wrong = {value: error for value, error in judged.items() if error}
            if wrong:
                errors |= {i: wrong[value] for i, value in enumerate(values) if i not in errors and value in wrong}
        for i in absent:
            values[i] = ABSENT
            errors.pop(i, None)
        return values, errors


def parse_column(known: Attribute, cells: Sequence[str]) -> tuple[list[Any], dict[int, ValidationError]]:
    """As `known.from_text` for each cell; errors by index."""
    errors: dict[int, ValidationError] = {}
    if known.kind == "string" and known.max_length:
        values: list[Any] = list(map(str.strip, cells))
        if "" in values:
            values = [value or known.default for value in values]
        longest = max(map(len, cells), default=0)
        is_good = longest <= known.max_length and not has_forbidden_characters("".join(cells))
        if is_good and not (known.required and None in values):
            return values, errors
    parsed: dict[str, Any] = {}
    wrong: dict[str, ValidationError] = {}
    for cell in set(cells):
        if cell.startswith(BROKEN):
            wrong[cell] = invalid(Code.PARAMETER_INVALID, split_broken(cell)[1])
            continue
        try:
            parsed[cell] = known.from_text(cell)
        except ValidationError as error:
            wrong[cell] = error
    if wrong:
        errors = {i: wrong[cell] for i, cell in enumerate(cells) if cell in wrong}
    return [parsed.get(cell) for cell in cells], errors


def _parse_customers(batch: Batch, parse_options: ParseOptions) -> None:
    columns, known = parse_options.columns, customer_columns()
    sources: dict[str, Source] = {
        name: (batch.cells[index], columns.headings[index]) for name, index in columns.customer.items()
    }
    sources |= {name: ([text] * len(batch), f"--set {name}") for name, text in columns.constants.items()}
    sources |= {
        name: (joined_cells(batch, parse_options, name, indexes), columns.heading(name))
        for name, indexes in columns.joined.items()
    }
    if columns.name_parts and parse_options.mode != "update":
        sources["customer_name"] = name_cells(batch, parse_options, sources.get("customer_name"))
    for name, (cells, heading) in sources.items():
        column = Column(
            known[name], cells, heading, rules.judge_of(name), parse_options.keeps(name), name in batch.new_values
        )
        batch.values[name] = _values(batch, parse_options, column)
    if batch.new_values:
        _judge_names(batch)


def _judge_names(batch: Batch) -> None:
    """Names that were made for customers, if they are new."""
    new_names = batch.new_values["customer_name"]
    values, errors = parse_column(customer_columns()["customer_name"], list(new_names.values()))
    batch.new_values["customer_name"] = {
        i: v for at, (i, v) in enumerate(zip(new_names, values, strict=True)) if at not in errors
    }


def _parse_parents(batch: Batch, parse_options: ParseOptions, index: int) -> None:
    """Whose line items they are, in a file that has nothing else."""
    heading = parse_options.columns.headings[index]
    column = Column(customer_columns()["id"], batch.cells[index], heading)
    values = _values(batch, parse_options, column)
    batch.values["customer_id"] = [None if value == ABSENT else value for value in values]
    for i, value in enumerate(batch.values["customer_id"]):
        if value is None and i not in batch.problems:
            error = ValidationError(_("Must name the customer."), code=str(Code.PARAMETER_MISSING))
            batch.refuse(i, heading, "", error)


def _values(batch: Batch, parse_options: ParseOptions, column: Column) -> list[Any]:
    """One value a customer; what is wrong is noted."""
    values, errors = column.parsed(parse_options)
    for i, error in errors.items():
        batch.refuse(i, column.heading, column.cells[i], error)
    return values


def _parse_line_items(kind: LineItem, batch: Batch, parse_options: ParseOptions) -> None:
    headings, indexes = parse_options.columns.headings, parse_options.columns.of(kind)
    owners, rows = _rows_of(kind, batch, parse_options)
    parsed: dict[str, list[Any]] = {"number": [number for number, _ in rows]}
    for name, index in indexes.items():
        cells = [cells[index] for _, cells in rows]
        column = Column(
            line_item_columns(kind)[name],
            cells,
            headings[index],
            _rule_of(kind, name),
            parse_options.keeps(column_name(kind, name)),
        )
        parsed[name], errors = column.parsed(parse_options)
        for at, error in errors.items():
            batch.refuse(owners[at], column.heading, cells[at], error, number=rows[at][0])
    by_customer = batch.line_items.setdefault(kind.name, {})
    for at, i in enumerate(owners):
        one = {name: values[at] for name, values in parsed.items() if values[at] != ABSENT}
        by_customer.setdefault(i, []).append(one)
    if POSITION in indexes:
        for items in by_customer.values():
            items.sort(key=lambda one: (one.get(POSITION) is None, one.get(POSITION) or 0))


def _rows_of(kind: LineItem, batch: Batch, parse_options: ParseOptions) -> tuple[list[int], list[Row]]:
    """The rows that hold a line item of this kind, each with the index of its customer."""
    indexes = list(parse_options.columns.of(kind).values())
    own = picked(indexes)
    has_nothing_else = parse_options.columns.parent is not None
    without = batch.without_line_items.setdefault(kind.name, set())
    owners: list[int] = []
    rows: list[Row] = []
    for i, lines in enumerate(batch.lines):
        if parse_options.is_sparse and all(cells[index] == ABSENT for _, cells in lines for index in indexes):
            without.add(i)
            continue
        for number, cells in lines:
            if has_nothing_else or not parse_options.is_empty(own(cells)):
                owners.append(i)
                rows.append((number, cells))
    return owners, rows


def _rule_of(kind: LineItem, name: str) -> rules.Rule | None:
    rule = rules.line_item_rules(kind.name).get(name)
    return (lambda value: None if value is None else rule(value)) if rule else None
