"""All profiles of one search, packed in a temporary file: a million are 230 MB there, and would be 2 GB as objects."""

import marshal
import os
from array import array
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from tempfile import TemporaryFile
from typing import NamedTuple

from crm.duplicates.normalising import Profile, packed

CACHED = 20_000  # some 30 MB
FORMAT = 2  # of marshal, three times as fast as texts that are split; newer ones look for what was written before


class Stored(NamedTuple):
    id: str
    profile: Profile

    @property
    def hash(self) -> int:
        return hash_of(packed(self.profile))


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
        stored = marshal.dumps((customer_id, profile), FORMAT)
        self.file.write(stored)
        self.ends.append(self.ends[-1] + len(stored))
        return hash_of(packed(profile))

    def flush(self) -> None:
        self.file.flush()

    def _get(self, no: int) -> Stored:
        start, end = self.ends[no], self.ends[no + 1]
        return Stored(*marshal.loads(os.pread(self.file.fileno(), end - start, start)))  # noqa: S302 (nobody else's file)

    def __iter__(self) -> Iterator[tuple[int, Profile]]:
        for no in range(len(self)):
            yield no, self._get(no).profile
