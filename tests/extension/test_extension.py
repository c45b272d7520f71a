"""What the README promises a stranger: an attribute is a line in `models.py` and a migration, on either model, of any kind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.extension.grow import grow

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
PARTS = ("crm", "overplane", "templates", "locale", "tests", "manage.py", "pyproject.toml")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with attributes of every kind added, and the migration that Django makes of it."""
    home = tmp_path_factory.mktemp("grown")
    for name in PARTS:
        source, target = ROOT / name, home / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            shutil.copy(source, target)
    grow(home)
    made = run(home, "manage.py", "makemigrations", "crm", "-n", "grown", "--skip-checks")
    assert made.returncode == 0, made.stdout
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
        timeout=300,
        check=False,
    )


def test_a_new_attribute_of_any_kind_works_at_every_door(copy: Path) -> None:
    # A database of its own, beside that of the tests around it.
    own: dict[str, Any] = {"OVERPLANE_TEST_DATABASE_NAME": f"grown_{os.getpid()}"}
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        own = {"OVERPLANE_TEST_DATABASE_NAME": str(copy / "grown.sqlite3")}
    walked = run(
        copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "tests/extension/walk.py",
        OVERPLANE_TESTS_PREPARED="yes", **own,
    )  # fmt: skip
    assert walked.returncode == 0, walked.stdout[-6000:]


def test_what_belongs_to_customers_must_say_what_a_merge_does_with_it(copy: Path) -> None:
    checked = run(copy, "manage.py", "check")
    assert checked.returncode == 1
    assert "crm.E001" in checked.stdout
    assert "crm.merging.TAKEN_OVER" in checked.stdout
