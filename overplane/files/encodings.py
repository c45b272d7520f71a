"""Which encoding a text has: told by its mark, proven by all of its bytes, guessed from them, or asked for.

A wrong guess silently changes letters of people's names. So the only guess is Windows-1252, and it is made
only if every byte is a letter of it and nothing looks like UTF-8.
"""

import codecs
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import BinaryIO, NamedTuple

from overplane.files.unusable import UnusableFile

BLOCK = 1 << 20
# UTF-32's mark begins with UTF-16's.
MARKS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # fmt: skip
MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
NOT_WINDOWS = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
# Python knows these too, but no table is written so, and they can spell halves of characters.
NOT_OF_FILES = {"utf-7", "unicode-escape", "raw-unicode-escape", "idna", "punycode"}


class Encoding(NamedTuple):
    name: str
    is_guessed: bool


class BadByte(NamedTuple):
    line: int
    byte: int


def known_encoding(name: str) -> Encoding:
    """The one that somebody named. Raises `UnusableFile`."""
    try:
        codec = codecs.lookup(name).name
        "".encode(codec)
        codecs.getincrementaldecoder(codec)
        if codec.replace("_", "-") in NOT_OF_FILES:
            raise LookupError
    except (LookupError, TypeError, ValueError):
        raise UnusableFile(f"There is no encoding {name!r}. Known are utf-8, utf-16, cp1252, latin-1 …") from None
    return Encoding("utf-8-sig" if codec == "utf-8" else codec, is_guessed=False)


def encoding_of(name: str, opened: Callable[[], AbstractContextManager[BinaryIO]]) -> Encoding:
    """Reads all of the text. `name` is for the message. Raises `UnusableFile` if somebody has to name it."""
    with opened() as stream:
        head = stream.read(4096)
    for mark, encoding in MARKS.items():
        if head.startswith(mark):
            return Encoding(encoding, is_guessed=False)
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
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    line, looks_utf8 = 1, False
    wrong: BadByte | None = None  # in UTF-8
    unassigned: BadByte | None = None  # in Windows-1252
    while block := stream.read(BLOCK):
        if wrong is None:
            try:
                looks_utf8 = not decoder.decode(block).isascii() or looks_utf8
            except UnicodeDecodeError as error:
                good = error.object[: error.start]
                wrong = BadByte(line + good.count(b"\n"), error.object[error.start])
                looks_utf8 = looks_utf8 or not good.isascii()
        if wrong:
            if b"\0" in block:
                raise _binary(name)
            looks_utf8 = looks_utf8 or MULTIBYTE.search(block) is not None
            if not unassigned and (match := NOT_WINDOWS.search(block)):
                unassigned = BadByte(line + block.count(b"\n", 0, match.start()), match[0][0])
        line += block.count(b"\n")
    if pending := decoder.getstate()[0] if wrong is None else b"":
        wrong = BadByte(line, pending[0])  # cut off within a character
        unassigned = wrong if NOT_WINDOWS.search(pending) else None
    if wrong is None:
        return Encoding("utf-8-sig", is_guessed=False)
    _refuse_doubtful(name, wrong, unassigned, looks_utf8=looks_utf8)
    return Encoding("cp1252", is_guessed=True)


def _refuse_doubtful(name: str, wrong: BadByte, unassigned: BadByte | None, *, looks_utf8: bool) -> None:
    if looks_utf8:
        raise UnusableFile(
            f"{name}, line {wrong.line}: the byte 0x{wrong.byte:02X} is not UTF-8, other characters of the file are."
            " Mend that line, or name the file's encoding (--encoding)."
        )
    if unassigned:
        raise UnusableFile(
            f"{name} is neither UTF-8 nor Windows-1252 (line {unassigned.line} has the byte 0x{unassigned.byte:02X})."
            " Name its encoding: --encoding cp850, cp437, mac-roman …; or save it as UTF-8."
        )


def _binary(name: str) -> UnusableFile:
    return UnusableFile(f"{name} is binary, not a table. Save it as CSV or XLSX.")
