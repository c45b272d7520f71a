"""What a file may say of customers and their line items, and which heading means what.

Fields are found by name, by label or by what people call them. The columns of line items stand beside those of their
customer (`supplier_numbers.company`, "Company (Supplier Numbers)") or in a file of their own, which is known by its
column `customer_id`; there the name of their list may be left out.

A heading belongs to whoever came first: to customers, then to each kind in the order of registration. So a new kind of
line item changes nothing of what the columns of a file were taken for before.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import translation
from django.utils.translation import gettext as _

from crm import rules
from crm.line_items import LINE_ITEMS, LineItem
from crm.models import Customer
from crm.transfer.headings import (
    LAST_NAME_BESIDE_FIRST,
    LINE_ITEM_SYNONYMS,
    PARENT_SYNONYMS,
    REQUIRED_CONTACT,
    SECOND_BEST,
    SYNONYMS,
    YIELDING,
    plain,
    words,
)
from crm.transfer.written import as_people_write
from overplane.database.attributes import Attribute, attributes
from overplane.database.moments import read_exact_moment
from overplane.ids import is_id
from overplane.problems import Code, invalid

Kinds = tuple[LineItem, ...]
# What the file of refused rows says of each row: it is corrected and imported again, and these are no fields.
REFUSAL_COLUMNS = ("import_row", "import_problems")
# How a file of nothing but line items names the customer.
PARENTS = ("customer_id", "parent_id")
PARENT_HEADINGS = frozenset({*map(plain, PARENTS), *words(PARENT_SYNONYMS)})  # as headings are compared
# What else tells which customer is meant, whatever it is called.
REFERENCES = ("id", "tax_id", "customer_pos_id", "email_id")


def column_name(kind: LineItem, name: str) -> str:
    """What stands over an attribute of a line item beside its customer."""
    return f"{kind.name}.{name}"


def _id_parser(prefix: str) -> Any:
    def from_text(text: str) -> str | None:
        text = text.strip()
        if text and not is_id(prefix, text):
            raise invalid(
                Code.PARAMETER_INVALID, _("Must be %(prefix)s_ and up to 64 letters or digits.") % {"prefix": prefix}
            )
        return text or None

    return from_text


def moment(text: str) -> datetime | None:
    """To the microsecond, as an export writes when a customer was created. Attributes have whole seconds."""
    text = text.strip()
    if not text:
        return None
    try:
        return read_exact_moment(text)
    except ValueError:
        raise invalid(
            Code.PARAMETER_INVALID, _("Must be a timestamp such as 2024-01-15T09:30:00Z, or a date.")
        ) from None


def _identity(name: str, from_text: Any) -> Attribute:
    return Attribute(name, "identity", None, required=False, from_json=from_text, from_text=from_text)


@cache
def customer_columns() -> dict[str, Attribute]:
    """What a file may say of a customer: its attributes, and an identity that it brings along."""
    generated = (
        _identity("id", _id_parser("customer")),
        _identity("created_at", moment),
        _identity("updated_at", moment),
    )
    return {one.name: one for one in generated} | as_people_write(Customer, rules.CHOICES)


@cache
def line_item_columns(kind: LineItem) -> dict[str, Attribute]:
    """What a file may say of a line item. `idx` sorts the new ones of one customer."""
    own = as_people_write(kind.model, rules.LINE_ITEM_CHOICES.get(kind.name, {}))
    return {"id": _identity("id", _id_parser(kind.id_prefix))} | own


@cache
def nested_columns(kinds: Kinds = LINE_ITEMS) -> tuple[str, ...]:
    """What a file of customers may say of their line items, and names of the customer that it may repeat there."""
    return tuple(column_name(kind, name) for kind in kinds for name in (*line_item_columns(kind), *PARENTS))


@cache
def known_headings(kinds: Kinds = LINE_ITEMS) -> dict[str, str]:
    """Field by plain heading, in a file of customers."""
    known = dict(customer_headings())
    for kind in kinds:
        known = _nested_headings(kind) | known
    return known


def meaning(heading: str) -> str | None:
    """The field of customers that a heading may name, whatever stands beside it."""
    return (words(SECOND_BEST) | customer_headings()).get(plain(heading))


@cache
def customer_headings() -> dict[str, str]:
    """A field's own name wins over a label, and a label over what else people say."""
    return words(SYNONYMS) | _labels(Customer) | {plain(name): name for name in customer_columns()}


