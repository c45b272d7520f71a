"""What a file may say of customers and their line items, and which heading means what.

Fields are found by name, by label or by what people call them. The columns of line items stand beside those of their
customer (`supplier_numbers.company`, "Company (Supplier Numbers)") or in a file of their own, which is known by its
column `customer_id`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import translation

from crm.line_items import LINE_ITEMS, LineItem
from crm.models import Customer
from overplane.database.attributes import Attribute, attributes
from overplane.database.moments import read_exact_moment
from overplane.database.text import fold
from overplane.ids import is_id
from overplane.problems import Code, invalid

# What the file of refused rows says of each row: it is corrected and imported again, and these are no fields.
REFUSAL_COLUMNS = ("import_row", "import_problems")
# How a file of nothing but line items names the customer.
PARENTS = ("customer_id", "parent_id")
SYNONYMS = {
    "customer_name": "name, company, company name, firm, business name, account name, customer, organisation, organization,"
    " kunde, kundenname, firma, firmenname",
    "customer_type": "type, art, kundenart, typ",
    "customer_group": "group, segment group, gruppe, kundengruppe",
    "territory": "sales territory, sales region, gebiet, vertriebsgebiet",
    "account_manager": "owner, account owner, sales rep, betreuer, kundenbetreuer",
    "email_id": "mail, email, e-mail, e-mail address, email address, mail address, e-mail-adresse, mailadresse",
    "mobile_no": "phone, mobile, tel, tel., telephone, phone number, phone no., mobile phone, mobile number, cell, telefon,"
    " telefonnummer, mobil, handy",
    "tax_id": "vat, vat id, vat no., vat number, tax no., tax number, tin, ust-id, ust-idnr., ustid, uid, steuernummer",
    "website": "web, url, web site, homepage, internet, webseite",
    "default_currency": "currency, billing currency, währung",
    "default_price_list": "price list, preisliste",
    "language": "sprache",
    "customer_primary_contact": "contact, contact name, contact person, primary contact, ansprechpartner, kontakt",
    "primary_address": "address, street address, billing address, adresse, anschrift",
    "customer_details": "notes, note, details, comment, comments, remarks, bemerkung, notiz",
    "first_name": "given name, vorname",
    "last_name": "surname, family name, nachname",
    "customer_pos_id": "pos, pos id",
    "industry": "sector, branche",
    "payment_terms": "terms, terms of payment, zahlungsbedingungen",
    "default_commission_rate": "commission, commission rate, provision",
    "gender": "sex, geschlecht, anrede",
    "disabled": "inactive, is disabled, inaktiv, gesperrt",
    "is_frozen": "frozen, eingefroren",
    "is_internal_customer": "internal, internal customer, intern",
}


def column_name(kind: LineItem, name: str) -> str:
    """What stands over an attribute of a line item beside its customer."""
    return f"{kind.name}.{name}"


def _id_parser(prefix: str) -> Any:
    def from_text(text: str) -> str | None:
        text = text.strip()
        if text and not is_id(prefix, text):
            raise invalid(Code.PARAMETER_INVALID, f"Must be {prefix}_ and up to 64 letters or digits.")
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
        raise invalid(Code.PARAMETER_INVALID, "Must be a timestamp such as 2024-01-15T09:30:00Z, or a date.") from None


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
    return {one.name: one for one in generated} | attributes(Customer)


@cache
def line_item_columns(kind: LineItem) -> dict[str, Attribute]:
    """What a file may say of a line item. `idx` sorts the new ones of one customer."""
    return {"id": _identity("id", _id_parser(kind.id_prefix))} | attributes(kind.model)


@cache
def nested_columns() -> tuple[str, ...]:
    """What a file of customers may say of their line items, and names of the customer that it may repeat there."""
    return tuple(column_name(kind, name) for kind in LINE_ITEMS for name in (*line_item_columns(kind), *PARENTS))


def plain(heading: str) -> str:
    """Headings are compared without case, accents, blanks and punctuation: "E-Mail" and "e mail" are one."""
    return re.sub(r"[\W_]+", "", fold(heading))


@cache
def known_headings() -> dict[str, str]:
    """Field by plain heading; a field's own name wins over a label, and a label over what else people say."""
    known = {plain(word): name for name, words in SYNONYMS.items() for word in words.split(",")}
    for language, _ in settings.LANGUAGES:
        with translation.override(language):
            known |= _labels()
    known |= {plain(name): name for name in nested_columns()}
    for kind in LINE_ITEMS:
        # A list that is empty wherever it stands, or a column of nothing but what people look for.
        known[plain(kind.name)] = column_name(kind, (*kind.searched, *kind.names)[0])
    return known | {plain(name): name for name in customer_columns()}


