"""The options of an import, and whether the columns of a file are enough for them."""

from dataclasses import dataclass, field

from crm.models import Customer
from crm.transfer.batch import HEAVIEST, SIZE
from crm.transfer.columns import REFERENCES
from crm.transfer.mapping import Columns
from overplane.database.attributes import attributes
from overplane.files.sources import UnusableFile

MODES = ("create", "update", "upsert")
# The attributes by which an import finds existing customers.
MATCH_KEYS = (*REFERENCES, "customer_name")


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """`mapping` is heading to field, "" for a column to be left out."""

    mode: str = "create"
    match_on: str | None = None
    mapping: dict[str, str] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    nulls: tuple[str, ...] = ()
    ignore_unknown: bool = False
    replace_rows: bool = False
    skip_errors: bool = False
    delimiter: str | None = None
    # Where the table stands in its file; None is found out.
    sheet: str | None = None
    heading_row: int | None = None
    # Where batches end. A run that is resumed must cut its file as before: what it has written ends with a batch.
    size: int = SIZE
    heaviest: int | None = HEAVIEST

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UnusableFile(f"There is no mode {self.mode!r}; there are {', '.join(MODES)}.")
        if self.match_on not in (None, *MATCH_KEYS):
            raise UnusableFile(f"Customers are not matched on {self.match_on!r}, but on {', '.join(MATCH_KEYS)}.")
        if self.mode != "create" and not self.match_on:
            raise UnusableFile(f"Mode {self.mode} needs to know how customers are found: --match-on tax_id, say.")
        if self.mode == "create" and self.match_on:
            raise UnusableFile("Mode create finds nobody, so it matches on nothing. Use upsert.")


def check_sufficient(columns: Columns, options: ImportOptions) -> None:
    """Raises `UnusableFile` if a column is missing."""
    if columns.parent is not None:
        return
    names = {*columns.customer, *columns.constants}
    if same := [name for name in sorted(columns.constants) if name in ("id", options.match_on)]:
        raise UnusableFile(f"--set {same[0]}: what tells customers apart cannot be the same for all of them.")
    if options.match_on and options.match_on not in names:
        raise UnusableFile(f"No column is {options.match_on}, on which customers are to be matched.")
    required = [name for name, attribute in attributes(Customer).items() if attribute.required]
    if options.mode == "create" and (absent := [name for name in required if name not in names]):
        raise UnusableFile(
            f"No column is {', '.join(absent)}, which is required. Map one: --map 'Heading={absent[0]}'."
        )
