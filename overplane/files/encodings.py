"""Which encoding a text has: told by its mark, proven by all of its bytes, guessed from them, or asked for.

A wrong guess makes other letters of people's names, silently. So what was only guessed comes with its readings, for
people to confirm.
"""

import codecs
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import BinaryIO, NamedTuple

from overplane.files.encoding_guesses import ASCII_BYTES, EncodingGuess, Sample
from overplane.files.unusable import UnusableFile
from overplane.files.wording import gettext as _

BLOCK = 1 << 20  # bytes that are read together
# UTF-32's mark begins with UTF-16's.
MARKS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # fmt: skip
MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
# Of text in other encodings at the most every tenth byte that is not ASCII looks like UTF-8 by accident (cp1251 with its
# quotation marks, GB 18030), of European ones hardly any.
COUNTED = 4  # blocks, from the first such byte on: it takes 60 ms for each
MOST_BAD = 4  # bytes that are not UTF-8, to one character that is
# Python knows these too, but no table is written so, and they can spell halves of characters.
NOT_OF_FILES = {"utf-7", "unicode-escape", "raw-unicode-escape", "idna", "punycode"}


class Encoding(NamedTuple):
    """`readings`: of a guess, what it and others make of the text, the best first. `has_bad_bytes`: some are no text in it."""

    name: str
    is_guessed: bool = False
    readings: tuple[EncodingGuess, ...] = ()
    has_bad_bytes: bool = False


def known_encoding(name: str) -> Encoding:
    """The one that somebody named. Raises `UnusableFile`."""
    try:
        codec = codecs.lookup(name).name
        "".encode(codec)
        codecs.getincrementaldecoder(codec)
        if codec.replace("_", "-") in NOT_OF_FILES:
            raise LookupError
    except (LookupError, TypeError, ValueError):
        raise UnusableFile(
            _("There is no encoding %(name)s. Known are utf-8, utf-16, cp1252, latin-1 …") % {"name": repr(name)}
        ) from None
    return Encoding("utf-8-sig" if codec == "utf-8" else codec)


def encoding_of(name: str, opened: Callable[[], AbstractContextManager[BinaryIO]]) -> Encoding:
    """Reads all of the text. `name` is for the message. Raises `UnusableFile` if somebody has to name it."""
    with opened() as stream:
        head = stream.read(4096)
    for mark, encoding in MARKS.items():
        if head.startswith(mark):
            return Encoding(encoding)
    if b"\0" in head:
        return _wide_without_mark(name, head)
    with opened() as stream:
        return _proven_or_guessed(name, stream)


def _wide_without_mark(name: str, head: bytes) -> Encoding:
    """Every second byte of Western text in UTF-16 is zero."""
    pairs = len(head) // 2
    for encoding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if pairs and zeros.count(0) > pairs * 0.4 and (head.count(0) - zeros.count(0)) < pairs * 0.05:
            return Encoding(encoding, is_guessed=True)
    if head.count(0) * 4 < len(head) and not re.search(rb"[\x01-\x08\x0e-\x1a]", head):
        return Encoding("utf-8-sig", is_guessed=True)  # text with a stray NUL, which is told by row and column
    raise _binary(name)


def _proven_or_guessed(name: str, stream: BinaryIO) -> Encoding:
    """UTF-8 where all bytes are, or nearly all: no 8-bit text looks like it by accident. Else whatever is plausible."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    sample = Sample()
    is_proven, good, bad, counted = True, 0, 0, 0  # characters that are UTF-8 and not ASCII; bytes that are not UTF-8
    while block := stream.read(BLOCK):
        pending = b""
        if is_proven:
            pending = decoder.getstate()[0]
            try:
                good += len(block) - len(decoder.decode(block))
                continue
            except UnicodeDecodeError:
                is_proven = False
        if b"\0" in block:
            raise _binary(name)
        if counted < COUNTED:
            rest, count = MULTIBYTE.subn(b"", pending + block)
            good, bad, counted = good + count, bad + len(rest.translate(None, ASCII_BYTES)), counted + 1
        sample.add(block)
    if is_proven:
        return Encoding("utf-8-sig", has_bad_bytes=bool(decoder.getstate()[0]))  # cut off within a character
    if good * MOST_BAD >= bad:
        return Encoding("utf-8-sig", has_bad_bytes=True)
    readings = sample.readings()
    return Encoding(readings[0].encoding, is_guessed=True, readings=readings)


def _binary(name: str) -> UnusableFile:
    return UnusableFile(_("%(name)s is binary, not a table. Save it as CSV or XLSX.") % {"name": name})
