"""A few customers of a file, judged by themselves: a sample of what an import makes, or rows that are being corrected."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from crm.transfer.batch import Batch
from crm.transfer.foreign_ids import check_ids
from crm.transfer.mapping import Columns, resolve
from crm.transfer.options import ImportOptions, check_sufficient
from crm.transfer.parsing import batches
from crm.transfer.planning import Planner
from crm.transfer.task import parse_options_of
from overplane.files.cells import Row
from overplane.files.tables import Table


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Rows of a file by customer, and what tells how to read them, as of `Table`. Everything is stored as JSON."""

    headings: list[str]
    customers: list[list[Row]] = field(default_factory=list)
    is_sheet: bool = True
    is_sparse: bool = False
    nested: dict[str, tuple[str, str]] = field(default_factory=dict)
    delimiter: str = ","
    merged: dict[int, dict[int, str]] = field(default_factory=dict)

    def table(self, customers: Sequence[Sequence[Row]]) -> Table:
        """Each may read it, and change its cells."""
        rows = ((number, list(cells)) for number, cells in chain.from_iterable(customers))
        return Table(
            self.headings,
            rows,
            is_sparse=self.is_sparse,
            nested=dict(self.nested),
            delimiter=self.delimiter,
            merged={number: dict(cells) for number, cells in self.merged.items()},
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """One batch, its problems in it; `creates`: who would be new, by index."""

    batch: Batch
    columns: Columns
    creates: frozenset[int]


def check_columns(excerpt: Excerpt, options: ImportOptions) -> None:
    """Raises `UnusableFile`, as the import would, if the columns are not enough, or other ones than they are taken for."""
    table = excerpt.table(excerpt.customers)
    check_ids(table, _columns(table, options), nulls=options.nulls)


def judged(excerpt: Excerpt, customers: Sequence[Sequence[Row]], options: ImportOptions) -> Iterator[Judged]:
    """What the import would say of these customers. What others of the file say of them is not known here."""
    table = excerpt.table(customers)
    columns = _columns(table, options)
    table.rows = options.corrections.applied(table.rows, table.headings, table.merged)
    planner = Planner(columns, options)
    for batch in batches(table, parse_options_of(table, columns, options, is_sheet=excerpt.is_sheet)):
        plan = planner.plan(batch)
        yield Judged(batch, columns, frozenset(plan.creates))


def _columns(table: Table, options: ImportOptions) -> Columns:
    columns = resolve(
        table.headings, mapping=options.mapping, constants=options.constants, ignore_unknown=options.ignore_unknown
    )
    check_sufficient(columns, options)
    return columns
