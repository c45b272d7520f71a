"""Words by which programs say that there is no value. As text they are stored as they stand: a warning says how to avoid that."""

from collections.abc import Collection, Iterator, Sequence

from django.utils.translation import ngettext

from crm.transfer.counted_rows import CountedRows

# What databases, statistics programs and people write (English and German), in whatever case.
SPOKEN = (
    "null, (null), <null>, [null], {null}, nil, none, (none), undefined, nan, nat, <na>, n/a, n.a., n. a., k.a., k. a., k.A., k. A.,"
    " n.v., keine angabe, keine Angabe, not available, not applicable, (blank), (empty), (leer)"
)
# What spreadsheets write in place of a value, in the languages of Europe.
ERRORS = (
    "\\N, #N/A, #NV, #N/V, #N/D, #N/B, #REF!, #BEZUG!, #¡REF!, #RIF!, #VERW!, #ADR!, #VALUE!, #WERT!, #VALEUR!, #VALOR!, #¡VALOR!,"
    " #VALORE!, #WAARDE!, #ARG!, #NAME?, #NOM?, #NOME?, #¿NOMBRE?, #NAAM?, #NAZWA?, #DIV/0!, #¡DIV/0!, #DEEL/0!, #DZIEL/0!,"
    " #NUM!, #ZAHL!, #NOMBRE!, #¡NUM!, #NÚM!, #GETAL!, #LICZBA!, #NULL!, #¡NULO!, #NULO!, #NUL!, #SPILL!, #ÜBERLAUF!, #CALC!,"
    " #KALK!, #GETTING_DATA, #FIELD!, #BLOCKED!, #ERROR!"
)
WORDS = frozenset(
    case for word in SPOKEN.split(", ") for case in (word, word.upper(), word.title(), word.capitalize(), "NaN", "NaT")
) | frozenset(ERRORS.split(", "))


class NullWords:
    """Watches a column of texts. It looks at thousands of cells at once, and at single ones only where there is such a word."""

    def __init__(self, nulls: Collection[str]) -> None:
        self.suspicious = WORDS.difference(nulls)
        self.words: dict[str, None] = {}  # in the order of their first rows
        self.rows = CountedRows()

    def watch(self, numbers: Sequence[int], texts: Sequence[str | None]) -> None:
        """`numbers` are the rows' numbers."""
        if self.suspicious.isdisjoint(texts):
            return
        matches = [(n, text) for n, text in zip(numbers, texts, strict=True) if text in self.suspicious]
        self.words |= dict.fromkeys(text for _, text in matches if text)
        self.rows.add([n for n, _ in matches])

    def warnings(self, heading: str) -> Iterator[str]:
        if not self.rows.count:
            return
        text = ngettext(
            "%(heading)s: %(number)d cell holds %(words)s as a text (row %(rows)s). If that is to be an empty cell, say so:"
            " %(options)s.",
            "%(heading)s: %(number)d cells hold %(words)s as a text (row %(rows)s). If that is to be an empty cell, say so:"
            " %(options)s.",
            self.rows.count,
        )
        words, options = ", ".join(self.words), " ".join(f"--null {_quoted(word)}" for word in self.words)
        yield text % {
            "heading": heading,
            "number": self.rows.count,
            "words": words,
            "rows": self.rows.first,
            "options": options,
        }


def _quoted(word: str) -> str:
    """As a shell takes it."""
    return word if word.isalnum() or word.replace("/", "").isalnum() else f"'{word}'"
