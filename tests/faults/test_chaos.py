"""A few seeds of `python -m faults`, and one planted fault as a proof that they would see it. The many seeds are for a quiet night.

They touch none of the suite's databases, so `make check` runs them once.
"""

import os
import subprocess
import sys

import pytest

from tests import pgbouncer
from tests.served import ROOT

pytestmark = pytest.mark.slow


def faults(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "faults", *arguments]
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("DATABASE_URL", "OVERPLANE_", "DJANGO_"))}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_nothing_is_lost_or_doubled_whatever_is_killed() -> None:
    done = faults("--database", "postgresql", "--seeds", "1", "--seconds", "4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 seeds" in done.stdout


@pytest.mark.skipif(pgbouncer.program() is None, reason="pgbouncer is not installed")
def test_nor_behind_a_pooler() -> None:
    done = faults("--pooler", "transaction", "--seed", "2", "--seconds", "4")
    assert done.returncode == 0, done.stdout + done.stderr


def test_nor_on_sqlite() -> None:
    done = faults("--database", "sqlite", "--seeds", "1", "--seconds", "4")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_planted_fault_is_found() -> None:
    done = faults("planted", "lost_update", "--seconds", "4")
    assert "1 of 1 planted faults found" in done.stdout, done.stdout + done.stderr
