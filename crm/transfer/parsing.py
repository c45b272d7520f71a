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
from overplane.files.spreadsheets import unescape_formula
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
class Batch:
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
        told, output = self.problems.setdefault(i, []), "" if value == ABSENT else value
        told += [
            RowProblem(number or self.numbers[i], column, output, problem)
            for problem in problems_in(ValidationError({column: error}))
        ]


@dataclass(frozen=True, slots=True)
class ParseOptions:
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
        text = (unescape_formula(cell) if self.is_sheet else cell).strip()
        return not text or text in self.nulls


def batches(table: Table, parse_options: ParseOptions) -> Iterator[Batch]:
    """Judged customers, chunk by chunk; what was found wrong stands in each chunk's `problems`."""
    for batch in _grouped(table, parse_options):
        _parse_customers(batch, parse_options)
        if parse_options.columns.rows:
            _parse_children(batch, parse_options)
        _refuse_ragged(batch, len(table.headings))
        yield batch


def _grouped(table: Table, parse_options: ParseOptions) -> Iterator[Batch]:
    """Lines put together: those that only go on with the customer before are its own."""
    width = len(table.headings)
    goes_on = _continuation(parse_options)
    batch, weight = Batch([], []), 0
    for number, cells in table.rows:
        if not any(map(str.strip, cells)):
            continue
        if len(cells) != width:
            if len(cells) < width or any(cells[width:]):
                batch.ragged[number] = len(cells)
            cells.extend([""] * (width - len(cells)))
        weight += sum(map(len, cells))
        if goes_on(number, cells):
            batch.lines[-1].append((number, cells))
            continue
        if len(batch) == parse_options.size or (
            parse_options.heaviest and weight > parse_options.heaviest and batch.numbers
        ):
            ragged = batch.ragged.pop(number, None)
            yield batch
            batch, weight = Batch([], [], ragged={} if ragged is None else {number: ragged}), 0
        batch.numbers.append(number)
        batch.lines.append([(number, cells)])
    if batch.numbers:
        yield batch


def _continuation(parse_options: ParseOptions) -> Callable[[int, list[str]], bool]:
    """Whether a row only goes on with the customer before it. To be asked of each row, in their order."""
    columns = parse_options.columns
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
            return columns.parent is not None or not parse_options.says_nothing([cells[i] for i in inner])
        if parse_options.is_sheet and parse_options.says_nothing(mine):
            return last is not None
        last = mine
        return False

    if not parse_options.is_sheet and columns.parent is None:
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


def _refuse_ragged(batch: Batch, width: int) -> None:
    """Of such a row nothing else is told: who knows which cell is which."""
    for i, lines in enumerate(batch.lines if batch.ragged else ()):
        if told := [
            RowProblem(
                n, "", "", Problem(Code.PARAMETER_INVALID, f"The row has {batch.ragged[n]} cells, the heading {width}.")
            )
            for n, _ in lines
            if n in batch.ragged
        ]:
            batch.problems[i] = told


def _parse_customers(batch: Batch, parse_options: ParseOptions) -> None:
    columns, known = parse_options.columns, customer_columns()
    for name, place in columns.customer.items():
        cells = [lines[0][1][place] for lines in batch.lines]
        batch.values[name] = _parsed(batch, parse_options, known[name], cells, columns.headings[place])
    for name, text in columns.constants.items():
        batch.values[name] = _parsed(batch, parse_options, known[name], [text] * len(batch), f"--set {name}")


def _parsed(batch: Batch, parse_options: ParseOptions, known: Attribute, cells: list[str], heading: str) -> list[Any]:
    """The column's values; ABSENT where a sparse file says nothing."""
    absent = [i for i, cell in enumerate(cells) if cell == ABSENT] if parse_options.is_sparse else []
    texts = _cleaned(["" if cell == ABSENT else cell for cell in cells] if absent else cells, parse_options)
    values, errors = parse_column(known, texts)
    if judge := rules.judge_of(known.name):
        bad = {value: error for value in set(values) if (error := judge(value))}
        if bad:
            errors |= {i: bad[value] for i, value in enumerate(values) if i not in errors and value in bad}
    for i in absent:
        values[i] = ABSENT
        errors.pop(i, None)
    for i, error in errors.items():
        batch.refuse(i, heading, cells[i], error)
    return values


def _cleaned(cells: list[str], parse_options: ParseOptions) -> list[str]:
    """Null words blanked, a spreadsheet's leading ' taken off."""
    if parse_options.is_sheet and "\0'" in "\0" + "\0".join(cells):
        cells = [unescape_formula(cell) for cell in cells]
    if parse_options.nulls:
        cells = ["" if cell.strip() in parse_options.nulls else cell for cell in cells]
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


def _parse_children(batch: Batch, parse_options: ParseOptions) -> None:
    columns, places = parse_options.columns, list(parse_options.columns.rows.values())
    parents: list[int] = []
    found: list[Row] = []
    for i, lines in enumerate(batch.lines):
        if parse_options.is_sparse and all(cells[place] == ABSENT for _, cells in lines for place in places):
            batch.silent.add(i)
            continue
        for number, cells in lines:
            if columns.parent is not None or not parse_options.says_nothing([cells[place] for place in places]):
                parents.append(i)
                found.append((number, cells))
    if columns.parent is not None:
        _parse_parents(batch, parse_options, columns.parent)
    parsed = {"number": [number for number, _ in found]}
    for name in columns.rows:
        parsed[name] = _parsed_of_children(batch, parse_options, name, parents, found)
    for at, i in enumerate(parents):
        child = {name: column[at] for name, column in parsed.items() if column[at] != ABSENT}
        batch.children.setdefault(i, []).append(child)
    if "idx" in columns.rows:
        for children in batch.children.values():
            children.sort(key=lambda child: (child.get("idx") is None, child.get("idx") or 0))


def _parse_parents(batch: Batch, parse_options: ParseOptions, place: int) -> None:
    """Whose rows they are, in a file that has nothing but rows."""
    heading = parse_options.columns.headings[place]
    cells = [lines[0][1][place] for lines in batch.lines]
    values = _parsed(batch, parse_options, customer_columns()["id"], cells, heading)
    batch.values["customer_id"] = [None if value == ABSENT else value for value in values]
    for i, value in enumerate(batch.values["customer_id"]):
        if value is None and i not in batch.problems:
            error = ValidationError("Must name the customer.", code=str(Code.PARAMETER_MISSING))
            batch.refuse(i, heading, "", error)


def _parsed_of_children(
    batch: Batch, parse_options: ParseOptions, name: str, parents: list[int], found: list[Row]
) -> list[Any]:
    columns, place = parse_options.columns, parse_options.columns.rows[name]
    cells = [cells[place] for _, cells in found]
    absent = {at for at, cell in enumerate(cells) if cell == ABSENT} if parse_options.is_sparse else set()
    texts = _cleaned(
        ["" if at in absent else cell for at, cell in enumerate(cells)] if absent else cells, parse_options
    )
    values, errors = parse_column(row_columns()[name], texts)
    heading = columns.heading(ROWS + name) if columns.parent is None else columns.headings[place]
    for at, error in errors.items():
        if at not in absent:
            batch.refuse(parents[at], heading, cells[at], error, found[at][0])
    return [ABSENT if at in absent else value for at, value in enumerate(values)] if absent else values
