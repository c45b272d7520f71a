"""Text as every door treats it: trimmed at the edges; folded for search, so that case and accents do not matter."""

import re
import unicodedata

ALLOWED_CONTROLS = "\t\n\r"
# Unicode's control characters, halves of surrogate pairs, which no encoding can carry, and what will never be a character.
FORBIDDEN = frozenset(
    map(
        chr,
        (
            *range(0x20),
            *range(0x7F, 0xA0),
            *range(0xD800, 0xE000),
            *range(0xFDD0, 0xFDF0),
            *(plane << 16 | last for plane in range(17) for last in (0xFFFE, 0xFFFF)),
        ),
    )
) - set(ALLOWED_CONTROLS)
ALLOWED_ASCII = bytes(code for code in range(128) if chr(code) not in FORBIDDEN)
# What is invisible, beside white space: Unicode's default ignorables and fillers, and the Braille cell without dots.
INVISIBLE = frozenset(
    map(
        chr,
        (
            *(0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFEFF, 0xFFA0),
            *range(0x180B, 0x1810),
            *range(0x200B, 0x2010),
            *range(0x202A, 0x202F),
            *range(0x2060, 0x2070),
            *range(0xFE00, 0xFE10),
            *range(0xFFF0, 0xFFFC),
            *range(0x1D173, 0x1D17B),
            *range(0xE0000, 0xE01F0),
        ),
    )
)
# Letters that Unicode does not decompose, yet people type without their stroke.
STROKES = str.maketrans(
    {"Ø": "O", "Ł": "L", "Đ": "D", "Ð": "D", "Ħ": "H", "Ŧ": "T", "Æ": "AE", "Œ": "OE", "Þ": "TH", "ẞ": "SS"}
)
NOT_WORD = re.compile(r"[\W_]+")
NOT_DIGIT = re.compile(r"[^0-9]+")
# Digits with blanks and punctuation between them, within one value: `(647) 561-7697`. (Possessive: three times as fast.)
PARTED_NUMBER = re.compile(r"[0-9]++(?:[ -/:-@\[-`{-\xbf\u2000-\u206f]++[0-9]++)++")
# How people part the digits of a number that they look for. No wildcards: they are meant as they stand.
WRITTEN_NUMBER = re.compile(r"[0-9]+(?:[-+().,/:'‐-―]+[0-9]+)+")


def has_forbidden_characters(text: str) -> bool:
    """Asked of every text that comes in. The first two ways settle nearly all, at a few nanoseconds a character."""
    if len(text) > 200 and text.isascii():
        return bool(text.encode().translate(None, ALLOWED_ASCII))
    return not text.isprintable() and not FORBIDDEN.isdisjoint(text)


def forbidden_character(text: str) -> str:
    """The first one by its number, as in U+0001; nothing if there is none."""
    return next((f"U+{ord(sign):04X}" for sign in text if sign in FORBIDDEN), "")


def clean(text: str) -> str:
    """What others answered, fit to be stored and shown: the databases refuse some characters."""
    return "".join(["\ufffd" if sign in FORBIDDEN else sign for sign in text])


def is_blank(text: str) -> bool:
    """Whether nothing of it can be seen. The first character tells of nearly every text that it is not."""
    if text[:1].isalnum() and text[0] not in INVISIBLE:
        return False
    return all(sign in INVISIBLE or sign.isspace() for sign in text)


def fold(text: str) -> str:
    """Upper case without accents and invisible characters, letter by letter: a part of `text` folds to a part of the folded text."""
    text = text.upper()
    if text.isascii():
        return text
    letters = unicodedata.normalize("NFKD", text).upper().translate(STROKES)
    return "".join([c for c in letters if not (unicodedata.combining(c) or unicodedata.category(c) == "Cf")])


def search_text(values: list[str | None]) -> str:
    """What a search looks in: the folded values; once more with nothing but words, a blank before each word; and numbers in one piece.

    So a word's start is found by plain containment (` MU`), which the trigram indexes of both
    databases can answer: after white space in the first part, after a hyphen or dot in the second.
    """
    # Folded in one go: no value holds a NUL, and folding does not cross it.
    values_folded = fold("\0".join([value for value in values if value])).split("\0")
    folded = "\n".join([" " + " ".join(value.split()) for value in values_folded])
    numbers = [NOT_DIGIT.sub("", number) for number in PARTED_NUMBER.findall(folded)]
    return f"{folded}\n {NOT_WORD.sub(' ', folded)}" + (f"\n {' '.join(numbers)}" if numbers else "")


def without_gaps(word: str) -> str:
    """A number that is written with hyphens or the like between its digits as search keeps it, in one piece."""
    return NOT_DIGIT.sub("", word) if WRITTEN_NUMBER.fullmatch(word) else word
