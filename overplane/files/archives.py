"""Packed files: archives that may be broken, protected, or made to fill the disk when they are unpacked (bombs)."""

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from overplane.files.unusable import UnusableFile
from overplane.files.wording import gettext as _

# Real tables are packed to a tenth or a twentieth. 200 is far beyond that; up to 64 MiB any ratio is harmless.
BOMB_RATIO, BOMB_FLOOR = 200, 64 << 20
# What Python's readers of archives raise for broken ones: they index, decode and unpack whatever the bytes say.
BROKEN = (
    OSError,
    EOFError,
    ValueError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)
FILE_MANAGERS = (".ds_store", "thumbs.db", "desktop.ini")


def most_unpacked(packed_size: int) -> int:
    """How many bytes a file of this size may unpack to."""
    return max(packed_size * BOMB_RATIO, BOMB_FLOOR)


class Guarded(io.RawIOBase):
    """An unpacked stream that ends with an error when it grows beyond any real table, or is broken."""

    def __init__(self, stream: Any, packed_size: int) -> None:
        self.stream, self.read_so_far = stream, 0
        self.limit = most_unpacked(packed_size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self.stream.read(len(buffer))
        except BROKEN as error:
            raise _broken(error) from None
        self.read_so_far += len(data)
        if self.read_so_far > self.limit:
            raise UnusableFile(
                _(
                    "The archive unpacks to more than %(bomb_ratio)s times its size. If that is right, unpack it"
                    " yourself."
                )
                % {"bomb_ratio": BOMB_RATIO}
            )
        buffer[: len(data)] = data
        return len(data)


def _broken(error: Exception) -> UnusableFile:
    return UnusableFile(
        _("The archive is broken or protected (%(error)s).") % {"error": str(error) or type(error).__name__}
    )


@contextmanager
def opened_archive(raw: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """Raises `UnusableFile` if it is none. What is read from it should be `Guarded`."""
    try:
        archive = zipfile.ZipFile(raw)
    except BROKEN as error:
        raise _broken(error) from None
    with archive:
        yield archive


@contextmanager
def opened_member(archive: zipfile.ZipFile, packed_size: int) -> Iterator[Any]:
    """The one file in it, unpacked."""
    member = only_member(archive)
    try:
        stream = archive.open(member)
    except BROKEN as error:
        raise _broken(error) from None
    with stream:
        yield Guarded(stream, packed_size)


def only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    # is_dir() would fail for a member without a name.
    members = [m for m in archive.infolist() if not m.filename.endswith("/") and not _is_of_a_file_manager(m.filename)]
    if len(members) != 1:
        raise UnusableFile(
            _("The archive holds %(members)s files; it must hold one table and nothing else.")
            % {"members": len(members)}
        )
    return members[0]


def _is_of_a_file_manager(path: str) -> bool:
    """What macOS and Windows put beside the files that somebody packed."""
    folders = path.replace("\\", "/").split("/")
    name = folders.pop()
    return "__MACOSX" in folders or name.startswith("._") or name.lower() in FILE_MANAGERS
