"""Planted faults name places of the product. One whose place is gone would prove nothing, and nobody would notice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.served import ROOT


@pytest.mark.slow
def test_every_planted_fault_finds_its_place(tmp_path: Path) -> None:
    environment = os.environ | {"DATA_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path / 'none.sqlite3'}"}
    command = [sys.executable, "-m", "faults.planted"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found, _, known = done.stdout.split(" find")[0].partition(" of ")
    assert found == known
    assert int(known) >= 20