@cache
def _nested_headings(kind: LineItem) -> dict[str, str]:
    """How line items are headed beside their customer: each word for an attribute with the name of their list."""
    lists = {plain(text) for text in _in_each_language(kind.name, kind.label_plural, kind.model._meta.verbose_name)}
    known_words = words(LINE_ITEM_SYNONYMS.get(kind.name, {})) | _labels(kind.model)
    known = {word + parent: column_name(kind, name) for word, name in known_words.items() for parent in lists}
    known |= {plain(name): name for name in nested_columns((kind,))}
    # A list that is empty wherever it stands, or a column of nothing but what people look for.
    return known | {plain(kind.name): column_name(kind, (*kind.searched, *kind.names)[0])}


@cache
def _own_headings(kind: LineItem) -> dict[str, str]:
    """How they are headed in a file of nothing else: with the name of their list or without it."""
    known = {heading: inner_name(kind, name) for heading, name in _nested_headings(kind).items()}
    known |= words(PARENT_SYNONYMS) | words(LINE_ITEM_SYNONYMS.get(kind.name, {})) | _labels(kind.model)
    return known | {plain(name): name for name in line_item_fields(kind)}


@cache
def line_item_fields(kind: LineItem) -> tuple[str, ...]:
    """What a file of nothing but these line items may hold."""
    return (*PARENTS, *line_item_columns(kind))


def inner_name(kind: LineItem, name: str) -> str:
    """The attribute of a line item, whether or not the name of its list stands before it."""
    return name.removeprefix(column_name(kind, ""))


def is_parent_heading(heading: str) -> bool:
    """Whether it names the customer of line items."""
    return plain(heading) in PARENT_HEADINGS


def _labels(model: type[models.Model]) -> dict[str, str]:
    """What the model's attributes are called, in each language."""
    fields = [field for field in model._meta.concrete_fields if field.name in attributes(model)]
    return {plain(label): field.name for field in fields for label in _in_each_language(field.verbose_name)}


def _in_each_language(*texts: Any) -> list[str]:
    said: list[str] = []
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            said += map(str, texts)
    return said


def guess(headings: Sequence[str], kinds: Kinds = LINE_ITEMS) -> dict[str, str]:
    """The field of each heading whose meaning is known, as a file of customers names it; the first of two that mean the same."""
    kind, fields = line_item_file(headings, {}, ignore_unknown=True, kinds=kinds)
    if kind is None:
        return customer_fields(headings, kinds)
    return {heading: "id" if name in PARENTS else column_name(kind, name) for heading, name in fields.items()}


def customer_fields(headings: Sequence[str], kinds: Kinds = LINE_ITEMS) -> dict[str, str]:
    """The same, in a file of customers."""
    yielding = words(YIELDING)
    ranked = sorted(headings, key=lambda heading: plain(heading) in yielding)
    fields = _first_of_each(ranked, known_headings(kinds) | _meant_beside(headings), customer_columns())
    rest = [heading for heading in headings if heading not in fields]
    more = _first_of_each(rest, words(SECOND_BEST), ())
    return fields | {heading: name for heading, name in more.items() if name not in fields.values()}


def _meant_beside(headings: Sequence[str]) -> dict[str, str]:
    """What headings mean because of the others."""
    names = {customer_headings().get(plain(heading)) for heading in headings}
    meant = {}
    if "first_name" in names and "last_name" not in names:
        meant[plain(LAST_NAME_BESIDE_FIRST)] = "last_name"
    if REQUIRED_CONTACT in headings:
        meant[plain(REQUIRED_CONTACT)] = "customer_name"
    return meant


def _first_of_each(headings: Sequence[str], known: Mapping[str, str], columns: Collection[str]) -> dict[str, str]:
    """What is called by its very name comes before what is called by any other."""
    fields: dict[str, str] = {}
    exact = {heading for heading in headings if heading in columns}
    for heading in headings:
        name = heading if heading in exact else known.get(plain(heading))
        if name and (heading in exact or name not in {*fields.values(), *exact}):
            fields[heading] = name
    return fields


