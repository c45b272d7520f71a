"""JSON as an array of objects, and NDJSON with one in each line.

A key that stands twice in one object is an error here, and so is a number that would lose digits: most parsers silently
keep the last value, or round. For ordinary lines two cheap counts prove that neither has happened, so a fast parser
reads them. A slower parser, which checks both, reads the others.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from json import JSONDecodeError, JSONDecoder
from typing import Any, BinaryIO, NoReturn

import orjson

from overplane.files.cells import LONGEST_RAW, BrokenRows, Table
from overplane.files.layouts import Layout, Recognizer
from overplane.files.objects import Numbered, object_table
from overplane.files.sources import Source
from overplane.files.texts import (
    LONGEST_LINE,
    MARKING,
    NAMES,
    BrokenText,
    bad_byte,
    decoded,
    has_bad_bytes,
    lines,
    without_marks,
)
from overplane.files.unusable import UnusableFile
from overplane.files.wording import gettext as _

END = {"end", "count", "next_cursor"}  # what the API's own export ends with
AS_ZERO, BLANKS, LONG_NUMBER = bytes.maketrans(b"123456789.", b"0000000000"), b" \t", b"0" * 17
MOST_DIGITS = 300  # as a machine's numbers can have
CUT = 16  # an error so near to the end may come from a cut: the longest token, an escaped pair, has 12 characters


class Doubtful(ValueError):
    """JSON that parsers understand in different ways."""


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An `object_pairs_hook`. Raises `Doubtful` for a key that stands twice."""
    one = dict(pairs)
    if len(one) != len(pairs):
        times = Counter(key for key, _ in pairs)
        twice = next(key for key, count in times.items() if count > 1)
        raise Doubtful(_("the key %(twice)s stands twice in one object") % {"twice": format(repr(twice), ".120")})
    return one


def _decimal(text: str) -> float | Decimal:
    """A fraction of which no digit is lost; exponents stay within what a machine's numbers have."""
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise Doubtful(_("the number %(text)s is too large") % {"text": format(text, ".40")})
    return Decimal(text) if len(text) >= len(LONG_NUMBER) and "e" not in text.lower() else number


def _digits(text: str) -> str:
    """An integer stays the digits that it is."""
    if len(text) > MOST_DIGITS:
        raise Doubtful(_("a number of %(text)s digits is too large") % {"text": len(text)})
    return text


def _constant(text: str) -> NoReturn:
    raise Doubtful(_("%(text)s is no number") % {"text": text})


STRICT = JSONDecoder(object_pairs_hook=unique_keys, parse_int=_digits, parse_float=_decimal, parse_constant=_constant)

# Where only the end of a value is asked for.
LENIENT = JSONDecoder(parse_int=str, parse_float=str)


@contextmanager
def ndjson_table(source: Source, layout: Layout, recognizer: Recognizer | None) -> Iterator[Table]:
    is_proven = False  # that no key stands twice: objects are read twice, proven once

    def objects() -> Iterator[Numbered]:
        nonlocal is_proven
        number = 0
        broken_rows = BrokenRows(source.name)
        try:
            with source.bytes() as stream:
                for number, line in enumerate(lines(decoded(stream, source.encoding, MARKING)), 1):
                    if line.isspace():
                        continue
                    try:
                        one = _parsed(line, is_proven=is_proven)
                    except (ValueError, RecursionError) as error:
                        yield number, broken_rows.row(without_marks(line).strip(), _reason(line, number, error, source))
                        continue
                    if type(one) is not dict:
                        yield number, broken_rows.row(line.strip(), _no_object())
                    elif one.get("end") is not True or not one.keys() <= END:
                        yield number, one
            is_proven = not broken_rows.count
        except BrokenText as error:
            raise UnusableFile(
                _("%(name)s, line %(number)s: %(error)s") % {"name": source.name, "number": number + 1, "error": error}
            ) from None

    yield object_table(source.name, "line", objects)


def _no_object() -> str:
    return _("This is no object; every entry must be one: {…}.")


def _reason(text: str, line: int, error: Exception, source: Source) -> str:
    """Why this is no object that can be taken."""
    if has_bad_bytes(text):
        return bad_byte(text, source.encoding, line)
    if isinstance(error, Doubtful):
        return _sentence(error)
    return _("This is not JSON (%(error)s).") % {"error": error}


def _sentence(doubt: Doubtful) -> str:
    text = str(doubt)
    return f"{text[:1].upper()}{text[1:]}."


def _parsed(line: str, *, is_proven: bool) -> Any:
    data = line.encode()
    one = orjson.loads(data)
    squeezed = data.translate(AS_ZERO, BLANKS)  # each pair has a colon right behind a quote now; texts may have more
    is_sure = LONG_NUMBER not in squeezed and (is_proven or squeezed.count(b'":') == _count_keys(one))
    return one if is_sure else STRICT.decode(line.strip())