def labels_of(model: type[models.Model]) -> dict[str, str]:
    """What the model's attributes are called in the language that is active."""
    return {f.name: str(f.verbose_name) for f in model._meta.concrete_fields if f.name in attributes(model)}


def _labels() -> dict[str, str]:
    """What fields are called in the language that is active."""
    known = {plain(label): name for name, label in labels_of(Customer).items()}
    for kind in LINE_ITEMS:
        for name, label in labels_of(kind.model).items():
            for parent in (kind.name, kind.label_plural, kind.model._meta.verbose_name):
                known[plain(f"{label} ({parent})")] = column_name(kind, name)
    return known


def guess(headings: Sequence[str]) -> dict[str, str]:
    """The field of each heading whose meaning is known; the first of two that mean the same."""
    files = line_item_files(headings, {})
    return files[0][1] if files else customer_fields(headings)


def customer_fields(headings: Sequence[str]) -> dict[str, str]:
    """The same, in a file of customers."""
    fields: dict[str, str] = {}
    exact = {h: h for h in headings if h in customer_columns()}
    for heading in headings:
        name = exact.get(heading) or known_headings().get(plain(heading))
        if name and (heading in exact or name not in {*fields.values(), *exact}):
            fields[heading] = name
    return fields


def line_item_files(headings: Sequence[str], mapping: Mapping[str, str]) -> list[tuple[LineItem, dict[str, str]]]:
    """Whose line items a file has that has nothing else, and the field of each heading.

    None if it is no such file, and more than one if the headings fit several kinds equally well.
    """
    fits: dict[int, list[tuple[LineItem, dict[str, str]]]] = {}
    for kind in LINE_ITEMS:
        fields = _line_item_fields(kind, headings, mapping)
        fits.setdefault(sum(name in kind.names for name in fields.values()), []).append((kind, fields))
    most = max(fits)
    return fits[most] if most else []


def _line_item_fields(kind: LineItem, headings: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """The field of each heading; empty if this is no file of such line items."""
    known = {plain(name): name for name in (*line_item_columns(kind), *PARENTS)}
    fields = {h: mapping[h] if h in mapping else known.get(plain(h), "") for h in headings}
    fields = {h: name for h, name in fields.items() if name}
    names = set(fields.values())
    if names.isdisjoint(PARENTS) or "customer_name" in mapping.values():
        return {}
    own = names.intersection(kind.names)
    # "CustomerID, Company, Phone" is about customers: their company is their name.
    others = {known_headings().get(plain(h)) for h in headings if h not in fields}
    is_clear = others.isdisjoint(customer_columns()) or any(_is_only_of_line_items(name) for name in own)
    return fields if own and is_clear else {}


def _is_only_of_line_items(name: str) -> bool:
    return known_headings().get(plain(name)) not in customer_columns()


def damaged_by_excel() -> Iterable[tuple[LineItem | None, str]]:
    """Identifiers, which Excel likes to make numbers of: of customers (None) and of each kind of line item."""
    yield from ((None, name) for name in ("tax_id", "customer_pos_id", "mobile_no"))
    for kind in LINE_ITEMS:
        yield from ((kind, name) for name in kind.searched if kind.attributes[name].kind == "string")
