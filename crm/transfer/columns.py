"""What each column of a file is: by name, by label, by what people call it, or as they say.

A customer's rows stand beside it (`supplier_numbers.company`, "Company (Supplier Numbers)") or in
a file of their own, which is told by its column `customer_id`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.utils import translation

from crm.line_items import ID_PREFIX
from crm.models import Customer, SupplierNumberAtCustomer
from overplane.database.attributes import Attribute, attributes
from overplane.database.text import fold
from overplane.files.sources import UnusableFile
from overplane.ids import is_id
from overplane.problems import Code, invalid, nearest

ROWS = "supplier_numbers."
# Where the refused rows' file says what is wrong; such a file is mended and imported again.
TOLD = ("import_row", "import_problems")
# How a file of nothing but rows names the customer.
PARENT = ("customer_id", "parent_id")
# What Excel likes to make numbers of.
IDENTIFIERS = ("tax_id", "customer_pos_id", "mobile_no", "supplier_numbers.supplier_number")
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


def _id_parser(prefix: str) -> Any:
    def from_text(text: str) -> str | None:
        text = text.strip()
        if text and not is_id(prefix, text):
            raise invalid(Code.PARAMETER_INVALID, f"Must be {prefix}_ and up to 64 letters or digits.")
        return text or None

    return from_text


def moment(text: str) -> datetime | None:
    """ISO 8601, in UTC unless it says otherwise."""
    text = text.strip()
    if not text:
        return None
    try:
        given = datetime.fromisoformat(text)
        return (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
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
def row_columns() -> dict[str, Attribute]:
    """What a file may say of a supplier number. `idx` sorts the new rows of one customer."""
    own = attributes(SupplierNumberAtCustomer)
    return {"id": _identity("id", _id_parser(ID_PREFIX))} | own


@dataclass(frozen=True, slots=True)
class Columns:
    """Which cell is what. `customer` and `rows`: attribute to the cell's place; `constants` hold for every customer."""

    headings: list[str]
    customer: dict[str, int]
    rows: dict[str, int] = field(default_factory=dict)
    parent: int | None = None  # where a file of nothing but rows names the customer
    constants: dict[str, str] = field(default_factory=dict)
    mapping: dict[str, str] = field(default_factory=dict)

    def heading(self, name: str) -> str:
        """What stands over this attribute in the file."""
        places = self.customer | {ROWS + n: i for n, i in self.rows.items()}
        if self.parent is not None:
            places = places | {"customer_id": self.parent}
        return self.headings[places[name]] if name in places else name


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
    known |= {plain(ROWS + name): ROWS + name for name in (*row_columns(), *PARENT)}
    known[plain(ROWS)] = ROWS + "supplier_number"  # a list of them, or nothing but the number
    return known | {plain(name): name for name in customer_columns()}


def _labels() -> dict[str, str]:
    """What fields are called in the language of the moment."""
    known = {plain(str(Customer._meta.get_field(name).verbose_name)): name for name in attributes(Customer)}
    for name in attributes(SupplierNumberAtCustomer):
        label = str(SupplierNumberAtCustomer._meta.get_field(name).verbose_name)
        for parent in ("supplier numbers", str(SupplierNumberAtCustomer._meta.verbose_name)):
            known[plain(f"{label} ({parent})")] = ROWS + name
    return known


def guess(headings: Sequence[str]) -> dict[str, str]:
    """The field of each heading that can be told; the first of two that mean the same."""
    return _rows_file(headings, {}) or _of_customers(headings)


