"""Values as people write them in files: choices by their label, `7,5 %`, `1.234,50`. Of JSON nothing of this is true.

What can mean two things is refused, with both of them.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import translation
from django.utils.translation import gettext as _

from overplane.database.attributes import Attribute, Parser, attributes
from overplane.database.fields import NumberField, RateField, field_of
from overplane.database.text import fold
from overplane.problems import Code, invalid

# What people call the values of a closed choice, beside the values themselves and their labels.
CHOICE_SYNONYMS = {
    "customer_type": {
        "Company": "firma, unternehmen, gesellschaft, organisation, organization, business, corporate, corporation, b2b,"
        " firmenkunde, geschäftskunde, gewerblich, gewerbe, juristische person",
        "Individual": "privatperson, person, private person, privat, private, privatkunde, einzelperson, natürliche person,"
        " natural person, consumer, b2c, endkunde",
        "Partnership": "partnerschaft, personengesellschaft, gbr, ohg, kg",
    }
}
CURRENCIES = ("default_currency",)
# Beside those of every door. Access writes -1 for true; a column that has gaps becomes 1.0 and 0.0 in statistics programs.
TRUE_SIGNS = ("✓", "✔", "☑", "✅", "[x]", "richtig", "an", "1.0", "1,0", "-1")
FALSE_SIGNS = ("✗", "✘", "☐", "❌", "[ ]", "[]", "aus", "0.0", "0,0")
SIGNS = dict.fromkeys(TRUE_SIGNS, "true") | dict.fromkeys(FALSE_SIGNS, "false")
BLANKS = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2007": " ", "’": "'", "−": "-"})
# Digits in groups of three, and decimals perhaps: 1.234  1,234,567  1 234,5  1'234.50
GROUPED = re.compile(r"([-+]?)([0-9]{1,3}(?:([., '])[0-9]{3})(?:\3[0-9]{3})*)(?:([.,])([0-9]*))?")
DECIMAL_COMMA = re.compile(r"([-+]?[0-9]*),([0-9]+)")
WHOLE = re.compile(r"([-+]?[0-9]+)[.,]0{1,2}")
AMBIGUOUS_DECIMALS = 3  # as many digits stand in a group of thousands


def as_people_write(model: type[models.Model], choices: Mapping[str, Sequence[str]]) -> dict[str, Attribute]:
    """The model's attributes, with parsers of text that know how people write. `choices`: closed ones, by attribute."""
    return {name: _as_people_write(model, one, choices.get(name)) for name, one in attributes(model).items()}


def _as_people_write(model: type[models.Model], known: Attribute, choices: Sequence[str] | None) -> Attribute:
    if choices:
        values = {word: value for value in choices for word in _words_for(known.name, value)}
        return replace(known, kind="choice", from_text=_after(partial(_choice, values), known.from_text))
    if known.name in CURRENCIES:
        return replace(known, kind="choice", from_text=_after(_currency, known.from_text))
    if known.kind == "boolean":
        return replace(known, from_text=_after(_boolean, known.from_text))
    if known.kind in ("number", "integer"):
        field = field_of(model, known.name)
        decimals = field.decimal_places if isinstance(field, NumberField) else 0
        read = partial(plain_number, known=known, decimals=decimals, is_rate=isinstance(field, RateField))
        return replace(known, from_text=_after(read, known.from_text))
    return known


def _after(rewrite: Callable[[str], str], parse: Parser) -> Parser:
    def from_text(text: str) -> Any:
        return parse(rewrite(text))

    return from_text


def _words_for(name: str, value: str) -> Iterator[str]:
    """What may stand for a value of a closed choice, as `_word` has it."""
    yield from map(_word, CHOICE_SYNONYMS.get(name, {}).get(value, "").split(","))
    for language, _language in settings.LANGUAGES:
        with translation.override(language):
            yield _word(translation.gettext(value))
    yield _word(value)


def _choice(values: Mapping[str, str], text: str) -> str:
    return values.get(_word(text), text) if text.strip() else text


def _word(text: str) -> str:
    """Words are compared without case, accents and further blanks."""
    return " ".join(fold(text).split())


def _currency(text: str) -> str:
    return text.upper() if len(text.strip()) == 3 and text.isascii() else text


def _boolean(text: str) -> str:
    return SIGNS.get(text.strip().lower(), text)


def plain_number(text: str, *, known: Attribute, decimals: int, is_rate: bool) -> str:
    """A number as programs write it. What is none stays as it is, for the parser to refuse."""
    text = text.translate(BLANKS).strip()
    if is_rate and text.endswith("%"):
        text = text[:-1].rstrip()
    if not decimals and (whole := WHOLE.fullmatch(text)):
        return whole[1]
    if match := GROUPED.fullmatch(text):
        sign, digits, separator, mark, fraction = match.groups()
        if mark is None and separator in ".," and digits.count(separator) == 1:
            return sign + _thousand_or_decimal(sign, digits, known=known, decimals=decimals)
        return text if mark == separator else sign + _digits_of(digits) + (f".{fraction}" if fraction else "")
    if match := DECIMAL_COMMA.fullmatch(text):
        return f"{match[1]}.{match[2]}"
    return text


def _digits_of(text: str) -> str:
    return re.sub("[^0-9]", "", text)


def _thousand_or_decimal(sign: str, digits: str, *, known: Attribute, decimals: int) -> str:
    """What `1.234` or `1,234` means. Raises if that cannot be told.

    With a point it is how programs write a number, this one's exports too: so it is what fits into the bounds.
    """
    thousand, decimal = _digits_of(digits), digits.replace(",", ".")
    if digits.startswith("0"):
        return decimal
    if "," in digits and decimals < AMBIGUOUS_DECIMALS:
        return thousand
    if "." in digits and not _is_within(Decimal(sign + thousand), known):
        return decimal
    raise invalid(
        Code.PARAMETER_INVALID,
        _("May mean %(decimal)s or %(thousand)s. Write it as one of these.")
        % {"decimal": f"{sign}{decimal}0", "thousand": sign + thousand},
    )


def _is_within(number: Decimal, known: Attribute) -> bool:
    is_low = known.lowest is not None and number < known.lowest
    return not is_low and not (known.highest is not None and number > known.highest)