def line_item_file(
    headings: Sequence[str], mapping: Mapping[str, str], *, ignore_unknown: bool, kinds: Kinds = LINE_ITEMS
) -> tuple[LineItem | None, dict[str, str]]:
    """Whose line items a file has that has nothing else, and the field of each heading; None if it is no such file.

    Of several kinds that it may be of the first is taken. A later one is only if the mapping names its fields, or if the
    file would be refused otherwise and it knows all columns.
    """
    files = [(kind, fields) for kind in kinds if (fields := _line_item_fields(kind, headings, mapping))]
    mapped = set(filter(None, mapping.values()))
    files = [one for one in files if _inner_names(one[0], mapped) <= {*line_item_fields(one[0])}] or files
    whole = [one for one in files if all(h in one[1] or h in mapping or h in REFUSAL_COLUMNS for h in headings)]
    if not files or (ignore_unknown and _is_of_those_before(files[0][0], headings, mapping, kinds)):
        return None, {}
    return files[0] if ignore_unknown or not whole else whole[0]


def _is_of_those_before(kind: LineItem, headings: Sequence[str], mapping: Mapping[str, str], kinds: Kinds) -> bool:
    """Whether a file of customers had something to read in this file before there was the kind, which nobody named."""
    before = kinds[: kinds.index(kind)]
    named = _inner_names(kind, mapping.values()) & {*line_item_fields(kind)} - customer_columns().keys()
    return bool(before and not named and customer_fields([h for h in headings if h not in mapping], before))


def referenced_line_items(
    headings: Sequence[str], mapping: Mapping[str, str], kinds: Kinds = LINE_ITEMS
) -> dict[str, str]:
    """The field of each heading of a file of customers that has a reference to them and, for the rest, line items of one kind.

    There they need no name of their list.
    """
    rest = [heading for heading in headings if heading not in mapping and heading not in REFUSAL_COLUMNS]
    claimed = {heading: customer_headings().get(plain(heading)) for heading in rest}
    references = {heading: name for heading, name in claimed.items() if name in REFERENCES}
    named = [*references.values(), *(name for name in mapping.values() if name in customer_columns())]
    if len(named) != 1 or named[0] not in REFERENCES:
        return {}
    items = [heading for heading in rest if heading not in references]
    for count, kind in enumerate(kinds, 1):
        fields = _first_of_each(items, _own_headings(kind), line_item_columns(kind))
        # One heading at least means nothing in a file of customers, which would be refused for it.
        known = known_headings(kinds[:count])
        if len(fields) == len(items) and any(plain(heading) not in known for heading in items):
            return references | {heading: column_name(kind, name) for heading, name in fields.items()}
    return {}


def _inner_names(kind: LineItem, names: Iterable[str]) -> set[str]:
    return {inner_name(kind, name) for name in names}


def _line_item_fields(kind: LineItem, headings: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """The field of each heading; empty if this is no file of such line items."""
    guessed = _first_of_each([h for h in headings if h not in mapping], _own_headings(kind), line_item_fields(kind))
    mapped = {h: inner_name(kind, mapping[h]) for h in headings if mapping.get(h)}
    fields = {h: name for h in headings if (name := mapped.get(h) or guessed.get(h))}
    names = set(fields.values())
    if names.isdisjoint(PARENTS) or "customer_name" in mapping.values():
        return {}
    own = [name if h in mapping else h for h, name in fields.items() if name in kind.names]
    # "CustomerID, Company, Phone" is about customers: their company is their name.
    others = [h for h in headings if h not in fields and plain(h) in customer_headings()]
    return fields if own and (not others or any(_is_only_of_line_items(kind, word) for word in own)) else {}


def _is_only_of_line_items(kind: LineItem, word: str) -> bool:
    """With the name of their list it may as well stand in a file of customers."""
    return plain(word) not in customer_headings() and plain(word) not in _nested_headings(kind)


def damaged_by_excel() -> Iterable[tuple[LineItem | None, str]]:
    """Identifiers, which Excel likes to make numbers of: of customers (None) and of each kind of line item."""
    yield from ((None, name) for name in ("tax_id", "customer_pos_id", "mobile_no"))
    for kind in LINE_ITEMS:
        yield from ((kind, name) for name in kind.searched if kind.attributes[name].kind == "string")
