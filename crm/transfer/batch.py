"""A batch: some customers of a file with their line items, as they were parsed, and what is wrong with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError

from crm.line_items import LineItem
from crm.transfer.mapping import Columns
from overplane.files.cells import BROKEN, split_broken
from overplane.files.spreadsheets import may_be_escaped, unescape_formula
from overplane.files.tables import ABSENT, Row
from overplane.problems import Problem, problems_in

# Customers of a batch, which is one transaction. While it runs the event feed shows nobody's newer events, so it is short:
# on PostgreSQL batches of 2,000 to 10,000 are equally fast, and those of 500 a quarter slower.
SIZE = 2000
# So many characters end a batch as well: memory follows characters, and some texts are 65,535 long.
HEAVIEST = 2_000_000
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong with one row of the file, by the number that a spreadsheet shows."""

    number: int
    column: str
    value: str
    problem: Problem


class Fault(NamedTuple):
    """What is wrong with the shape of a row, and how many cells it has in the file."""

    message: str
    cell_count: int


@dataclass(slots=True)
class Batch:
    """Some customers of the file. Each list has one entry a customer; the others are by the customer's index in here.

    `values` are parsed columns by attribute (of customers). `line_items` are parsed line items by the name of their
    kind, each with the row number (`number`) it stands in. `lines` are all the rows of the file that a customer takes.
    `cells`: those of each customer's first row, column by column.
    `faults`: rows whose cells nobody can tell apart, by their number.
    `new_values`: what a customer gets only if it is new, by attribute. `named`: rows for whose customer a name was made.
    `repeated`: numbers of rows that only repeat the headings, which are no customers; `short`: of those that end early.
    `without_line_items`: by the name of a kind, the customers whose line items the file does not mention (an
    empty list mentions them).
    """

    numbers: list[int]
    lines: list[list[Row]]
    cells: list[tuple[str, ...]] = field(default_factory=list)
    values: dict[str, list[Any]] = field(default_factory=dict)
    line_items: dict[str, dict[int, list[Values]]] = field(default_factory=dict)
    problems: dict[int, list[RowProblem]] = field(default_factory=dict)
    faults: dict[int, Fault] = field(default_factory=dict)
    repeated: set[int] = field(default_factory=set)
    short: set[int] = field(default_factory=set)
    without_line_items: dict[str, set[int]] = field(default_factory=dict)
    new_values: dict[str, dict[int, Any]] = field(default_factory=dict)
    named: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def last_number(self) -> int:
        return self.lines[-1][-1][0]

    def items(self, kind: LineItem, i: int) -> Sequence[Values]:
        """The line items of one customer."""
        return self.line_items.get(kind.name, {}).get(i, ())

    def complete(self, creates: Sequence[int]) -> None:
        """Gives these customers what only new ones get."""
        for name, values in self.new_values.items():
            for i in values.keys() & set(creates):
                self.values[name][i] = values[i]

    def refuse(self, i: int, column: str, value: str, error: ValidationError, *, number: int | None = None) -> None:
        """`number`: the row, if it is not the customer's first."""
        if value.startswith(BROKEN):
            value, _ = split_broken(value)
        self.problems.setdefault(i, []).extend(
            RowProblem(number or self.numbers[i], column, "" if value == ABSENT else value, problem)
            for problem in problems_in(ValidationError({column: error}))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
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
    delimiter: str = ","  # of CSV
    keep_when_blank: bool = False  # of all columns, or of those in `columns.kept_when_blank`
    mode: str = "create"

    def keeps(self, name: str) -> bool:
        """Whether a blank cell of this attribute leaves what is stored."""
        return self.keep_when_blank or name in self.columns.kept_when_blank

    def is_empty(self, cells: Sequence[str]) -> bool:
        """Whether these cells say nothing at all. How the first one that is filled begins settles nearly all rows."""
        first = next(filter(None, cells), "")
        if first[:1].isalnum() and not self.nulls:
            return False
        return not first or all(map(self._is_blank, cells))

    def _is_blank(self, cell: str) -> bool:
        if self.is_sparse and cell == ABSENT:
            return True
        text = (unescape_formula(cell) if self.is_sheet else cell).strip()
        return not text or text in self.nulls

    def cleaned(self, cells: Sequence[str]) -> Sequence[str]:
        """Null words blanked, a spreadsheet's leading ' or its ="…" taken off."""
        if self.is_sheet and may_be_escaped(cells):
            cells = [unescape_formula(cell) for cell in cells]
        if self.nulls:
            cells = ["" if cell.strip() in self.nulls else cell for cell in cells]
        return cells
