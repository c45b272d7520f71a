"""What spreadsheets do to values, and what values do to spreadsheets."""

import re
from collections import Counter
from collections.abc import Sequence

# A cell that begins so is taken for a formula (or was escaped, which the same rule undoes).
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "'")
EXPONENT = re.compile(r"[0-9][.,][0-9]+E\+[0-9]+", re.IGNORECASE)
POINT_ZERO = re.compile(r"[0-9]{4,}[.,]0")


def escape_formula(text: str) -> str:
    """The text so that no spreadsheet takes it for a formula: `'` before what would begin one."""
    return "'" + text if text.startswith(FORMULA_SIGNS) else text


def unescape_formula(text: str) -> str:
    """The text as it was before `escape_formula`. (`'s-Hertogenbosch` was never escaped, and stays.)"""
    return text[1:] if text[:1] == "'" and text[1:2] in FORMULA_SIGNS and len(text) > 1 else text


class ExcelDamage:
    """Watches a column of identifiers (tax IDs, phone numbers) for what Excel makes of them. It warns, it never refuses."""

    def __init__(self) -> None:
        self.rows: dict[str, list[int]] = {"exponent": [], "point zero": []}
        self.counts: Counter[str] = Counter()
        self.lengths: Counter[int] = Counter()
        self.has_leading_zero = False

    def watch(self, numbers: Sequence[int], cells: Sequence[str]) -> None:
        """`numbers` are the rows' numbers."""
        joined = "\n".join(cells)
        for kind, pattern, signs in (("exponent", EXPONENT, ("E+", "e+")), ("point zero", POINT_ZERO, (".0", ",0"))):
            if any(sign in joined for sign in signs):
                matching = [n for n, cell in zip(numbers, cells, strict=True) if pattern.fullmatch(cell.strip())]
                self.counts[kind] += len(matching)
                self.rows[kind] = (self.rows[kind] + matching)[:3]
        if self.has_leading_zero:  # then this column has not lost its leading zeros
            return
        digits = list(filter(str.isdigit, cells))
        self.lengths.update(map(len, digits))
        self.has_leading_zero = any(cell[0] == "0" for cell in digits)

    def warnings(self, heading: str) -> list[str]:
        warnings = []
        if self.counts["exponent"]:
            warnings.append(
                self._warning(heading, "exponent", "look like 4.41E+11: Excel has rounded the number for good")
            )
        if self.counts["point zero"]:
            warnings.append(self._warning(heading, "point zero", "end in .0: the column was made a number"))
        total = sum(self.lengths.values())
        if total >= 10 and not self.has_leading_zero:
            usual, often = self.lengths.most_common(1)[0]
            shorter = sum(n for length, n in self.lengths.items() if length < usual)
            if often >= 0.75 * total and shorter and usual > 3:
                warnings.append(
                    f"{heading}: {shorter} of {total} numbers have fewer than the usual {usual} digits and none begins"
                    " with 0. Were leading zeros lost? Import the file as it was before a spreadsheet opened it."
                )
        return warnings

    def _warning(self, heading: str, kind: str, words: str) -> str:
        rows = ", ".join(map(str, self.rows[kind]))
        return f"{heading}: {self.counts[kind]} values {words} (row {rows}{' …' if self.counts[kind] > 3 else ''})."
