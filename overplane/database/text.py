"""Text as every door treats it: trimmed at the edges; folded for search, so that case and accents do not matter."""

import re
import unicodedata

SURROGATE = re.compile("[\ud800-\udfff]")
# Letters that Unicode does not decompose, yet people type without their stroke.
STROKES = str.maketrans(
    {"Ø": "O", "Ł": "L", "Đ": "D", "Ð": "D", "Ħ": "H", "Ŧ": "T", "Æ": "AE", "Œ": "OE", "Þ": "TH", "ẞ": "SS"}
)
NOT_WORD = re.compile(r"[\W_]+")


def has_forbidden_characters(text: str) -> bool:
    """NUL, which PostgreSQL cannot store, and lone surrogates, which no encoding can carry."""
    return "\0" in text or (not text.isascii() and SURROGATE.search(text) is not None)


def fold(text: str) -> str:
    """Upper case without accents and invisible characters, letter by letter: a part of `text` folds to a part of the folded text."""
    text = text.upper()
    if text.isascii():
        return text
    letters = unicodedata.normalize("NFKD", text).upper().translate(STROKES)
    return "".join([c for c in letters if not (unicodedata.combining(c) or unicodedata.category(c) == "Cf")])


def search_text(values: list[str | None]) -> str:
    """What a search looks in: the folded values, and once more with nothing but words, a blank before each word.

    So a word's start is found by plain containment (` MU`), which the trigram indexes of both
    databases can answer: after white space in the first half, after a hyphen or dot in the second.
    """
    # Folded in one go: no value holds a NUL, and folding does not cross it.
    values_folded = fold("\0".join([value for value in values if value])).split("\0")
    folded = "\n".join([" " + " ".join(value.split()) for value in values_folded])
    return f"{folded}\n {NOT_WORD.sub(' ', folded)}"
