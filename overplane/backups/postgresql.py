"""PostgreSQL's own programs write and read the copy, and nothing of it passes through this process."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from overplane.backups.archive import Unusable

FILE = "database.dump"
PROGRAMS = Path("/usr/lib/postgresql")  # where Debian has those of each version
# What somebody does with the tables just now is waited for so long; then the service is still running.
LOCK_SECONDS = 10
# Everything of ours; extensions stay.
EMPTYING = f"""
SET lock_timeout = '{LOCK_SECONDS}s';
DO $$
DECLARE one record;
BEGIN
  FOR one IN SELECT c.oid::regclass AS name FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace
      AND c.relkind IN ('r', 'p') AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e') LOOP
    EXECUTE format('DROP TABLE IF EXISTS %s CASCADE', one.name);
  END LOOP;
  FOR one IN SELECT p.oid::regprocedure AS name FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e') LOOP
    EXECUTE format('DROP ROUTINE IF EXISTS %s CASCADE', one.name);
  END LOOP;
END $$;
"""


@contextmanager
def dumped(folder: Path) -> Iterator[psycopg.Connection[Any]]:
    """A connection that sees what the copy holds: both read from one snapshot. It has no number, so it holds back no feed."""
    with _password_file() as secret, psycopg.connect(_address(secret)) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        reader.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        reader.execute("SET LOCAL statement_timeout = 0")
        row = reader.execute("SELECT pg_export_snapshot()").fetchone()
        assert row
        # Comments of extensions are their owner's to set; who restores may be another.
        options = ["--format=custom", "--no-owner", "--no-privileges", "--no-comments", f"--snapshot={row[0]}"]
        _run([_program("pg_dump"), *options, f"--file={folder / FILE}", f"--dbname={_address(secret)}"])
        yield reader


def counts(reader: psycopg.Connection[Any]) -> dict[str, int]:
    names = reader.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') ORDER BY 1"
    ).fetchall()
    return {name: _count(reader, name) for (name,) in names}


def _count(reader: psycopg.Connection[Any], name: str) -> int:
    row = reader.execute(f'SELECT count(*) FROM "{name}"').fetchone()
    assert row
    return row[0]


def restore(folder: Path) -> None:
    """In one transaction, together with what empties the database: all of it, or what was there before."""
    connection.close()
    _run([_program("pg_restore"), "--list", str(folder / FILE)])  # can it be read at all
    with _password_file() as secret, tempfile.TemporaryFile() as errors:
        read = [_program("pg_restore"), "--no-owner", "--no-privileges", "--file=-", str(folder / FILE)]
        write = [
            _program("psql"), "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null",
            f"--command={EMPTYING}", "--file=-", f"--dbname={_address(secret)}",
        ]  # fmt: skip
        with subprocess.Popen(read, stdout=subprocess.PIPE, stderr=errors) as reading:
            done = subprocess.run(write, stdin=reading.stdout, stderr=errors, check=False)
            if reading.stdout:
                reading.stdout.close()
        if done.returncode or reading.returncode:
            errors.seek(0)
            raise Unusable(f"Nothing was restored. {_last_lines(errors.read())}")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # without it the first hours would be planned blindly


def _program(name: str) -> str:
    """The newest on the machine: an older one does not read a newer server."""
    installed = PROGRAMS.glob(f"*/bin/{name}")
    newest = max(installed, key=lambda path: int(path.parts[-3]) if path.parts[-3].isdigit() else 0, default=None)
    if found := str(newest) if newest else shutil.which(name):
        return found
    raise Unusable(f"{name} is not installed on this machine: apt-get install postgresql-client")


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise Unusable(f"{Path(command[0]).name} failed. {_last_lines(done.stderr)}")


def _last_lines(errors: bytes) -> str:
    return " ".join(errors.decode("utf-8", "replace").split("\n")[-4:]).strip()


def _parameters() -> Mapping[str, Any]:
    """Those that libpq knows."""
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    return {name: value for name, value in connection.get_connection_params().items() if name in known}


def _address(password_file: str) -> str:
    """Without the password, which anybody could read in the list of processes."""
    return make_conninfo(**{**_parameters(), "password": None, "passfile": password_file, "connect_timeout": 10})


@contextmanager
def _password_file() -> Iterator[str]:
    password = str(_parameters().get("password") or "").replace("\\", "\\\\").replace(":", "\\:")
    with tempfile.NamedTemporaryFile("w") as file:  # 0600
        file.write(f"*:*:*:*:{password}\n")
        file.flush()
        yield file.name
