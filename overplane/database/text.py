"""Text as every door treats it: trimmed at the edges; folded for search, so that case and accents do not matter."""

import re
import unicodedata

KEPT_CONTROLS = "\t\n\r"
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
) - set(KEPT_CONTROLS)
ALLOWED_ASCII = bytes(code for code in range(128) if chr(code) not in FORBIDDEN)
# What leaves nothing on paper, beside white space: Unicode's default ignorables and fillers, and the Braille cell without dots.
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
    {"Ø": "O", "Ł": "L", "Đ": "D", "Ð": "D", "Ħ": "H", "Ŧ": "T", "Æ": "AE", "Œ": "OE", "Þ": "TH", "İ": "I", "ẞ": "SS"}
)
NOT_WORD = re.compile(r"[\W_]+")


def has_forbidden_characters(text: str) -> bool:
    """Asked of every text that comes in. The first two ways settle nearly all, at a few nanoseconds a character."""
    if len(text) > 200 and text.isascii():
        return bool(text.encode().translate(None, ALLOWED_ASCII))
    return not text.isprintable() and not FORBIDDEN.isdisjoint(text)


def forbidden_character(text: str) -> str:
    """The first one by its number, as in U+0001; nothing if there is none."""
    return next((f"U+{ord(sign):04X}" for sign in text if sign in FORBIDDEN), "")


def is_blank(text: str) -> bool:
    """Whether nothing of it can be seen."""
    return all(sign in INVISIBLE or sign.isspace() for sign in text)


def fold(text: str) -> str:
    """Upper case without accents, letter by letter: a part of `text` folds to a part of the folded text."""
    text = text.upper()
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text.translate(STROKES)).upper()
    return "".join([c for c in decomposed if not unicodedata.combining(c)])


def search_text(values: list[str | None]) -> str:
    """What a search looks in: the folded values, and once more with nothing but words, a blank before each word.

    So a word's start is found by plain containment (` MU`), which the trigram indexes of both
    databases can answer: after white space in the first half, after a hyphen or dot in the second.
    """
    # Folded in one go: no value holds a NUL, and folding does not cross it.
    values_folded = fold("\0".join([value for value in values if value])).split("\0")
    folded = "\n".join([" " + " ".join(value.split()) for value in values_folded])
    return f"{folded}\n {NOT_WORD.sub(' ', folded)}"
