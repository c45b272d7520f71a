"""Which column of a file is which field: as somebody said, or as its heading says."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from django.utils.translation import gettext as _

from crm.line_items import LINE_ITEMS, LineItem
from crm.transfer.columns import (
    PARENTS,
    REFUSAL_COLUMNS,
    column_name,
    customer_columns,
    customer_fields,
    customer_headings,
    inner_name,
    is_parent_heading,
    known_headings,
    line_item_columns,
    line_item_fields,
    line_item_file,
    nested_columns,
    referenced_line_items,
)
from crm.transfer.headings import SECOND_BEST, plain, quoted, words
from crm.transfer.requested import JOINED_BY, parts_of, read_request
from overplane.files.findings import letters_of
from overplane.files.layouts import Recognizer
from overplane.files.sources import UnusableFile
from overplane.files.spreadsheets import unescape_formula
from overplane.problems import nearest

# Of what a name is made where the file has none.
NAME_PARTS = ("first_name", "last_name")
# How close a heading must come to a field to be taken for a mistake in writing: "Pager" and "image" are 0.6.
MISTYPED = 0.7


@dataclass(frozen=True, slots=True)
class Columns:
    """Attribute to index of the cell. `line_items`: the same by the name of their kind; `constants` hold for every customer.

    `joined`: attributes that several cells make. `kept_when_blank`: attributes that a blank cell leaves as they are.
    `left_out`: headings whose meaning nobody knows.
    """

    headings: list[str]
    customer: dict[str, int]
    line_items: dict[str, dict[str, int]] = field(default_factory=dict)
    parent: int | None = None  # where a file of nothing but line items names the customer
    constants: dict[str, str] = field(default_factory=dict)
    mapping: dict[str, str] = field(default_factory=dict)
    joined: dict[str, list[int]] = field(default_factory=dict)
    kept_when_blank: frozenset[str] = frozenset()
    left_out: tuple[str, ...] = ()

    @property
    def own(self) -> list[int]:
        """The cells that say anything of the customer, in order."""
        return sorted({*self.customer.values(), *chain.from_iterable(self.joined.values())})

    @property
    def used(self) -> set[int]:
        """The cells that are not left out."""
        parent = [] if self.parent is None else [self.parent]
        return {*self.own, *parent, *chain.from_iterable(indexes.values() for indexes in self.line_items.values())}

    @property
    def name_parts(self) -> list[int]:
        """The cells of which a name is made where the file has none."""
        return [] if "customer_name" in self.constants else [self.customer[n] for n in NAME_PARTS if n in self.customer]

    @property
    def kinds(self) -> list[LineItem]:
        """Of what line items the file says anything."""
        return [kind for kind in LINE_ITEMS if kind.name in self.line_items]

    def of(self, kind: LineItem | None) -> dict[str, int]:
        """The columns of a kind of line item, or of the customer (None)."""
        return self.line_items.get(kind.name, {}) if kind else self.customer

    def heading(self, name: str, kind: LineItem | None = None) -> str:
        """What stands over this attribute in the file."""
        indexes = self.of(kind)
        if self.parent is not None and kind is None:
            indexes = indexes | {"customer_id": self.parent}
        if name in indexes:
            return self.headings[indexes[name]]
        if kind is None and name in self.joined:
            return JOINED_BY.join(self.headings[i] for i in self.joined[name])
        return column_name(kind, name) if kind else name


def recognizer(mapping: Mapping[str, str]) -> Recognizer:
    """Tells how many fields a row of headings names: those that people know, and those that somebody mapped."""
    known = words(SECOND_BEST) | known_headings()

    def known_fields(headings: Sequence[str]) -> int:
        stripped = [unescape_formula(heading.strip()) for heading in headings]
        mapped = {part for heading in mapping for part in parts_of(heading.strip(), stripped)}
        fields = {known.get(plain(heading)) for heading in stripped if heading} - {None}
        names_parent = any(map(is_parent_heading, stripped))
        return len(fields | mapped.intersection(stripped)) + names_parent

    return known_fields


def resolve(
    headings: list[str],
    *,
    mapping: Mapping[str, str],
    constants: Mapping[str, str],
    ignore_unknown: bool,
) -> Columns:
    """Every column's meaning. Raises `UnusableFile` with all whose meaning is not known."""
    requested = read_request(mapping, headings)
    stripped = requested.fields
    kind, fields = line_item_file(headings, stripped, ignore_unknown=ignore_unknown)
    if kind and not requested.joined:
        stripped = {heading: inner_name(kind, name) for heading, name in stripped.items()}
    known = {*line_item_fields(kind)} if kind else {*customer_columns(), *nested_columns()}
    _check_known(stripped.values(), known)
    _check_constants(constants, kind)
    rest = [h for h in headings if h not in stripped]
    if kind is None:
        # A file that may leave columns out was read without this, and goes on to be.
        by_reference = {} if ignore_unknown else referenced_line_items(headings, stripped)
        _check_clear(by_reference)
        fields = by_reference or customer_fields(rest)
    taken = {*stripped.values(), *constants, *requested.joined}
    chosen = stripped | {h: n for h, n in fields.items() if h in rest and n not in taken}
    parts = {*chain.from_iterable(requested.joined.values())}
    unknown = list(dict.fromkeys(h for h in rest if h not in chosen and h not in REFUSAL_COLUMNS and h not in parts))
    if unknown and not ignore_unknown:
        expected = _expected_beside(headings, kind, fields) if kind else _expected_of_parents(unknown, chosen)
        raise UnusableFile(_unknown(unknown, known - {*chosen.values()}, headings) + expected)
    _check_single([*filter(None, chosen.values()), *requested.joined], constants)
    # In the order of the file, whatever order a mapping was stored in: so problems of a row are told from left to right.
    indexes = {chosen[heading]: i for i, heading in enumerate(headings) if chosen.get(heading)}
    everything = replace(requested, fields=chosen | dict.fromkeys(unknown, ""))
    columns = _of_line_items(headings, kind, indexes) if kind else _of_customers(headings, indexes, constants)
    return replace(
        columns,
        mapping=everything.mapping,
        joined={name: list(map(headings.index, own)) for name, own in requested.joined.items()},
        kept_when_blank=requested.kept_when_blank,
        left_out=tuple(filter(None, unknown)),
    )


