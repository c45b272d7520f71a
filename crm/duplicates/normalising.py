"""What of a customer is compared, as terms: words without case and accents, numbers without what stands between their digits.

A profile is a tuple with the terms of each attribute, in the order of `ATTRIBUTES`. No term has white space in it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from crm.phones import CODE_AND_NATIONAL
from overplane.database.text import NOT_DIGIT, NOT_WORD, fold

Terms = tuple[str, ...]
Profile = tuple[Terms, ...]

VERSION = 2  # of the terms: raised when others come of the same values, so that all is compared anew
MAX_WORDS = 24  # of a value; an address with more of them is a text
NOT_KEY = re.compile(r"[^0-9A-Z]+")
NOT_KEY_OF_ANY_SCRIPT = re.compile(r"[\W_]+")
LEGAL_FORM = re.compile(
    "AB|AG|AND|APS|AS|ASA|BHD|BV|BVBA|CO|COMPANY|CORP|CORPORATION|CV|DE|DER|DI|DIE|EG|EIRL|EK|ET|EURL|EV|GBR|GMBH|INC"
    "|INCORPORATED|KFT|KG|KGAA|LDA|LIMITED|LLC|LLP|LP|LTD|LTDA|MBH|NV|OHG|OY|OYJ|PARTG|PLC|PTE|PTY|PVT|SA|SARL|SAS|SCA|SDN"
    "|SE|SL|SNC|SP|SPA|SPRL|SRL|SRO|THE|UG|UND|ZOO"
)
# Forms that are written with dots: `S.A.R.L.` and `S. A.` are one word.
DOTTED = re.compile(r"\b(?:[A-Z]\. ?){2,}(?:[A-Z]\b)?")
APOSTROPHE = re.compile("['’`´]")
# Words of addresses that people shorten, each by its short form.
SHORT = {
    "STREET": "ST", "STRASSE": "STR", "STRAßE": "STR", "AVENUE": "AVE", "AV": "AVE", "ROAD": "RD", "BOULEVARD": "BLVD", "DRIVE": "DR",
    "LANE": "LN", "COURT": "CT", "PLACE": "PL", "SQUARE": "SQ", "HIGHWAY": "HWY", "PARKWAY": "PKWY", "TERRACE": "TCE", "CRESCENT": "CRES",
    "CIRCUIT": "CCT", "NORTH": "N", "SOUTH": "S", "EAST": "E", "WEST": "W", "SUITE": "STE", "APARTMENT": "APT", "BUILDING": "BLDG",
    "PLATZ": "PL", "SAINT": "ST", "FLOOR": "FL", "POSTFACH": "PF", "HAUS": "HS",
}  # fmt: skip
STREET_ENDING = re.compile("(?<=...)(?:STRASSE|STR)$")
NUMBER_AND_LETTER = re.compile(r"([0-9]+)([A-Z])")
SHORTEST_PHONE = 7  # digits; shorter ones are extensions, and many share them
PHONE_KEY = 7  # digits: a number is the same with and without its country, its area and their zeros
PHONES_PARTED = re.compile(r"[,;/|\n]|\bOR\b|\bODER\b")
PHONE_CODE = re.compile(r"^[^0-9]*(?:\+|00)")
HOST = re.compile(r"^(?:[a-z]+://)?(?:www\.)?([^/?#:]+)", re.IGNORECASE)


def _words(text: str) -> list[str]:
    return NOT_WORD.sub(" ", APOSTROPHE.sub("", fold(text))).split()[:MAX_WORDS]


def name(value: str) -> Terms:
    """Words without legal forms, in order; all words if there are no others."""
    folded = DOTTED.sub(lambda one: NOT_KEY.sub("", one[0]) + " ", fold(value[:500]))
    words = NOT_WORD.sub(" ", APOSTROPHE.sub("", folded)).split()[:MAX_WORDS]
    return tuple(dict.fromkeys([word for word in words if not LEGAL_FORM.fullmatch(word)] or words))


def address(value: str) -> Terms:
    words: list[str] = []
    for word in _words(value[:500]):
        if match := NUMBER_AND_LETTER.fullmatch(word):  # `12a` and `12 a`
            words += match.groups()
        else:
            words.append(SHORT.get(word) or STREET_ENDING.sub("STR", word))
    return tuple(dict.fromkeys(words))


def code(value: str) -> Terms:
    """A number of authorities or of a till."""
    key = NOT_KEY_OF_ANY_SCRIPT.sub("", fold(value))
    return (key,) if len(key) > 2 else ()


def phones(value: str) -> Terms:
    """Each number as it is dialled from another area, without zeros."""
    numbers = []
    for part in PHONES_PARTED.split(fold(value))[:4]:
        digits = NOT_DIGIT.sub("", part)
        if PHONE_CODE.match(part) and (match := CODE_AND_NATIONAL.fullmatch(digits.lstrip("0"))):
            digits = match[2]
        if len(digits := digits.lstrip("0")) >= SHORTEST_PHONE:
            numbers.append(digits)
    return tuple(dict.fromkeys(numbers))


def email(value: str) -> Terms:
    """The address and its domain."""
    folded = "".join(fold(value).split())
    return (folded, "@" + folded.rpartition("@")[2]) if "@" in folded else ()


def website(value: str) -> Terms:
    match = HOST.match(value.strip())
    return (fold(match[1]).strip("."),) if match and "." in match[1] and " " not in match[1].strip() else ()


def numbers(values: Iterable[str]) -> Terms:
    """Of line items: what identifies each, as `supplier_numbers` of a customer do."""
    return tuple(dict.fromkeys(key for value in values for key in code(value)))[:MAX_WORDS]


# The attribute that stands for what is compared, where its value is, and how it becomes terms.
ATTRIBUTES: dict[str, Callable[[Any], Terms]] = {
    "customer_name": name,
    "primary_address": address,
    "tax_id": code,
    "email_id": email,
    "mobile_no": phones,
    "website": website,
    "customer_pos_id": code,
    "supplier_numbers": numbers,
}
NAMES = tuple(ATTRIBUTES)


def profile(values: Mapping[str, Any]) -> Profile:
    """The terms of a customer. `supplier_numbers`: what identifies its line items, as texts."""
    return tuple(terms(value) if (value := values.get(name)) else () for name, terms in ATTRIBUTES.items())


def packed(one: Profile) -> str:
    return "\t".join([" ".join(terms) for terms in one])
