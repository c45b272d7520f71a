"""Which 8-bit encodings a text may have, the most plausible first: by the letters that each of them makes of its bytes.

No proof, so nobody writes what follows from it before a person has looked at the words. The letters of a language come
far from equally often, and other bytes than letters do not stand inside of words: of the readings of a sample the one
wins that some language explains best. Languages and encodings that tables are really written in, and no others.
"""

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from math import log
from typing import NamedTuple

# A word with bytes that are not ASCII. It is cut where no encoding has a second byte of a character.
WORD = re.compile(rb"[^\x00-\x2f\x3a-\x3f]*[\x80-\xff][^\x00-\x2f\x3a-\x3f]*")
LONGEST_SAMPLE = 8 << 10  # bytes of different words: more changes no ranking, and takes longer than 50 ms
MOST_BLOCKS = 8  # in which words are looked for: where they are the same again and again, it takes 60 ms for each
MOST_READINGS = 5  # readings: those after them were never the right ones
MOST_EXAMPLES = 3
LONGEST_WORD = 40  # characters that are shown of one

# Letters that are not ASCII, the most frequent first.
LANGUAGES = {
    "German": "üäöß", "French": "éèàêçôâîûëïùœ", "Spanish": "óíáéñúü", "Portuguese": "ãçáéíõóêúâôà", "Italian": "àèùòéì",
    "Swedish": "äåö", "Danish": "øåæé", "Icelandic": "áíðéúóöþýæ", "Polish": "łęąóżśćńź", "Czech": "íáěéčžřýšůúňťďó",
    "Slovak": "áíčéšžýúľťôňďäóŕĺ", "Hungarian": "áéőóöíüűú", "Croatian": "čšžćđ", "Romanian": "ăîâşţ", "Turkish": "ıiüşğçöâİ",
    "Russian": "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", "Ukrainian": "оаинвіетрслкумдпяьзйбгючхцжїєшщфґ",
    "Greek": "αοιετσνηυρπκμλςωόίάέδγχθφήβύώξζψ", "of the West": "éüäöáóíñçèàßåøæêãúôâîëùõìòœ",
    "of the East": "éáíóöäüčšžřěýůłąęśżćńźőű",
}  # fmt: skip
# How many of the world's tables are in it, as a logarithm: decides between readings that are equally good.
ENCODINGS = {
    "cp1252": 0.0, "cp1250": -1.0, "cp1251": -1.0, "cp932": -1.0, "iso8859-15": -1.5, "iso8859-2": -2.0, "mac-roman": -2.0,
    "cp1254": -2.5, "cp1253": -2.5, "cp850": -2.5, "koi8-r": -2.5, "euc-jp": -2.5, "gb18030": -2.0, "cp949": -2.5, "big5": -3.0,
    "cp866": -3.0, "cp852": -3.5, "cp437": -4.0, "mac-latin2": -4.0,
}  # fmt: skip
# Of a hundred letters so many are not ASCII, where others are.
LATIN_SHARE = log(0.05)
ASCII = log(1 / 25)
ODD_LETTER, ODD_SIGN, SIGN, CONTROL = log(0.002), log(0.0002), log(0.02), log(0.00001)
CASE, SCRIPTS = log(0.02), log(0.002)  # a capital after a small letter; letters of two scripts beside each other
CAPITAL = log(0.3)
# What one of some thousand characters costs: of the usual ones, of those that few texts have, of the rest; and of kana.
USUAL, RARE, STRANGE, KANA, HALF_KANA = log(1 / 1500), log(1 / 60_000), log(1 / 3_000_000), log(1 / 120), log(1 / 1200)
FEWER_HANGUL = log(2)  # syllables are usual than characters of China or Japan
WIDE_SIGN = log(1 / 300)
WIDE = ("cp932", "euc-jp", "gb18030", "cp949", "big5")  # of their characters most take several bytes
WIDE_FROM = "\u2e80"
# The characters that are usual have first bytes from … to … (of Japan, China, Korea).
USUAL_LEADS = (("shift_jis", 0x88, 0x97), ("gb2312", 0xB0, 0xD7), ("euc-kr", 0xB0, 0xC8))
ASCII_BYTES = bytes(range(128))
USUAL_LENGTH = 8  # of a word that people recognize
SIGNS = "\u00a0€§°©®™«»„“”‚‘’–—…·•№¿¡£ªº²³½±´"
BEFORE_WORDS = "\u00a0€£«»„“”‚‘’–—…·•№¿¡"
WITHIN_WORDS = "’'-–·&"

# By language, the logarithms of its letters' shares: they fall about so with their rank.
WEIGHTS = {
    language: {
        letter: log(1 / (rank + 3) / sum(1 / (other + 3) for other in range(len(letters))))
        for rank, letter in enumerate(letters)
    }
    for language, letters in LANGUAGES.items()
}


class EncodingGuess(NamedTuple):
    """An encoding, and words of the file as it shows them."""

    encoding: str
    words: tuple[str, ...]


