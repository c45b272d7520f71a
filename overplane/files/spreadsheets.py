"""What spreadsheets do to values, and what values do to spreadsheets."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

# A cell that begins so is taken for a formula (or was escaped, which the same rule undoes).
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "'")
AS_FORMULA = re.compile(r'="((?:[^"]|"")*)"\s*')
EXPONENT = re.compile(r"[0-9][.,][0-9]+E\+[0-9]+", re.IGNORECASE)
# Digits that Excel does not keep in CSV: zeros in front, more than 15 of them, an exponent.
DAMAGED = re.compile(r"0[0-9]+|[0-9]{16,}|[0-9]+(?:\.[0-9]+)?[eE][-+]?[0-9]+")
KEPT_DIGITS = 15  # of a number, by spreadsheets; files and other programs keep two or three more
LONG_NUMBER = re.compile(r"[1-9][0-9]{15,30}")
# How unlikely it must be, in bits, that long numbers look rounded by accident: one in 250.
CERTAIN = 8
FEWEST_NUMBERS = 10  # of which can be said what is usual
MOST_EXAMPLES = 3
POINT_ZERO = re.compile(r"[0-9]{4,}[.,]0")


def escape_formula(text: str) -> str:
    """The text so that no spreadsheet takes it for a formula: `'` before what would begin one."""
    return "'" + text if text.startswith(FORMULA_SIGNS) else text


def unescape_formula(text: str) -> str:
    """The text as it was before `escape_formula`. (`'s-Hertogenbosch` was never escaped, and stays.)

    And `="00123"` is 00123: so programs keep a spreadsheet from making a number of it.
    """
    if text[:1] == "'":
        return text[1:] if text[1:2] in FORMULA_SIGNS and len(text) > 1 else text
    if text[:2] == '="' and (match := AS_FORMULA.fullmatch(text)):
        return match[1].replace('""', '"')
    return text


def may_be_escaped(cells: Sequence[str]) -> bool:
    """Whether `unescape_formula` may change one of them: fast, for whole columns."""
    joined = "\0" + "\0".join(cells)
    return "\0'" in joined or '\0="' in joined


def protect_number(text: str) -> str:
    """The text as CSV in which Excel leaves it as it is: `="00123"` where it would make another number of an identifier."""
    return f'="{text}"' if DAMAGED.fullmatch(text) else escape_formula(text)


class ExcelDamage:
    """Watches a column of identifiers (tax IDs, phone numbers) for what Excel makes of them. It warns, it never refuses."""

    def __init__(self) -> None:
        # The first rows and cells of each kind.
        self.examples: dict[str, list[tuple[int, str]]] = {"exponent": [], "point zero": [], "long": []}
        self.bits_lost: float | None = 0.0  # of long numbers; None once one of them has all its digits
        self.counts: Counter[str] = Counter()
        self.lengths: Counter[int] = Counter()
        self.has_leading_zero = False

    def watch(self, numbers: Sequence[int], cells: Sequence[str]) -> None:
        """`numbers` are the rows' numbers."""
        joined = "\n".join(cells)
        for kind, pattern, signs in (("exponent", EXPONENT, ("E+", "e+")), ("point zero", POINT_ZERO, (".0", ",0"))):
            if any(sign in joined for sign in signs):
                rows = zip(numbers, cells, strict=True)
                matching = [(n, cell.strip()) for n, cell in rows if pattern.fullmatch(cell.strip())]
                self.counts[kind] += len(matching)
                self.examples[kind] = (self.examples[kind] + matching)[:MOST_EXAMPLES]
        if self.bits_lost is not None and len(max(cells, key=len, default="")) > KEPT_DIGITS:
            self._watch_long_ones([(n, cell.strip()) for n, cell in zip(numbers, cells, strict=True)])
        if self.has_leading_zero:  # then this column has not lost its leading zeros
            return
        digits = list(filter(str.isdigit, cells))
        self.lengths.update(map(len, digits))
        self.has_leading_zero = any(cell[0] == "0" for cell in digits)

    def _watch_long_ones(self, rows: list[tuple[int, str]]) -> None:
        long_ones = [(n, cell) for n, cell in rows if LONG_NUMBER.fullmatch(cell)]
        for _number, cell in long_ones:
            if bits := _bits_lost(cell):
                self.bits_lost = (self.bits_lost or 0) + bits
            else:
                self.bits_lost = None
                return
        self.counts["long"] += len(long_ones)
        self.examples["long"] = (self.examples["long"] + long_ones)[:MOST_EXAMPLES]

    def warnings(self, heading: str) -> Iterator[str]:
        rounded, converted = self.counts["exponent"], self.counts["point zero"]
        if rounded:
            text = ngettext(
                "%(heading)s: Excel has rounded %(number)d number for good (%(rows)s).",
                "%(heading)s: Excel has rounded %(number)d numbers for good (%(rows)s).",
                rounded,
            )
            yield text % {"heading": heading, "number": rounded, "rows": self._rows("exponent")}
        if self.bits_lost is not None and self.bits_lost >= CERTAIN:
            text = ngettext(
                "%(heading)s: %(number)d long number was rounded by a program that took it for an amount (%(rows)s).",
                "%(heading)s: %(number)d long numbers were rounded by a program that took them for amounts (%(rows)s).",
                self.counts["long"],
            )
            yield text % {"heading": heading, "number": self.counts["long"], "rows": self._rows("long")}
        if converted:
            text = ngettext(
                "%(heading)s: %(number)d value ends in .0 (%(rows)s): the column was made a number.",
                "%(heading)s: %(number)d values end in .0 (%(rows)s): the column was made a number.",
                converted,
            )
            yield text % {"heading": heading, "number": converted, "rows": self._rows("point zero")}
        total = sum(self.lengths.values())
        if total >= FEWEST_NUMBERS and not self.has_leading_zero:
            yield from self._lost_zeros(heading, total)

    def _lost_zeros(self, heading: str, total: int) -> Iterator[str]:
        usual, often = self.lengths.most_common(1)[0]
        shorter = sum(n for length, n in self.lengths.items() if length < usual)
        if often >= 0.75 * total and shorter and usual > 3:
            text = ngettext(
                "%(heading)s: %(number)d of %(total)d numbers has fewer than the usual %(usual)d digits and none begins with"
                " 0. Were leading zeros lost? Import the file as it was before a spreadsheet opened it.",
                "%(heading)s: %(number)d of %(total)d numbers have fewer than the usual %(usual)d digits and none begins with"
                " 0. Were leading zeros lost? Import the file as it was before a spreadsheet opened it.",
                shorter,
            )
            yield text % {"heading": heading, "number": shorter, "total": total, "usual": usual}

    def _rows(self, kind: str) -> str:
        rows = ", ".join(_("row %(row)d: %(cell)s") % {"row": n, "cell": cell} for n, cell in self.examples[kind])
        return rows + (" …" if self.counts[kind] > MOST_EXAMPLES else "")


def _bits_lost(digits: str) -> float:
    """How much of this number is what rounding leaves: zeros behind 15 digits, or the digits of a binary number. 0: nothing."""
    zeros = len(digits) - KEPT_DIGITS
    if digits.endswith("0" * zeros):
        return zeros * math.log2(10)
    number = float(digits)
    return math.log2(math.ulp(number)) if int(number) == int(digits) else 0
