"""The rows of a file as customers with their supplier numbers, parsed and judged column by column.

A column of thousands of cells is trimmed, measured and judged in one go, which is what makes a
million rows bearable; only where a column holds anything wrong is it looked at cell by cell, with
the very parser and rule of the API.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError

from crm import rules
from crm.columns import ROWS, Columns, customer_columns, row_columns
from overplane.database.attributes import Attribute
from overplane.files.spreadsheets import rearmed
from overplane.files.tables import ABSENT, Row, Table
from overplane.problems import Code, Problem, problems_in

SIZE = 5000


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong with one row of the file, by the number that a spreadsheet shows."""

    number: int
    column: str
    value: str
    problem: Problem


@dataclass(slots=True)
class Chunk:
    """Some customers of the file. Each list has one entry a customer; the others are by the customer's place in here.

    `values` are parsed columns by attribute (of customers); `children` the parsed supplier numbers, each
    with the row number (`number`) it stands in; `lines` all the rows of the file that a customer takes.
    """

    numbers: list[int]
    lines: list[list[Row]]
    values: dict[str, list[Any]] = field(default_factory=dict)
    children: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    problems: dict[int, list[RowProblem]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def last_number(self) -> int:
        return self.lines[-1][-1][0]

    def refuse(self, i: int, column: str, value: str, error: ValidationError, number: int | None = None) -> None:
        told = self.problems.setdefault(i, [])
        told += [
            RowProblem(number or self.numbers[i], column, value, problem)
            for problem in problems_in(ValidationError({column: error}))
        ]


@dataclass(frozen=True, slots=True)
class Reading:
    """How cells are to be understood."""

    columns: Columns
    nulls: frozenset[str] = frozenset()
    is_disarmed: bool = False  # by a spreadsheet's rules: a leading ' may stand for nothing
    is_sparse: bool = False
    size: int = SIZE


def chunks(table: Table, reading: Reading) -> Iterator[Chunk]:
    """Judged customers, chunk by chunk; what was found wrong stands in each chunk's `problems`."""
    for numbers, lines, ragged in _grouped(table, reading):
        chunk = Chunk(numbers, lines)
        for i, message in ragged.items():
            chunk.problems[i] = [RowProblem(numbers[i], "", "", Problem(Code.PARAMETER_INVALID, message))]
        _parse_customers(chunk, reading)
        if reading.columns.rows:
            _parse_children(chunk, reading)
        yield chunk


Grouped = tuple[list[int], list[list[Row]], dict[int, str]]


def _grouped(table: Table, reading: Reading) -> Iterator[Grouped]:
    """Lines put together: those that only go on with the customer before (blank, or the same cells once more) are its own."""
    columns, width = reading.columns, len(table.headings)
    own = sorted(columns.customer.values()) if columns.parent is None else [columns.parent]
    inner = sorted(columns.rows.values())
    numbers: list[int] = []
    lines: list[list[Row]] = []
    ragged: dict[int, str] = {}
    last: list[str] | None = None
    for number, cells in table.rows:
        if not any(cells):
            continue
        message = ""
        if len(cells) != width:
            if not any(map(str.strip, cells)):
                continue
            if len(cells) < width or any(cells[width:]):
                message = f"The row has {len(cells)} cells, the heading {width}."
                cells.extend([""] * (width - len(cells)))
            del cells[width:]
        if inner:
            mine = [cells[i] for i in own]
            if lines and any(cells[i] for i in inner) and (mine == last or not any(mine)):
                lines[-1].append((number, cells))
                if message:
                    ragged[len(lines) - 1] = message
                continue
            last = mine
        if len(numbers) == reading.size:
            yield numbers, lines, ragged
            numbers, lines, ragged = [], [], {}
        if message:
            ragged[len(numbers)] = message
        numbers.append(number)
        lines.append([(number, cells)])
    if numbers:
        yield numbers, lines, ragged


def _parse_customers(chunk: Chunk, reading: Reading) -> None:
    columns, known = reading.columns, customer_columns()
    for name, place in columns.customer.items():
        cells = [lines[0][1][place] for lines in chunk.lines]
        chunk.values[name] = _parsed(chunk, reading, known[name], cells, columns.headings[place])
    for name, text in columns.constants.items():
        chunk.values[name] = _parsed(chunk, reading, known[name], [text] * len(chunk), f"--set {name}")


def _parsed(chunk: Chunk, reading: Reading, known: Attribute, cells: list[str], heading: str) -> list[Any]:
    """The column's values; ABSENT where a sparse file says nothing."""
    absent = [i for i, cell in enumerate(cells) if cell == ABSENT] if reading.is_sparse else []
    texts = _cleaned(["" if cell == ABSENT else cell for cell in cells] if absent else cells, reading)
    values, errors = parse_column(known, texts)
    if judge := rules.judge_of(known.name):
        bad = {value: error for value in set(values) if (error := judge(value))}
        if bad:
            errors |= {i: bad[value] for i, value in enumerate(values) if i not in errors and value in bad}
    for i in absent:
        values[i] = ABSENT
        errors.pop(i, None)
    for i, error in errors.items():
        chunk.refuse(i, heading, cells[i], error)
    return values


def _cleaned(cells: list[str], reading: Reading) -> list[str]:
    """Null words blanked, a spreadsheet's leading ' taken off."""
    if reading.is_disarmed and "\0'" in "\0" + "\0".join(cells):
        cells = [rearmed(cell) for cell in cells]
    if reading.nulls:
        cells = ["" if cell.strip() in reading.nulls else cell for cell in cells]
    return cells


def parse_column(known: Attribute, cells: Sequence[str]) -> tuple[list[Any], dict[int, ValidationError]]:
    """As `known.from_text` for each cell; errors by place."""
    errors: dict[int, ValidationError] = {}
    if known.kind == "string" and known.max_length:
        values = [cell.strip() or known.default for cell in cells]
        longest = max(map(len, cells), default=0)
        if longest <= known.max_length and "\0" not in "".join(cells):
            return values, errors
    parsed: dict[str, Any] = {}
    wrong: dict[str, ValidationError] = {}
    for cell in set(cells):
        try:
            parsed[cell] = known.from_text(cell)
        except ValidationError as error:
            wrong[cell] = error
    if wrong:
        errors = {i: wrong[cell] for i, cell in enumerate(cells) if cell in wrong}
    return [parsed.get(cell) for cell in cells], errors


def _parse_children(chunk: Chunk, reading: Reading) -> None:
    columns, known = reading.columns, row_columns()
    prefix = "" if columns.parent is not None else ROWS
    places = list(columns.rows.items())
    parents: list[int] = []
    found: list[Row] = []
    for i, lines in enumerate(chunk.lines):
        for number, cells in lines:
            if columns.parent is not None or any(cells[place] not in ("", ABSENT) for _, place in places):
                parents.append(i)
                found.append((number, cells))
    if columns.parent is not None:
        chunk.values["customer_id"] = [lines[0][1][columns.parent].strip() or None for lines in chunk.lines]
        for i, value in enumerate(chunk.values["customer_id"]):
            if value is None:
                error = ValidationError("Must name the customer.", code=str(Code.PARAMETER_MISSING))
                chunk.refuse(i, columns.headings[columns.parent], "", error)
    parsed = {"number": [number for number, _ in found]}
    for name, place in places:
        cells = ["" if cells[place] == ABSENT else cells[place] for _, cells in found]
        parsed[name], errors = parse_column(known[name], _cleaned(cells, reading))
        for at, error in errors.items():
            heading = columns.heading(prefix + name) if prefix else columns.headings[place]
            chunk.refuse(parents[at], heading, cells[at], error, found[at][0])
    for at, i in enumerate(parents):
        chunk.children.setdefault(i, []).append({name: column[at] for name, column in parsed.items()})
    if "idx" in columns.rows:
        for children in chunk.children.values():
            children.sort(key=lambda child: (child["idx"] is None, child["idx"] or 0))
