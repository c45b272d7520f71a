"""What the service stores is for its own account alone, whoever creates it, and after an upgrade too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from overplane import private_files
from overplane.api import keys
from tests.served import ROOT, served

CUSTOMER = "/api/crm/customer"
DATABASE = "overplane.sqlite3"


def prepared(home: Path, **variables: str) -> str:
    """What the command says."""
    environment = os.environ | {"DATA_DIR": str(home), "DATABASE_URL": f"sqlite:///{home / DATABASE}"} | variables
    environment.pop("SECRET_KEY", None)
    command = [sys.executable, "manage.py", "prepare"]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True, umask=0o022)
    return done.stdout


def open_to_others(home: Path) -> dict[str, str]:
    """But for collected static files, which a proxy may serve."""
    paths = [home, *(path for path in home.rglob("*") if path.relative_to(home).parts[0] != "static")]
    modes = {str(path.relative_to(home)): path.lstat().st_mode & 0o777 for path in paths}
    return {name: oct(mode) for name, mode in modes.items() if mode & 0o077}


@pytest.mark.slow
@pytest.mark.half("sqlite")
def test_a_new_installation_and_an_old_one_are_closed(tmp_path: Path) -> None:
    home = tmp_path / "data"
    said = prepared(home)
    assert "Plain HTTP, for your own machine." in said
    assert "First user: admin   password: " in said
    assert {DATABASE, "secret_key", "static"} <= {path.name for path in home.iterdir()}
    assert open_to_others(home) == {}
    assert any(path.stat().st_mode & 0o004 for path in (home / "static").rglob("*.css"))
    # As the version before has left it.
    (home / "files" / "jobs" / "2026-11-01").mkdir(parents=True)
    (home / "files" / "jobs" / "2026-11-01" / "file_1.csv").write_text("Acme")
    (home / f"{DATABASE}-wal").touch()
    for path in (home, *home.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    said = prepared(home, BASE_URL="https://crm.example.com")
    assert said.splitlines() == [
        "Overplane CRM: https://crm.example.com/admin/   API reference: https://crm.example.com/docs"
    ]
    assert open_to_others(home) == {}
    assert any(path.stat().st_mode & 0o004 for path in (home / "static").rglob("*.css"))


@pytest.mark.slow
@pytest.mark.half("sqlite")
@pytest.mark.django_db(transaction=True)
def test_a_running_service_opens_nothing(tmp_path: Path) -> None:
    """SQLite's side files come and go with its connections."""
    key = keys.mint("test")[1]
    home = tmp_path / "data"
    prepared(home)
    before = os.umask(0o022)
    try:
        with served(home, DATABASE_URL=f"sqlite:///{home / DATABASE}") as service:
            assert service.call("GET", "/readyz")[0] == 200
            assert service.call("GET", CUSTOMER, key)[0] == 401  # another database; it notes the failure, so it writes
            assert {f"{DATABASE}-wal", f"{DATABASE}-shm"} <= {path.name for path in home.iterdir()}
            (home / "log").chmod(0o600)  # the test's own
            assert open_to_others(home) == {}
    finally:
        os.umask(before)


def test_a_folder_of_many_stays_as_it_is(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    outside = tmp_path / "outside"
    outside.write_text("")
    outside.chmod(0o644)
    (shared / "files").mkdir()
    (shared / "files" / "link").symlink_to(outside)
    private_files.tighten(shared, shared / "files", shared / "nothing")
    assert shared.stat().st_mode & 0o7777 == 0o1777
    assert outside.stat().st_mode & 0o777 == 0o644
    assert (shared / "files").stat().st_mode & 0o777 == 0o700
