"""What every client did, one JSON object a line: who, what, from when to when, and what it was told."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

# `ok`: done, with its answer. `refused`: not done. `unknown`: no answer, or one that does not say (a 5xx): it may be
# done, or be done later, or never. `erased`: done, but its answer has gone with its customer since.
OK, REFUSED, UNKNOWN, ERASED = "ok", "refused", "unknown", "erased"


@dataclass(slots=True)
class Call:
    """One operation; a retry under the same idempotency key is part of it. Moments are of the monotonic clock."""

    client: str
    verb: str
    path: str
    method: str = ""  # of the API
    target: str = ""  # the customer, or the line item
    sent: Any = None
    key: str = ""
    expected: int = 0  # the version in If-Match
    start: float = 0.0
    end: float = 0.0
    outcome: str = UNKNOWN
    status: int = 0
    code: str = ""
    answer: Any = None
    raw: str = ""  # the answer's bytes as they came, of calls with a key
    version: int = 0
    request_id: str = ""
    attempts: int = 0
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        return self.outcome in (OK, ERASED)


class History:
    def __init__(self, file: Path) -> None:
        self._file = file.open("a", encoding="utf-8")
        self._lock = threading.Lock()
        self.count = 0
        self.done: Counter[str] = Counter()  # by verb

    def add(self, call: Call) -> None:
        line = json.dumps(asdict(call), separators=(",", ":"))
        with self._lock:
            self._file.write(line + "\n")
            self.count += 1
            self.done[call.verb] += call.is_done

    def flush(self) -> None:
        with self._lock:
            self._file.flush()

    def close(self) -> None:
        self._file.close()


def read(file: Path) -> Iterator[Call]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield Call(**json.loads(line))
