"""All profiles of one search, packed in a temporary file: a million are 200 MB there, and would be 2 GB as objects."""

import os
from array import array
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from tempfile import TemporaryFile
from typing import NamedTuple

from crm.duplicates.normalising import Profile, packed, unpacked

CACHED = 20_000  # some 30 MB


class Stored(NamedTuple):
    id: str
    text: str
    profile: Profile

    @property
    def hash(self) -> int:
        return hash_of(self.text)


def hash_of(text: str) -> int:
    """Of a packed profile, as a signed number of 64 bits. Two customers with the same are entered alike."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


class ProfileFile:
    def __init__(self) -> None:
        self.file = TemporaryFile()  # noqa: SIM115 (open as long as the search runs)
        self.ends = array("Q", [0])
        self.get = lru_cache(maxsize=CACHED)(self._get)

    def __len__(self) -> int:
        return len(self.ends) - 1

    def close(self) -> None:
        self.file.close()

    def add(self, customer_id: str, profile: Profile) -> int:
        """The hash of the profile."""
        text = packed(profile)
        line = f"{customer_id}\n{text}".encode()
        self.file.write(line)
        self.ends.append(self.ends[-1] + len(line))
        return hash_of(text)

    def flush(self) -> None:
        self.file.flush()

    def _get(self, no: int) -> Stored:
        start, end = self.ends[no], self.ends[no + 1]
        customer_id, _, text = os.pread(self.file.fileno(), end - start, start).decode().partition("\n")
        return Stored(customer_id, text, unpacked(text))

    def __iter__(self) -> Iterator[tuple[int, Profile]]:
        for no in range(len(self)):
            yield no, self._get(no).profile
