"""A text file decoded block by block, its lines bounded: what a file makes this process hold does not grow with it."""

import codecs
import io
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import BinaryIO

from overplane.files.encodings import BLOCK
from overplane.files.wording import gettext as _

LONGEST_LINE = 16 << 20  # characters: four of the longest cells; what is longer is a quote that is never closed
# The name of an error handler for codecs.
MARKING = "overplane.marking"
FIRST_MARK = 0xDC00
MARKED = re.compile("[\udc00-\udcff]")
NAMES = {"utf-8-sig": "UTF-8", "utf-8": "UTF-8"}  # for people


class BrokenText(Exception):
    """Why the text cannot be read on from here, and what to do. Whoever reads knows the row and puts it before."""


def decoded(stream: BinaryIO, encoding: str, errors: str = "strict") -> Iterator[str]:
    """The text in blocks, all of them up to the first byte that is none. Raises `BrokenText`.

    With `MARKING` bytes that are no text are marked (see `has_bad_bytes`), and the text goes on.
    """
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    mark = "\ufeff"  # which decoders leave that were told the byte order
    while True:
        block = stream.read(BLOCK)
        state = decoder.getstate()
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeError as error:
            if isinstance(error, UnicodeDecodeError):
                with suppress(UnicodeError):
                    decoder.setstate(state)
                    yield decoder.decode(block[: max(error.start - len(state[0]), 0)]).removeprefix(mark)
            raise _undecodable(error, encoding) from None
        if text:
            yield text.removeprefix(mark)
            mark = ""
        if not block:
            return


def _undecodable(error: UnicodeError, encoding: str) -> BrokenText:
    name, reason = getattr(error, "encoding", encoding), getattr(error, "reason", str(error))
    return BrokenText(
        _("this is not %(name)s text (%(reason)s). Name its encoding (--encoding).") % {"name": name, "reason": reason}
    )


def _mark(error: UnicodeError) -> tuple[str, int]:
    """Each byte as half of a character, which no decoder gives for good ones."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(FIRST_MARK + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(MARKING, _mark)


def has_bad_bytes(text: str) -> bool:
    """`text` was decoded with `MARKING`."""
    return MARKED.search(text) is not None


def without_marks(text: str) -> str:
    """With a � for each bad byte."""
    return MARKED.sub("\ufffd", text)


def bad_byte(text: str, encoding: str, line: int) -> str:
    """What to tell people of the first one in this text, and what to do."""
    match = MARKED.search(text)
    assert match, "asked only where there is one"
    name = NAMES.get(encoding, encoding)
    hint = _("Mend that line, or name the file's encoding (--encoding).")
    return _("Line %(line)s: the byte 0x%(byte)s is not %(name)s. %(hint)s") % {
        "line": line,
        "byte": format(ord(match[0]) - FIRST_MARK, "02X"),
        "name": name,
        "hint": hint,
    }


def lines(texts: Iterable[str], rows: Callable[[], int] | None = None) -> Iterator[str]:
    """The lines with their ends. `rows` tells how many rows were made of them: one row may take many lines.

    Raises `BrokenText` for a line, or lines that make no row, of more than `LONGEST_LINE`. That is looked at once a block:
    a large file has millions of lines, so no Python runs between two of them.
    """
    return chain.from_iterable(_blocks_of_lines(texts, rows))


def _blocks_of_lines(texts: Iterable[str], rows: Callable[[], int] | None) -> Iterator[io.StringIO]:
    begun: list[str] = []  # the line that goes on in the next block
    length, done = 0, -1  # how much was read since a row was whole, and how many were then
    for text in texts:
        end = len(text) - text.endswith("\r")  # its \n may be in the next block
        cut = max(text.rfind("\n", 0, end), text.rfind("\r", 0, end)) + 1
        if cut:
            yield io.StringIO("".join([*begun, text[:cut]]), newline="")
            begun = []
            if rows is None or rows() != done:
                length, done = 0, rows() if rows else 0
        begun.append(text[cut:])
        length += len(text)
        if length > LONGEST_LINE:
            raise BrokenText(
                _(
                    "this goes on for more than 16 MiB. Is a quote never closed, or a line never ended? Then mend the file; else"
                    " it is no table."
                )
            )
    yield io.StringIO("".join(begun), newline="")
