"""What somebody said of the columns of a file.

`Street+City=primary_address` joins columns. A `?` behind a field (`email_id?`) says that a blank cell leaves what is stored.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from crm.transfer.columns import customer_columns
from overplane.files.cells import ABSENT, BROKEN
from overplane.files.sources import UnusableFile
from overplane.problems import nearest

JOINED_BY, KEEP_WHEN_BLANK = "+", "?"


@dataclass(frozen=True, slots=True)
class RequestedColumns:
    """`fields` by heading. `joined`: the headings that are joined, by field.

    `kept_when_blank`: fields that a blank cell leaves as they are.
    """

    fields: dict[str, str] = field(default_factory=dict)
    joined: dict[str, list[str]] = field(default_factory=dict)
    kept_when_blank: frozenset[str] = frozenset()

    @property
    def mapping(self) -> dict[str, str]:
        """As somebody would write it."""
        said = self.fields | {JOINED_BY.join(parts): name for name, parts in self.joined.items()}
        return {heading: self.written(name) for heading, name in said.items()}

    def written(self, name: str) -> str:
        return name + KEEP_WHEN_BLANK if name in self.kept_when_blank else name


def read_request(mapping: Mapping[str, str], headings: Sequence[str]) -> RequestedColumns:
    """Raises `UnusableFile` for a column that the file does not have."""
    fields: dict[str, str] = {}
    joined: dict[str, list[str]] = {}
    kept_when_blank = {
        name.removesuffix(KEEP_WHEN_BLANK) for name in mapping.values() if name.endswith(KEEP_WHEN_BLANK)
    }
    for text, written in mapping.items():
        heading, name = text.strip(), written.removesuffix(KEEP_WHEN_BLANK)
        parts = parts_of(heading, headings)
        if absent := [part for part in parts if part not in headings]:
            raise UnusableFile(
                _("The file has no column %(headings)s.%(hint)s")
                % {"headings": ", ".join(map(repr, absent)), "hint": nearest(absent[0], headings)}
            )
        if len(parts) == 1 or not name:
            fields |= dict.fromkeys(parts, name)
        elif name in joined:
            raise UnusableFile(_("More than one column or fixed value (--set) goes to %(names)s.") % {"names": name})
        else:
            joined[name] = parts
    _check_joined(joined)
    return RequestedColumns(fields, joined, frozenset(kept_when_blank))


def parts_of(heading: str, headings: Iterable[str]) -> list[str]:
    """The columns that are meant: one, unless none is called so."""
    if heading in headings or JOINED_BY not in heading:
        return [heading]
    return [part.strip() for part in heading.split(JOINED_BY)]


def may_be_joined(name: str) -> bool:
    """Only texts of the customer are made of several columns."""
    known = customer_columns().get(name)
    return known is not None and known.kind == "string"


def _check_joined(names: Iterable[str]) -> None:
    for name in names:
        if not may_be_joined(name):
            raise UnusableFile(
                _("Several columns can be joined to a text of the customer only, and %(name)s is none.")
                % {"name": repr(name)}
            )


def join(name: str, cells: Sequence[str]) -> str:
    """Several cells as one: the lines of an address with commas, anything else with blanks."""
    if broken := next((cell for cell in cells if cell.startswith(BROKEN)), None):
        return broken
    said = [cell.strip() for cell in cells if cell != ABSENT]
    if not said:
        return ABSENT
    return (", " if "address" in name else " ").join(filter(None, said))
