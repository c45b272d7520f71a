"""Texts that something else made of what was meant: an encoding, a web page, a spreadsheet, a quote in the wrong place.

They are stored as they stand, for nobody knows for sure; a warning says where they are.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crm.transfer.counted_rows import CountedRows

QUOTES = {
    "'": "'’",
    '"': '"',
    "`": "`´'",
    "´": "´",
    "‘": "’",
    "‚": "‘’",
    "“": "”",
    "”": "”",
    "„": "“”",
    "«": "»",
    "»": "«",
}
ASCII_QUOTES = "'\"`"
# An 8-bit letter where UTF-8 has the first byte of a character, and what such encodings have for its second one.
MISREAD = re.compile("[\u00c2-\u00f4][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]")
ENTITY = re.compile("&(?:[A-Za-z]{2,8}|#[0-9]{2,6}|#[xX][0-9A-Fa-f]{2,5});")
INVISIBLE = "\u00ad\u200b\u2060\ufeff"
# How such texts begin: signs and letters of the West, of the East, Greece and Russia, Arabia, Japan. (The first bytes of
# other characters of Asia are letters that every second text of the West has.)
FIRST_BYTES = ("Ã", "Â", "â€", "â‚", "â„", "Ä", "Å", "Î", "Ï", "Ð", "Ñ", "Ø", "Ù", "ã€", "ã\u0081", "ã‚", "ãƒ")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.]+)?")
BEGINS_AS_DAY = re.compile("\0[0-9]{4}-[0-9]{2}-[0-9]{2}")
EXCERPT_LENGTH = 40  # characters of the first such text
MISREAD_IN = ("cp1252", "latin-1", "mac-roman")


class Doubt(NamedTuple):
    """`may_hold` looks at many texts at once, a NUL before each."""

    may_hold: Callable[[str], object]
    is_it: Callable[[str], object]
    sentence: Promise


def _may_be_quoted(joined: str) -> bool:
    """Whether it is there at all takes a hundredth of the time to find out."""
    quotes = ASCII_QUOTES if joined.isascii() else QUOTES
    return any(quote in joined and f"\0{quote}" in joined for quote in quotes)


def _is_quoted(text: str) -> bool:
    return len(text) > 1 and text[-1] in QUOTES.get(text[0], "")


def _may_be_misread(joined: str) -> bool:
    """A plain search for each letter is many times as fast as an expression for all of them."""
    return (
        not joined.isascii() and any(letter in joined for letter in FIRST_BYTES) and MISREAD.search(joined) is not None
    )


def _is_misread(text: str) -> bool:
    """Whether its bytes in an 8-bit encoding are UTF-8, which other texts' hardly ever are."""
    for encoding in MISREAD_IN:
        try:
            if text.encode(encoding).decode() != text:
                return True
        except UnicodeError:
            continue
    return False


QUOTED = Doubt(
    _may_be_quoted,
    _is_quoted,
    gettext_lazy('The quotes are a part of the text. Those of CSV are " and stand right beside the delimiter.'),
)
DAMAGES = (
    Doubt(
        _may_be_misread,
        _is_misread,
        gettext_lazy("This looks like UTF-8 that was read in another encoding. Export the file anew as UTF-8."),
    ),
    Doubt(
        lambda joined: "\ufffd" in joined,
        lambda text: "\ufffd" in text,
        gettext_lazy("A letter was lost (�) before this file was made. Export it anew."),
    ),
    Doubt(
        lambda joined: "&" in joined and ENTITY.search(joined),
        ENTITY.search,
        gettext_lazy("This is written as in a web page. Export the file as plain text."),
    ),
    Doubt(
        lambda joined: not joined.isascii() and any(sign in joined for sign in INVISIBLE),
        lambda text: any(sign in text for sign in INVISIBLE),
        gettext_lazy("There are characters in it that nobody sees; without them it is another text."),
    ),
)
TURNED_INTO_DATE = Doubt(
    BEGINS_AS_DAY.search,
    DAY.fullmatch,
    gettext_lazy("This is a date. If a spreadsheet has made it of something else, enter that once more, as text."),
)


def swallowed(delimiter: str, width: int) -> Doubt:
    """Rows of CSV within one cell: between them a quote is missing, or one is too many."""
    inner = delimiter * 0 if width < 2 else delimiter

    def holds_rows(text: str) -> bool:
        return any(line.count(inner) == width - 1 for line in text.splitlines()[1:])

    return Doubt(
        lambda joined: inner and "\n" in joined,
        holds_rows,
        gettext_lazy("It seems to hold whole rows of the file. Is a quote missing there, or one too many?"),
    )


class DoubtfulTexts:
    """Watches a column of texts. It looks at thousands of cells at once, and at single ones only where there is a doubt."""

    def __init__(self, doubts: Sequence[Doubt]) -> None:
        self.doubts = doubts
        self.rows: dict[Doubt, CountedRows] = {}
        self.first: dict[Doubt, str] = {}

    def watch(self, numbers: Sequence[int], texts: Sequence[str | None]) -> None:
        """`numbers` are the rows' numbers."""
        joined = "\0" + "\0".join(filter(None, texts))
        for doubt in self.doubts:
            if doubt.may_hold(joined):
                self._look(doubt, numbers, texts)

    def _look(self, doubt: Doubt, numbers: Sequence[int], texts: Sequence[str | None]) -> None:
        matches = [(n, text) for n, text in zip(numbers, texts, strict=True) if text and doubt.is_it(text)]
        if matches:
            self.rows.setdefault(doubt, CountedRows()).add([n for n, _text in matches])
            self.first.setdefault(doubt, matches[0][1])

    def warnings(self, heading: str) -> Iterator[str]:
        for doubt, rows in self.rows.items():
            cells = ngettext("%(number)d cell", "%(number)d cells", rows.count) % {"number": rows.count}
            text = self.first[doubt]
            yield _("%(heading)s, %(cells)s (row %(rows)s: %(text)s): %(sentence)s") % {
                "heading": heading,
                "cells": cells,
                "rows": rows.first,
                "text": repr(text if len(text) <= EXCERPT_LENGTH else text[:EXCERPT_LENGTH] + "…"),
                "sentence": doubt.sentence,
            }
