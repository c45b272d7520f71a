"""The rows of a file as customers with their supplier numbers, parsed and judged column by column.

A column of thousands of cells is trimmed, measured and judged in one go, which is what makes a
million rows bearable; only where a column holds anything wrong is it looked at cell by cell, with
the very parser and rule of the API.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError

from crm import rules
from crm.transfer.columns import ROWS, TOLD, Columns, customer_columns, row_columns
from overplane.database.attributes import Attribute
from overplane.database.text import has_forbidden_characters
from overplane.files.spreadsheets import rearmed
from overplane.files.tables import ABSENT, Row, Table
from overplane.problems import Code, Problem, problems_in

SIZE = 5000
# So many characters end a chunk as well: memory follows characters, and some texts are 65,535 long.
HEAVIEST = 2_000_000


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
    with the row number (`number`) it stands in; `lines` all the rows of the file that a customer takes;
    `ragged` how many cells a row has that has not as many as the heading, by the row's number.
    `silent` are those of whose supplier numbers the file says nothing, not even that there are none.
    """

    numbers: list[int]
    lines: list[list[Row]]
    values: dict[str, list[Any]] = field(default_factory=dict)
    children: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    problems: dict[int, list[RowProblem]] = field(default_factory=dict)
    ragged: dict[int, int] = field(default_factory=dict)
    silent: set[int] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def last_number(self) -> int:
        return self.lines[-1][-1][0]

    def refuse(self, i: int, column: str, value: str, error: ValidationError, number: int | None = None) -> None:
        told, shown = self.problems.setdefault(i, []), "" if value == ABSENT else value
        told += [
            RowProblem(number or self.numbers[i], column, shown, problem)
            for problem in problems_in(ValidationError({column: error}))
        ]


@dataclass(frozen=True, slots=True)
class Reading:
    """How cells are to be understood."""

    columns: Columns
    nulls: frozenset[str] = frozenset()
    # A spreadsheet: a leading ' may stand for nothing, and a customer's further rows leave its cells blank or repeat
    # them. In a file of objects a customer is what has one number.
    is_sheet: bool = True
    is_sparse: bool = False
    size: int = SIZE
    heaviest: int | None = HEAVIEST
    nested: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # as of `Table`

    def says_nothing(self, cells: Sequence[str]) -> bool:
        return all(not cell or self._is_blank(cell) for cell in cells)

    def _is_blank(self, cell: str) -> bool:
        if self.is_sparse and cell == ABSENT:
            return True
        text = (rearmed(cell) if self.is_sheet else cell).strip()
        return not text or text in self.nulls


def chunks(table: Table, reading: Reading) -> Iterator[Chunk]:
    """Judged customers, chunk by chunk; what was found wrong stands in each chunk's `problems`."""
    for chunk in _grouped(table, reading):
        _parse_customers(chunk, reading)
        if reading.columns.rows:
            _parse_children(chunk, reading)
        _refuse_ragged(chunk, len(table.headings))
        yield chunk


def _grouped(table: Table, reading: Reading) -> Iterator[Chunk]:
    """Lines put together: those that only go on with the customer before are its own."""
    width = len(table.headings)
    goes_on = _continuation(reading)
    chunk, weight = Chunk([], []), 0
    for number, cells in table.rows:
        if not any(map(str.strip, cells)):
            continue
        if len(cells) != width:
            if len(cells) < width or any(cells[width:]):
                chunk.ragged[number] = len(cells)
            cells.extend([""] * (width - len(cells)))
        weight += sum(map(len, cells))
        if goes_on(number, cells):
            chunk.lines[-1].append((number, cells))
            continue
        if len(chunk) == reading.size or (reading.heaviest and weight > reading.heaviest and chunk.numbers):
            ragged = chunk.ragged.pop(number, None)
            yield chunk
            chunk, weight = Chunk([], [], ragged={} if ragged is None else {number: ragged}), 0
        chunk.numbers.append(number)
        chunk.lines.append([(number, cells)])
    if chunk.numbers:
        yield chunk


