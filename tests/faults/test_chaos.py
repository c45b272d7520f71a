"""Three seeds of `python -m faults`, and one planted fault as a proof that they would see it. The many seeds are for a quiet night.

They touch none of the suite's databases, so `make check` runs them once.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from faults import proof
from faults.planted import Planted
from faults.run import RunResult
from faults.system import Ground
from tests import pgbouncer
from tests.served import ROOT

pytestmark = pytest.mark.slow
BEHIND_A_POOLER = ("--pooler", "transaction") if pgbouncer.program() else ("--database", "postgresql")


def faults(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "faults", *arguments]
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("DATABASE_URL", "OVERPLANE_", "DJANGO_"))}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("seed", "where"),
    [(1, ("--database", "postgresql")), (2, ("--database", "sqlite")), (3, BEHIND_A_POOLER)],
    ids=["PostgreSQL", "SQLite", "behind a pooler, where there is one"],
)
def test_nothing_is_lost_or_doubled_whatever_is_killed(seed: int, where: tuple[str, ...]) -> None:
    done = faults(*where, "--seed", str(seed), "--seconds", "4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 seeds" in done.stdout
    assert re.search(r"done: .*\d+ upsert", done.stdout)


def test_a_planted_fault_is_found() -> None:
    done = faults("planted", "lost_update", "--seconds", "4")
    assert "1 of 1 planted faults found" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(("took", "is_found"), [(59.0, True), (61.0, False)])
def test_a_planted_fault_that_is_found_too_late_is_missed(
    took: float, is_found: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    moments = iter([100.0, 100.0 + took])
    problem = {"check": "acknowledged", "text": "nobody has it", "subject": ""}
    outcome = RunResult(1, Path(), [], [problem], is_reached=True)
    monkeypatch.setattr(proof, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    monkeypatch.setattr(proof, "run", lambda *arguments, **more: outcome)
    one = Planted("lost_update", "a change overwrites another", lambda: None)
    assert proof._is_found(cast("Ground", None), one, 1, 15) is is_found
    assert f"found in {took:.0f} s" in capsys.readouterr().out
