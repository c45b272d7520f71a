"""Text as every door treats it: trimmed at the edges; folded for search, so that case and accents do not matter."""

import re
import unicodedata

SURROGATE = re.compile("[\ud800-\udfff]")
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