def _check_known(names: Iterable[str], known: Collection[str]) -> None:
    for name in filter(None, names):
        if name not in known:
            raise UnusableFile(
                _("There is no field %(name)s.%(hint)s") % {"name": repr(name), "hint": nearest(name, sorted(known))}
            )


def _check_single(names: Sequence[str], constants: Mapping[str, str]) -> None:
    if twice := {name for name in names if names.count(name) > 1} | (set(constants) & set(names)):
        raise UnusableFile(
            _("More than one column or fixed value (--set) goes to %(twice)s.") % {"twice": ", ".join(sorted(twice))}
        )
    if set(PARENTS) <= set(names):
        raise UnusableFile(_("Both customer_id and parent_id name the customer: leave one out (--map 'parent_id=')."))


def _check_clear(fields: Mapping[str, str]) -> None:
    """In "Tax ID, Company, Supplier number" nobody can tell whether the company is the customer's name."""
    for heading, name in fields.items():
        customers = customer_headings().get(plain(heading), name)
        if customers != name:
            raise UnusableFile(
                _("%(heading)s may be the customer's %(customers)s, or %(name)s. Say which (--map %(option)s, say).")
                % {
                    "heading": repr(heading),
                    "customers": customers,
                    "name": name,
                    "option": quoted(f"{heading}={name}"),
                }
            )


def _check_constants(constants: Mapping[str, str], kind: LineItem | None) -> None:
    if constants and kind:
        raise UnusableFile(
            _("--set gives values to customers; this file is of nothing but %(label_plural)s.")
            % {"label_plural": kind.label_plural}
        )
    for name in constants:
        if name not in customer_columns():
            raise UnusableFile(
                _("--set: customers have no field %(name)s.%(hint)s")
                % {"name": repr(name), "hint": nearest(name, sorted(customer_columns()))}
            )


