"""What several processes of one deployment do when they are started at the same time."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from overplane.database.dialect import is_postgresql
from tests.served import ROOT, database_url

MACHINES = 3
pytestmark = [pytest.mark.slow, pytest.mark.django_db]


@contextmanager
def empty_database(home: Path) -> Iterator[str]:
    if not is_postgresql():
        yield f"sqlite:///{home}/new.sqlite3"
        return
    url, name = database_url(), f"prepared_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            yield f"{url.rpartition('/')[0]}/{name}"
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_machines_that_prepare_at_once_do_it_one_after_the_other(tmp_path: Path) -> None:
    with empty_database(tmp_path) as url:
        environment = os.environ | {"DATABASE_URL": url, "DATA_DIR": str(tmp_path), "SECRET_KEY": "x" * 50}
        command = [sys.executable, "manage.py", "prepare"]
        started = [
            subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            for _ in range(MACHINES)
        ]
        said = [one.communicate(timeout=120)[0] for one in started]
    assert [one.returncode for one in started] == [0] * MACHINES, said
    assert sum("First user" in one for one in said) == 1
    assert sum("First API key" in one for one in said) == 1
