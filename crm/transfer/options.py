"""The options of an import, and whether the columns of a file are enough for them."""

from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from crm.models import Customer
from crm.transfer.batch import HEAVIEST, SIZE
from crm.transfer.columns import REFERENCES
from crm.transfer.corrections import Corrections
from crm.transfer.headings import listed
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
    # A blank cell never overwrites what is stored.
    keep_when_blank: bool = False
    skip_errors: bool = False
    delimiter: str | None = None
    # Where the table stands in its file; None is found out.
    sheet: str | None = None
    heading_row: int | None = None
    # What is read in the place of wrong cells, as of `Corrections`.
    corrected_cells: dict[str, dict[str, str]] = field(default_factory=dict)
    corrected_values: dict[str, dict[str, str]] = field(default_factory=dict)
    # Where batches end. A run that is resumed must cut its file as before: what it has written ends with a batch.
    size: int = SIZE
    heaviest: int | None = HEAVIEST

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UnusableFile(
                _("There is no mode %(mode)s; there are %(modes)s.")
                % {"mode": repr(self.mode), "modes": ", ".join(MODES)}
            )
        if self.match_on not in (None, *MATCH_KEYS):
            raise UnusableFile(
                _("Customers are not matched on %(match_on)s, but on %(match_keys)s.")
                % {"match_on": repr(self.match_on), "match_keys": ", ".join(MATCH_KEYS)}
            )
        if self.mode != "create" and not self.match_on:
            raise UnusableFile(
                _("Mode %(mode)s needs to know how customers are found (--match-on tax_id, say).") % {"mode": self.mode}
            )
        if self.mode == "create" and self.match_on:
            raise UnusableFile(_("Mode create finds nobody, so it matches on nothing. Use upsert."))

    @property
    def corrections(self) -> Corrections:
        return Corrections(self.corrected_cells, self.corrected_values)


def check_sufficient(columns: Columns, options: ImportOptions) -> None:
    """Raises `UnusableFile` if a column is missing."""
    if columns.parent is not None:
        return
    names = {*columns.customer, *columns.constants, *columns.joined}
    if columns.name_parts:
        names.add("customer_name")
    if same := [name for name in sorted(columns.constants) if name in ("id", options.match_on)]:
        raise UnusableFile(
            _("--set %(same)s: what tells customers apart cannot be the same for all of them.") % {"same": same[0]}
        )
    if options.match_on and options.match_on not in names:
        raise UnusableFile(
            _("No column is %(match_on)s, on which customers are to be matched.") % {"match_on": options.match_on}
        )
    required = [name for name, attribute in attributes(Customer).items() if attribute.required]
    if options.mode == "create" and (absent := [name for name in required if name not in names]):
        raise UnusableFile(
            _("No column is %(absent)s, which is required. Map one (--map 'Heading=%(first)s') of: %(headings)s.")
            % {"absent": ", ".join(absent), "first": absent[0], "headings": listed([*filter(None, columns.headings)])}
        )
