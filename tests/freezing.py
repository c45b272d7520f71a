"""A PostgreSQL that stands still, with all its processes."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.databases import PostgresServer


@contextmanager
def frozen(server: PostgresServer) -> Iterator[None]:
    children = subprocess.run(["pgrep", "-P", str(server.pid)], capture_output=True, text=True, check=True).stdout
    family = [server.pid, *map(int, children.split())]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(family):
            os.kill(pid, signal.SIGCONT)