def _count_keys(value: Any) -> int:
    count = 0
    if type(value) is dict:
        count = len(value)
        value = value.values()
    elif type(value) is not list:
        return 0
    for inner in value:
        if type(inner) is dict or type(inner) is list:
            count += _count_keys(inner)
    return count


@contextmanager
def json_table(source: Source, layout: Layout, recognizer: Recognizer | None) -> Iterator[Table]:
    def objects() -> Iterator[Numbered]:
        number = 0
        broken_rows = BrokenRows(source.name)
        try:
            with source.bytes() as stream:
                for number, (one, raw) in enumerate(_elements(source, stream), 1):
                    if isinstance(one, Doubtful):
                        yield number, broken_rows.row(raw, _sentence(one))
                    elif type(one) is not dict:
                        yield number, broken_rows.row(raw, _no_object())
                    else:
                        yield number, one
        except (BrokenText, Doubtful) as error:
            raise UnusableFile(
                _("%(name)s, object %(number)s: %(error)s.")
                % {"name": source.name, "number": number + 1, "error": str(error).rstrip(".")}
            ) from None
        except (JSONDecodeError, RecursionError) as error:
            raise UnusableFile(
                _("%(name)s, object %(number)s: this is not JSON (%(error)s).")
                % {"name": source.name, "number": number + 1, "error": error}
            ) from None

    yield object_table(source.name, "object", objects)


def _elements(source: Source, stream: BinaryIO) -> Iterator[tuple[Any, str]]:
    """The elements of one JSON array, without holding all of it; of those that are no objects also how they begin."""
    text = _Buffer(decoded(stream, source.encoding, MARKING), NAMES.get(source.encoding, source.encoding))
    text.take("[")
    if text.next() == "]":
        text.take("]")
    else:
        separator = ","
        while separator == ",":
            yield text.value()
            separator = text.take(",]")
    if text.next():
        raise Doubtful(_("something follows the array's ]; a file holds one array"))


class _Buffer:
    """The part of the text that is being parsed."""

    def __init__(self, blocks: Iterator[str], encoding: str) -> None:
        self.blocks, self.text, self.at = blocks, "", 0
        self.encoding = encoding  # as people call it
        self.has_surrogates = self.has_marks = False

    def next(self) -> str:
        """The next character that is not blank; nothing at the end."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in " \t\r\n":
                self.at += 1
            if self.at < len(self.text) or not self._more():
                return self.text[self.at : self.at + 1]

    def take(self, expected: str) -> str:
        sign = self.next()
        if not sign or sign not in expected:
            raise Doubtful(
                _(
                    "the file must be one array of objects, [{…}, {…}]; a file with one object in each line is NDJSON (--format"
                    " ndjson)"
                )
            )
        self.at += 1
        return sign

    def value(self) -> tuple[Any, str]:
        """What stands there, or why it must not be taken (`Doubtful`)."""
        self.next()
        decoder, doubt = STRICT, None
        while True:
            failed: JSONDecodeError | None = None
            try:
                value, end = decoder.raw_decode(self.text, self.at)
                is_cut = end == len(self.text)  # a number may go on in the next block
            except JSONDecodeError as error:
                is_cut, failed = True, error
                if not error.msg.startswith("Unterminated") and error.pos < len(self.text) - CUT:
                    raise
            except Doubtful as error:
                decoder, doubt = LENIENT, error  # which tells where it ends
                continue
            if not is_cut or not self._more():
                if failed:
                    raise failed
                doubt = doubt or self._doubt_of_text(value, end)
                raw = self.text[self.at : min(end, self.at + LONGEST_RAW)] if doubt or type(value) is not dict else ""
                self.at = end
                return doubt or value, without_marks(raw)
            if len(self.text) - self.at > LONGEST_LINE:
                raise Doubtful(_("the object is longer than 16 MiB. Is a quote or bracket never closed?"))

    def _more(self) -> bool:
        """Doubles what is left, or it would be parsed anew for each block."""
        rest = self.text[self.at :]
        blocks: list[str] = []
        while sum(map(len, blocks)) <= len(rest) and (block := next(self.blocks, "")):
            blocks.append(block)
        if blocks:
            self.text, self.at = "".join([rest, *blocks]), 0
            self.has_surrogates = "\\ud" in self.text or "\\uD" in self.text
            self.has_marks = has_bad_bytes(self.text)
        return bool(blocks)

    def _doubt_of_text(self, value: Any, end: int) -> Doubtful | None:
        """An escape may spell half a character, which no text can hold."""
        if self.has_marks and has_bad_bytes(self.text[self.at : end]):
            return Doubtful(
                _("a byte is not %(encoding)s. Mend it, or name the file's encoding (--encoding)")
                % {"encoding": self.encoding}
            )
        if self.has_surrogates:
            try:
                json.dumps(value, ensure_ascii=False, default=str).encode()
            except UnicodeEncodeError:
                return Doubtful(_("a text holds half a character (\\ud800 to \\udfff must stand in pairs)"))
        return None
