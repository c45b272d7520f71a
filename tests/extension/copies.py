"""A copy of the project to be changed, and programs that run in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PARTS = ("crm", "overplane", "templates", "locale", "tests", "manage.py", "pyproject.toml")


def copied(home: Path) -> Path:
    for name in PARTS:
        source, target = ROOT / name, home / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("node_modules"))
        else:
            shutil.copy(source, target)
    return home


def run(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A Python process of the copy, in which nothing is known of this one."""
    inherited = {n: v for n, v in os.environ.items() if not n.startswith(("PYTEST", "OVERPLANE", "COV"))}
    environment = inherited | {"DATA_DIR": str(home / "data"), "PYTHONPATH": ""} | variables
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=home,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )
