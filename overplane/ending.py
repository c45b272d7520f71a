"""That this process ends, and that the whole service does: whoever waits, or takes long, looks here.

gunicorn's first process and those that it forks share a page of memory; what stands in it all of them know.
"""

import math
import mmap
import time

_shared = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("d")
_SERVICE_ENDS, _NEWEST_WORKER = 0, 1  # positions in it; the second holds a moment of `time.monotonic`
# Of the time that a process has for its end: so much of it for streams, the rest for their last lines to be read.
PART_OF_STREAMS = 0.8
_streams_end = [math.inf]
clock = time.monotonic


def end_service() -> None:
    _shared[_SERVICE_ENDS] = 1


def service_ends() -> bool:
    """Whoever balances load should send nobody here any more. Requests that come are answered."""
    return bool(_shared[_SERVICE_ENDS])


def worker_is_ready() -> None:
    _shared[_NEWEST_WORKER] = clock()


def has_worker_since(moment: float) -> bool:
    """Whether one has begun to answer since then."""
    return _shared[_NEWEST_WORKER] > moment


def end_process(seconds: float) -> None:
    """It finishes what it is at, for so long at most."""
    _streams_end[0] = clock() + seconds * PART_OF_STREAMS


def must_streams_end() -> bool:
    """Now, or they will be cut off."""
    return clock() >= _streams_end[0]
