"""What a person sees in a cell of a workbook, where that is another value than the stored one.

7.5 % is stored as 0.075, a postal code 01234 as 1234 with the format `00000`. Formats that only dress up an amount
(decimals, thousands, currencies, General) change nothing: the stored value has all digits, the shown one may not.
"""

import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from overplane.files.cells import MOST_DIGITS

# A format that does not fit into this is none that a spreadsheet takes (its limit is 255 characters).
LONGEST_FORMAT = 1000
PERCENT_FORMATS = {9: "0%", 10: "0.00%"}  # the built-in ones that are no plain amount; they are not written down
TOKEN = re.compile(
    r"""
    "(?P<quoted>[^"]*)"? | \\(?P<escaped>.) | _(?P<gap>.) | \*(?P<fill>.)
    | \[\$(?P<currency>[^\]\-]*)(?:-[^\]]*)?\]
    | \[(?P<operator><=|>=|<>|<|>|=)(?P<limit>-?[0-9.]+)\]
    | \[(?P<elapsed>h+|m+|s+)\] | \[[^\]]*\]
    | (?P<general>General) | (?P<exponent>E[+-]) | (?P<date>AM/PM|A/P|[ymdhsgeb])
    | (?P<digit>[0\#?]) | (?P<sign>[.,%/@;]) | (?P<literal>.)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
# Digits with a fixed number of places before the point, perhaps with a comma between thousands (one at the end divides).
FIXED = re.compile(r"[#?]*(0(?:[0#?,]*[0#?])?)(?:\.([0#?]+))?")
# What stands beside an amount of money instead of a sign of its own (those are known by their category).
CODES = re.compile(
    "AED|AUD|BGN|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|DM|EGP|EUR|GBP|HKD|HRK|HUF|IDR|ILS|INR|ISK|JPY|KRW|MAD|MXN|MYR|NOK|NZD|"
    "PEN|PHP|PLN|RON|RSD|RUB|SAR|SEK|SGD|THB|TRY|TWD|UAH|USD|VND|ZAR",
    re.IGNORECASE,
)
CURRENCIES = {"fr", "sfr", "kr", "kč", "zł", "ft", "lei", "lv", "kn", "rs", "r", "tl", "din", "nis", "rm", "rp"}
COMPARISONS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b, "<>": lambda a, b: a != b,
}  # fmt: skip


class Part(NamedTuple):
    kind: str  # digit, literal, general, text
    text: str


class Section:
    """One of the up to four parts of a format that semicolons part."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.percents = 0
        self.is_amount = False  # decimals, thousands, a currency, an exponent, a fraction, a date: nothing to be shown
        self.condition: tuple[str, Decimal] | None = None
        self.picture = ""  # its digits and signs

    @property
    def is_empty(self) -> bool:
        """Whether it shows nothing at all."""
        return not self.parts and not self.is_amount and not self.percents

    @property
    def least_digits(self) -> tuple[int, int]:
        """The fewest digits that are shown before the point, and behind it."""
        match = FIXED.fullmatch(self.picture)
        whole, decimals = match.groups("") if match else ("", "")
        return len(whole.replace(",", "")), decimals.count("0")

    @property
    def literals(self) -> str:
        return "".join(part.text for part in self.parts if part.kind == "literal").strip()

    @property
    def has_value(self) -> bool:
        return any(part.kind in ("digit", "general") for part in self.parts)

    @property
    def is_noteworthy(self) -> bool:
        """Whether a number in it is to be taken as it is shown."""
        if self.percents:
            return True
        if not self.has_value:
            return False
        if self.is_amount:
            return self.least_digits[0] >= 2 and not self.literals
        literals = self.literals
        if self.least_digits[0] >= 2:  # behind a 0 a # shows zeros too
            return True
        if not literals or not literals.strip(" \xa0\u202f'’()-"):
            # A blank or an apostrophe between the digits parts thousands; a minus and brackets stand for a sign.
            return "-" in literals.strip("()") and self._is_parted
        return not _is_currency(literals)

    @property
    def _is_parted(self) -> bool:
        """Whether digits stand on both sides of a hyphen: ###-####."""
        kinds = "".join("d" if part.kind == "digit" else part.text for part in self.parts)
        return re.search(r"d\s*-\s*d", kinds) is not None

    def format_number(self, value: Decimal) -> str:
        """`value` is not negative. All its digits are there, also where the format would round them away."""
        whole, _, fraction = format(value, "f").partition(".")
        fraction = fraction.rstrip("0")
        least, decimals = self.least_digits
        if self.is_amount:
            fraction = fraction.ljust(decimals, "0")
            return whole.lstrip("0").rjust(least, "0") + (f".{fraction}" if fraction else "")
        digits = list(whole.lstrip("0").rjust(least, "0") if least > 1 else whole.lstrip("0"))
        digit_indexes = [i for i, part in enumerate(self.parts) if part.kind in ("digit", "general")]
        texts = [part.text if part.kind == "literal" else "" for part in self.parts]
        for i in reversed(digit_indexes):
            if self.parts[i].kind == "general" or i == digit_indexes[0]:
                texts[i] = "".join(digits) or {"#": "", "?": " "}.get(self.parts[i].text, "0")
                digits = []
            else:
                texts[i] = digits.pop() if digits else {"0": "0", "?": " "}.get(self.parts[i].text, "")
        if fraction and digit_indexes:
            texts[digit_indexes[-1]] += "." + fraction
        return "".join(texts).strip()


class NumberFormat:
    """A format as it is written in a workbook. Called with a cell's value, and says what is meant by it."""

    def __init__(self, code: str) -> None:
        self.sections = _sections(code[:LONGEST_FORMAT])
        self.text_section = self._text_section()

    @property
    def is_noteworthy(self) -> bool:
        """Whether any value may be shown as something else."""
        own = any(section.is_noteworthy for section in self.sections)
        return own or self._is_words or self._hides_some or self.hides_all or self.text_section is not None

    @property
    def hides_all(self) -> bool:
        """Such as ;;; which shows no value."""
        return len(self.sections) > 2 and all(section.is_empty for section in self.sections)

    @property
    def _hides_some(self) -> bool:
        """Such as 0;-0;;@ which shows no zero."""
        return len(self.sections) > 2 and any(section.is_empty for section in self.sections[1:3])

    @property
    def _is_words(self) -> bool:
        """Such as "yes";"yes";"no"."""
        first = self.sections[0]
        return not first.has_value and not first.is_amount and any(map(str.isalnum, first.literals))

    def _text_section(self) -> Section | None:
        for section in self.sections[3:4] or self.sections[-1:]:
            if any(part.kind == "text" for part in section.parts) and section.literals:
                return section
        return None

    def __call__(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value) if value and self.text_section else value
        if type(value) not in (int, float):
            return value
        number = Decimal(repr(value) if isinstance(value, int) else format(value, f".{MOST_DIGITS}g"))
        if not number.is_finite() or self.hides_all:
            return value
        section, is_own = self._section_of(number)
        if section.percents:
            return _percent(number, section.percents)
        if is_own and section.is_empty and self._hides_some:
            return ""
        if not section.has_value and not section.is_amount and (self._is_words or self.sections[0].is_noteworthy):
            # A dash alone stands for zero.
            return section.literals if any(map(str.isalnum, section.literals)) else value
        if not self._is_shown(section, number):
            return value
        return ("-" if number < 0 and not is_own else "") + section.format_number(abs(number))

    def _is_shown(self, section: Section, number: Decimal) -> bool:
        """The section of negative numbers has a sign of its own, which says nothing of what they are."""
        if section is not self.sections[0] and number < 0 and not section.literals.strip("()-"):
            return self.sections[0].is_noteworthy
        return section.is_noteworthy

    def _section_of(self, number: Decimal) -> tuple[Section, bool]:
        """And whether it writes the sign of a negative number by itself."""
        numeric = self.sections[:3]
        if any(section.condition for section in numeric):
            for section in numeric:
                if section.condition is None or COMPARISONS[section.condition[0]](number, section.condition[1]):
                    return section, False
            return numeric[-1], False
        if number < 0 and len(numeric) > 1 and not _is_text_only(numeric[1]):
            return numeric[1], True
        if number == 0 and len(numeric) > 2 and not _is_text_only(numeric[2]):
            return numeric[2], True
        return numeric[0], False

    def _text(self, value: str) -> str:
        parts = self.text_section.parts if self.text_section else []
        return "".join(value if part.kind == "text" else part.text for part in parts).strip()


def _is_text_only(section: Section) -> bool:
    return any(part.kind == "text" for part in section.parts)


def _percent(number: Decimal, percents: int) -> str:
    """All digits, exactly, and no more."""
    text = format(number.scaleb(2 * percents), "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "%" * percents


def _is_currency(literals: str) -> bool:
    words = re.findall(r"[^\W\d_]+", literals)
    if any(unicodedata.category(character) == "Sc" for character in literals):
        return True
    return bool(words) and all(CODES.fullmatch(word) or word.lower() in CURRENCIES for word in words)


def _sections(code: str) -> list[Section]:
    sections = [Section()]
    for token in TOKEN.finditer(code):
        if token["sign"] == ";":
            sections.append(Section())
        else:
            _add(sections[-1], token)
    return sections


def _add(section: Section, token: re.Match[str]) -> None:
    kind, text = token.lastgroup, token[0]
    if kind not in ("quoted", "escaped", "literal", "currency", "gap", "fill", None):
        section.picture += text
    if kind == "limit":
        try:
            section.condition = token["operator"], Decimal(token["limit"])
        except ArithmeticError:  # 1.2.3
            pass
    elif kind in ("quoted", "escaped", "literal"):
        section.parts.append(Part("literal", token[kind]))
    elif kind == "currency":
        section.parts.append(Part("literal", token["currency"]))
        section.is_amount = section.is_amount or _is_currency(token["currency"])
    elif kind == "gap":
        section.parts.append(Part("literal", " "))
    elif kind in ("digit", "general"):
        section.parts.append(Part(kind, text))
    elif text == "%":
        section.percents += 1
    elif text == "@":
        section.parts.append(Part("text", text))
    elif kind in ("sign", "exponent", "date", "elapsed"):
        section.is_amount = True