class Sample:
    """Different words of a text, and which encodings can read all of its bytes. It is given the text in blocks."""

    def __init__(self) -> None:
        self.words: dict[bytes, None] = {}
        self.length = self.blocks = 0
        self.seen: set[int] = set()
        self.decoders = {name: codecs.getincrementaldecoder(name)() for name in WIDE}

    def add(self, block: bytes) -> None:
        # A share of each block, so that what stands further down has a say too.
        room = min(self.length + (LONGEST_SAMPLE >> 2), LONGEST_SAMPLE)
        self.blocks += 1
        for match in WORD.finditer(block) if self.length < room and self.blocks <= MOST_BLOCKS else ():
            if match[0] not in self.words:
                self.words[match[0]] = None
                self.length += len(match[0])
                if self.length >= room:
                    break
        self.seen.update(block.translate(None, ASCII_BYTES))
        self._drop_those_that_fail(block)

    def _drop_those_that_fail(self, block: bytes, *, is_last: bool = False) -> None:
        for name, decoder in list(self.decoders.items()):
            try:
                decoder.decode(block, is_last)
            except UnicodeError:
                del self.decoders[name]

    def readings(self) -> tuple[EncodingGuess, ...]:
        """The most plausible first; those that show all words as one before them are left out. At the text's end."""
        self._drop_those_that_fail(b"", is_last=True)
        texts = {name: [word.decode(name, "replace") for word in self.words] for name in self._possible()}
        scores = {name: log_share + plausibility(texts[name]) for name, log_share in ENCODINGS.items() if name in texts}
        distinct: dict[tuple[str, ...], str] = {}
        for name in sorted(scores, key=lambda name: scores[name], reverse=True):
            distinct.setdefault(tuple(texts[name]), name)
        best = dict(list(distinct.items())[:MOST_READINGS])
        indexes = _most_telling(list(best))
        return tuple(
            EncodingGuess(name, tuple(words[i][:LONGEST_WORD] for i in indexes)) for words, name in best.items()
        )

    def _possible(self) -> Iterator[str]:
        every = bytes(sorted(self.seen))
        for name in ENCODINGS:
            if name in WIDE:
                if name in self.decoders:
                    yield name
                continue
            with suppress(UnicodeError):
                every.decode(name)
                yield name


def _most_telling(readings: Sequence[tuple[str, ...]]) -> list[int]:
    """Which words to show: those that hold letters, look differently in most readings, and are easy to read."""

    def telling(i: int) -> tuple[bool, int, int]:
        best = readings[0][i]
        return best.isalpha(), len({words[i] for words in readings}), -abs(len(best) - USUAL_LENGTH)

    return sorted(sorted(range(len(readings[0])), key=telling, reverse=True)[:MOST_EXAMPLES])


def plausibility(texts: Sequence[str]) -> float:
    """The logarithm of how likely it is that words read so, in the language that explains them best."""
    score, letters = 0.0, Counter[str]()
    for text in texts:
        for before, char, after in zip(f" {text[:-1]}", text, f"{text[1:]} ", strict=True):
            if char < "\x80":
                score += ASCII
            elif char >= WIDE_FROM:
                score += _of_wide(char, before)
            elif char.isalpha() and char not in "ªº":
                letters[char.lower() if char != "İ" else char] += 1
                score += _of_letter(char, before, after)
            else:
                score += _of_sign(char, before, after)
    return score + max(
        sum(count * weights.get(char, ODD_LETTER) for char, count in letters.items()) for weights in WEIGHTS.values()
    )


def _of_letter(char: str, before: str, after: str) -> float:
    """What is odd about where it stands."""
    score = 0.0
    if char.isupper():
        score += CASE if before.islower() else CAPITAL
    elif before.isupper() and after.isupper():
        score += CASE
    if _is_latin(char):
        score += LATIN_SHARE
    elif (before < "\x80" and before.isalpha()) or (after < "\x80" and after.isalpha()):
        score += SCRIPTS
    return score


def _is_latin(char: str) -> bool:
    return char < "\u0370"


def _of_sign(char: str, before: str, after: str) -> float:
    if unicodedata.category(char) in ("Cc", "Cn", "Co"):
        return CONTROL
    is_within = before.isalnum() and after.isalnum() and char not in WITHIN_WORDS
    is_before = after.isalpha() and char not in BEFORE_WORDS
    return SIGN if char in SIGNS and not is_within and not is_before else ODD_SIGN


def _of_wide(char: str, before: str) -> float:
    """East Asian characters. The standards put the usual ones first."""
    if "\u3040" <= char < "\u3100":
        score = KANA
    elif "\uff61" <= char < "\uffa0":
        score = HALF_KANA
    elif char < "\u3040" or char >= "\uff00":
        score = WIDE_SIGN if char < "\U0000fffd" else STRANGE
    elif "\uac00" <= char < "\ud7a4":
        score = _of_character(char) + FEWER_HANGUL
    else:
        score = _of_character(char)
    return score + (SCRIPTS if before < "\u3000" and before.isalpha() else 0)


@lru_cache(2000)
def _of_character(char: str) -> float:
    for name, first, last in USUAL_LEADS:
        with suppress(UnicodeError):
            code = char.encode(name)
            return USUAL if first <= code[0] <= last else RARE
    return STRANGE