def _continuation(reading: Reading) -> Callable[[int, list[str]], bool]:
    """Whether a row only goes on with the customer before it. To be asked of each row, in their order."""
    columns = reading.columns
    own = sorted(columns.customer.values()) if columns.parent is None else [columns.parent]
    inner = sorted(columns.rows.values())
    last: Any = None

    def has_the_number(number: int, cells: list[str]) -> bool:
        nonlocal last
        before, last = last, number
        return number == before

    def repeats_or_leaves_blank(number: int, cells: list[str]) -> bool:
        nonlocal last
        mine = [cells[i] for i in own]
        if mine == last:
            return columns.parent is not None or not reading.says_nothing([cells[i] for i in inner])
        if reading.is_sheet and reading.says_nothing(mine):
            return last is not None
        last = mine
        return False

    if not reading.is_sheet and columns.parent is None:
        return has_the_number
    if not inner:
        return lambda number, cells: False
    if TOLD[0] in columns.headings:
        return _as_refused(columns.headings.index(TOLD[0]), repeats_or_leaves_blank)
    return repeats_or_leaves_blank


def _as_refused(place: int, goes_on: Callable[[int, list[str]], bool]) -> Callable[[int, list[str]], bool]:
    """In a file of refused rows all rows of a customer have its number: neighbours need not have been neighbours."""
    last = ""

    def has_its_number(number: int, cells: list[str]) -> bool:
        nonlocal last
        before, last = last, cells[place]
        looks_so = goes_on(number, cells)
        return last == before if last else looks_so

    return has_its_number


def _refuse_ragged(chunk: Chunk, width: int) -> None:
    """Of such a row nothing else is told: who knows which cell is which."""
    for i, lines in enumerate(chunk.lines if chunk.ragged else ()):
        if told := [
            RowProblem(
                n, "", "", Problem(Code.PARAMETER_INVALID, f"The row has {chunk.ragged[n]} cells, the heading {width}.")
            )
            for n, _ in lines
            if n in chunk.ragged
        ]:
            chunk.problems[i] = told


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
    if reading.is_sheet and "\0'" in "\0" + "\0".join(cells):
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
        if longest <= known.max_length and not has_forbidden_characters("".join(cells)):
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
    columns, places = reading.columns, list(reading.columns.rows.values())
    parents: list[int] = []
    found: list[Row] = []
    for i, lines in enumerate(chunk.lines):
        if reading.is_sparse and all(cells[place] == ABSENT for _, cells in lines for place in places):
            chunk.silent.add(i)
            continue
        for number, cells in lines:
            if columns.parent is not None or not reading.says_nothing([cells[place] for place in places]):
                parents.append(i)
                found.append((number, cells))
    if columns.parent is not None:
        _parse_parents(chunk, reading, columns.parent)
    parsed = {"number": [number for number, _ in found]}
    for name in columns.rows:
        parsed[name] = _parsed_of_children(chunk, reading, name, parents, found)
    for at, i in enumerate(parents):
        child = {name: column[at] for name, column in parsed.items() if column[at] != ABSENT}
        chunk.children.setdefault(i, []).append(child)
    if "idx" in columns.rows:
        for children in chunk.children.values():
            children.sort(key=lambda child: (child.get("idx") is None, child.get("idx") or 0))


def _parse_parents(chunk: Chunk, reading: Reading, place: int) -> None:
    """Whose rows they are, in a file that has nothing but rows."""
    heading = reading.columns.headings[place]
    cells = [lines[0][1][place] for lines in chunk.lines]
    values = _parsed(chunk, reading, customer_columns()["id"], cells, heading)
    chunk.values["customer_id"] = [None if value == ABSENT else value for value in values]
    for i, value in enumerate(chunk.values["customer_id"]):
        if value is None and i not in chunk.problems:
            error = ValidationError("Must name the customer.", code=str(Code.PARAMETER_MISSING))
            chunk.refuse(i, heading, "", error)


def _parsed_of_children(chunk: Chunk, reading: Reading, name: str, parents: list[int], found: list[Row]) -> list[Any]:
    columns, place = reading.columns, reading.columns.rows[name]
    cells = [cells[place] for _, cells in found]
    absent = {at for at, cell in enumerate(cells) if cell == ABSENT} if reading.is_sparse else set()
    texts = _cleaned(["" if at in absent else cell for at, cell in enumerate(cells)] if absent else cells, reading)
    values, errors = parse_column(row_columns()[name], texts)
    heading = columns.heading(ROWS + name) if columns.parent is None else columns.headings[place]
    for at, error in errors.items():
        if at not in absent:
            chunk.refuse(parents[at], heading, cells[at], error, found[at][0])
    return [ABSENT if at in absent else value for at, value in enumerate(values)] if absent else values