def _named(heading: str, headings: Sequence[str]) -> str:
    """A column for a message; those without a heading by their letters."""
    if heading:
        return repr(heading)
    columns = [letters_of(i) for i, one in enumerate(headings, 1) if not one]
    return _("%(columns)s (without a heading)") % {"columns": ", ".join(columns)}


def _unknown(unknown: Sequence[str], known: Iterable[str], headings: Sequence[str]) -> str:
    names = sorted(known)
    hints = [
        "" if is_parent_heading(heading) else nearest(heading, names, closeness=MISTYPED).strip() for heading in unknown
    ]
    named = ", ".join(
        _named(heading, headings) + (hint and f" ({hint})") for heading, hint in zip(unknown, hints, strict=True)
    )
    return _(
        "Unknown columns: %(named)s. Map them (--map 'Heading=field'; --help lists the fields) or leave them out"
        " (--ignore-unknown)."
    ) % {"named": named}


def _expected_beside(headings: Sequence[str], kind: LineItem, fields: Mapping[str, str]) -> str:
    """What the columns of a file of nothing but line items may be, and how it becomes a file of customers."""
    parent = next(h for h in headings if fields.get(h) in PARENTS)
    known = ", ".join(line_item_columns(kind))
    return _(
        " With %(parent)s the file is taken for one of nothing but %(label_plural)s: beside it there may be"
        " %(known)s, by name or by label. To find customers by their id and change them too, match on the id"
        " (--match-on id --map %(as_id)s). Numbers of another system are kept as customer_pos_id (--map %(as_number)s)."
    ) % ({"parent": repr(parent), "label_plural": kind.label_plural, "known": known} | _as_id_or_number(parent))


def _as_id_or_number(heading: str) -> dict[str, str]:
    return {"as_id": quoted(f"{heading}=id"), "as_number": quoted(f"{heading}=customer_pos_id")}


def _expected_of_parents(unknown: Sequence[str], chosen: Mapping[str, str]) -> str:
    """What a file must hold that names the customers of line items and is no file of any."""
    parent = next((heading for heading in unknown if is_parent_heading(heading)), None)
    if parent is None:
        return ""
    if "customer_name" in chosen.values():
        return _(
            " If %(parent)s is the number that another system knows the customer by, keep it as customer_pos_id"
            " (--map %(as_number)s). If it is an id of this one, say so (--map %(as_id)s)."
        ) % ({"parent": repr(parent)} | _as_id_or_number(parent))
    kinds = "; ".join(f"{kind.label_plural}: {', '.join(kind.names)}" for kind in LINE_ITEMS)
    return _(
        " %(parent)s names the customer in a file of nothing but line items, which has at least one column"
        " of theirs (%(kinds)s), by name or by label, and none of the customer's own. In a file of customers"
        " the id is called id."
    ) % {"parent": repr(parent), "kinds": kinds}


def _of_line_items(headings: list[str], kind: LineItem, indexes: Mapping[str, int]) -> Columns:
    parent = indexes.get("customer_id", indexes.get("parent_id"))
    own = {name: i for name, i in indexes.items() if name in line_item_columns(kind)}
    return Columns(headings, {}, {kind.name: own}, parent)


def _of_customers(headings: list[str], indexes: Mapping[str, int], constants: Mapping[str, str]) -> Columns:
    """A nested column that names the customer is left out: that is the customer of the row."""
    customer = {name: i for name, i in indexes.items() if name in customer_columns()}
    line_items: dict[str, dict[str, int]] = {}
    for kind in LINE_ITEMS:
        names = {column_name(kind, name): name for name in line_item_columns(kind)}
        if own := {names[column]: i for column, i in indexes.items() if column in names}:
            line_items[kind.name] = own
    return Columns(headings, customer, line_items, None, dict(constants))
