"""Cells of an OpenDocument sheet as text: what a person sees, with all digits of amounts."""

import re
import unicodedata
from decimal import Context, Decimal, DecimalException

from overplane.files.cells import MOST_DIGITS, broken
from overplane.files.wording import gettext as _

TYPE, VALUE = "office:value-type", "office:value"
ERROR = re.compile(r"#[A-Z0-9/!?]+[!?]?|Err:[0-9]{3}")
TIME = re.compile(r"PT(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)(?:[.,][0-9]+)?S)?")
PLAIN = re.compile(r"-?[1-9][0-9]*(?:\.[0-9]*[1-9])?")  # most numbers
# A number with more would be longer than any cell is read for; its text is taken.
MOST_EXPONENT = 400


def _never_calculated() -> str:
    message = _("Cell %(cell)s holds a formula that was never calculated. Open the file in a spreadsheet and save it.")
    return broken("", message % {"cell": "{cell}"})


def text_of_cell(attributes: dict[str, str], display_text: str) -> str:
    """`display_text`: the cell's paragraphs. In the message of a broken cell `{cell}` stands for its name."""
    kind = attributes.get(TYPE, "")
    if kind == "string":
        is_formula = "table:formula" in attributes
        if attributes.get("calcext:value-type") == "error" or (is_formula and ERROR.fullmatch(display_text)):
            message = _("Cell %(cell)s shows the error %(error)s. Correct it, or empty it.")
            return broken(display_text, message % {"cell": "{cell}", "error": display_text})
        return attributes.get("office:string-value", display_text)
    if not kind:
        return _never_calculated() if "table:formula" in attributes and not display_text else display_text
    if kind in ("float", "percentage", "currency"):
        return _number(attributes.get(VALUE, ""), kind, display_text)
    if kind == "date":
        return attributes.get("office:date-value", display_text).removesuffix("T00:00:00")
    if kind == "time":
        return _time(attributes.get("office:time-value", ""), display_text)
    if kind == "boolean":
        return attributes.get("office:boolean-value", display_text)
    return display_text


def _number(value: str, kind: str, display_text: str) -> str:
    if display_text == value and PLAIN.fullmatch(value):
        return value
    try:
        number = Decimal(value)
        if not number.is_finite() or abs(number.adjusted()) > MOST_EXPONENT:
            return display_text
    except DecimalException:
        return display_text
    if number != number.to_integral_value():
        number = Context(prec=MOST_DIGITS).plus(number)
    if kind == "percentage":
        return _plain(number.scaleb(2)) + "%"
    if kind == "float" and (_is_word(display_text) or not (display_text or number)):
        return display_text
    if kind == "float" and (zeros := _with_zeros(display_text, number)):
        return zeros
    return display_text.strip() if kind == "float" and is_more_than_an_amount(display_text, number) else _plain(number)


def _is_word(display_text: str) -> bool:
    """A format such as "yes";"yes";"no"."""
    return any(map(str.isalpha, display_text)) and not any(map(str.isdigit, display_text))


def _with_zeros(display_text: str, number: Decimal) -> str:
    """An integer with zeros in front, its digits parted as thousands are: 01.234."""
    digits = re.sub(r"[.,\s'’]", "", display_text)
    has_zeros = digits.isdecimal() and digits.startswith("0") and digits.lstrip("0") == _plain(number)
    return digits if has_zeros and re.fullmatch(r"[0-9]{1,3}([.,])[0-9]{3}(\1[0-9]{3})*", display_text) else ""


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def is_more_than_an_amount(display_text: str, number: Decimal) -> bool:
    """Whether all digits are shown, and leading zeros, letters or signs with them that are part of no amount."""
    digits = re.sub(r"\D", "", display_text)
    if number != number.to_integral_value() or not display_text.isprintable():
        return False
    if digits.lstrip("0") != _plain(abs(number)).lstrip("0") or "." in display_text or "," in display_text:
        return False
    if len(digits) > 1 and digits.startswith("0"):
        return True
    others = re.sub(r"[\d\s'’]", "", display_text).strip("-−()")
    if not others:
        return re.search(r"\d\s*-\s*\d", display_text) is not None
    return not any(unicodedata.category(character) == "Sc" for character in others)


def _time(value: str, display_text: str) -> str:
    match = TIME.fullmatch(value)
    if not match:
        return display_text
    hours, minutes, seconds = (int(one or 0) for one in match.groups())
    return f"{hours:02}:{minutes:02}:{seconds:02}"