def _of_customers(headings: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    exact = {h: h for h in headings if h in customer_columns()}
    for heading in headings:
        name = exact.get(heading) or known_headings().get(plain(heading))
        if name and (heading in exact or name not in {*found.values(), *exact}):
            found[heading] = name
    return found


def _rows_file(headings: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """The fields of a file that has one row a supplier number; nothing if it is no such file."""
    known = {plain(name): name for name in (*row_columns(), *PARENT)}
    meant = {h: mapping[h] if h in mapping else known.get(plain(h)) for h in headings}
    found = {h: name for h, name in meant.items() if name}
    names = set(found.values())
    if not names & set(PARENT) or "customer_name" in mapping.values():
        return {}
    others = {known_headings().get(plain(h)) for h in headings if h not in found}
    # "CustomerID, Company, Phone" is about customers: their company is their name.
    return found if "supplier_number" in names or ("company" in names and not others & set(customer_columns())) else {}


def resolve(
    headings: list[str],
    *,
    mapping: Mapping[str, str],
    constants: Mapping[str, str],
    ignore_unknown: bool,
) -> Columns:
    """Every column's meaning. Raises `UnusableFile` with all that cannot be told."""
    stripped = {heading.strip(): name for heading, name in mapping.items()}
    if absent := [heading for heading in stripped if heading not in headings]:
        raise UnusableFile(f"The file has no column {', '.join(map(repr, absent))}.{nearest(absent[0], headings)}")
    by_rows = bool(_rows_file(headings, stripped))
    known = {*row_columns(), *PARENT} if by_rows else {*customer_columns(), *_row_names()}
    for name in filter(None, stripped.values()):
        if name not in known:
            raise UnusableFile(f"There is no field {name!r}.{nearest(name, sorted(known))}")
    _check_constants(constants, by_rows=by_rows)
    rest = [h for h in headings if h not in stripped]
    guessed = _rows_file(headings, stripped) if by_rows else _of_customers(rest)
    taken = {*stripped.values(), *constants}
    chosen = stripped | {h: n for h, n in guessed.items() if h in rest and n not in taken}
    unknown = [h for h in rest if h not in chosen and h not in TOLD]
    _check_unknown(unknown, ignore_unknown, known)
    names = [name for name in chosen.values() if name]
    if twice := {name for name in names if names.count(name) > 1} | (set(constants) & set(names)):
        raise UnusableFile(f"More than one column or --set goes to {', '.join(sorted(twice))}.")
    if set(PARENT) <= set(names):
        raise UnusableFile("Both customer_id and parent_id name the customer: leave one out (--map 'parent_id=').")
    return _placed(headings, chosen | dict.fromkeys(unknown, ""), constants, by_rows=by_rows)


def _check_constants(constants: Mapping[str, str], *, by_rows: bool) -> None:
    if constants and by_rows:
        raise UnusableFile("--set gives values to customers; this file is of nothing but supplier numbers.")
    for name in constants:
        if name not in customer_columns():
            raise UnusableFile(f"--set: customers have no field {name!r}.{nearest(name, sorted(customer_columns()))}")


def _row_names() -> Iterable[str]:
    return (ROWS + name for name in (*row_columns(), *PARENT))


def _check_unknown(unknown: Sequence[str], ignore: bool, known: Iterable[str]) -> None:
    if unknown and not ignore:
        named = ", ".join(repr(heading) + nearest(heading, sorted(known)).rstrip("?") for heading in unknown)
        raise UnusableFile(f"Unknown columns: {named}. Map them (--map 'Heading=field') or pass --ignore-unknown.")


def _placed(headings: list[str], chosen: dict[str, str], constants: Mapping[str, str], *, by_rows: bool) -> Columns:
    """`chosen`: the field of each heading, "" for those that are left out."""
    places = {name: headings.index(heading) for heading, name in chosen.items() if name}
    if by_rows:
        parent = places.get("customer_id", places.get("parent_id"))
        rows = {name: i for name, i in places.items() if name in row_columns()}
        return Columns(headings, {}, rows, parent, dict(constants), chosen)
    # The customer that a nested row names is the one that it stands beside.
    rows = {n.removeprefix(ROWS): i for n, i in places.items() if n.removeprefix(ROWS) in row_columns() and "." in n}
    customer = {name: i for name, i in places.items() if "." not in name}
    return Columns(headings, customer, rows, None, dict(constants), chosen)
