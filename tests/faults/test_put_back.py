"""A SQLite file that is put back: readers who saw more than it holds are sent away, and no event's id names two events."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.served import ROOT, Service, served

pytestmark = pytest.mark.slow

CUSTOMER, EVENT = "/api/crm/customer", "/api/crm/event"


def manage(home: Path, *arguments: str) -> str:
    environment = os.environ | {"DATABASE_URL": f"sqlite:///{home}/log.sqlite3", "DATA_DIR": str(home)}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def create(service: Service, key: str, count: int) -> None:
    for number in range(count):
        body = json.dumps({"customer_name": f"Nordlicht {number}"}).encode()
        assert service.call("POST", CUSTOMER, key, body, Content_Type="application/json")[0] == 201


def page(service: Service, key: str, after: str) -> tuple[list[str], str]:
    """The ids of the events, and where to go on from."""
    status, body = service.get(f"{EVENT}?after={after}", key)
    assert status == 200, body
    answer = json.loads(body)
    return [event["id"] for event in answer["data"]], answer["next_cursor"]


def put_back(home: Path) -> None:
    """As with `cp`: the file stays the same one, and has other pages."""
    for end in ("-wal", "-shm"):
        (home / f"log.sqlite3{end}").unlink(missing_ok=True)
    shutil.copyfile(home / "copy", home / "log.sqlite3")


def test_who_has_seen_more_than_the_copy_holds_is_sent_away(tmp_path: Path) -> None:
    manage(tmp_path, "migrate", "--verbosity", "0")
    key, url = manage(tmp_path, "create_api_key", "test"), f"sqlite:///{tmp_path}/log.sqlite3"
    shutil.copyfile(tmp_path / "log.sqlite3", tmp_path / "copy")
    ids: list[str] = []
    cursor = ""
    for life in range(3):  # twice the same copy
        with served(tmp_path, DATABASE_URL=url) as service:
            create(service, key, 3 + life)  # beyond the numbers that were seen
            if cursor:
                status, body = service.get(f"{EVENT}?after={cursor}", key)
                assert (status, json.loads(body)["error"]["code"]) == (410, "cursor_expired")
            events, cursor = page(service, key, "start")
            ids += events
            assert page(service, key, cursor) == ([], cursor)  # once more, perhaps of another process
            assert len(events) == 3 + life
        put_back(tmp_path)
    assert len(ids) == len(set(ids))


def test_a_copy_with_an_older_epoch_goes_on_beyond_what_was_shown_by_a_clock_that_was_ahead(tmp_path: Path) -> None:
    """Else each connection would begin one more epoch, and no reader came any further."""
    manage(tmp_path, "migrate", "--verbosity", "0")
    key, url = manage(tmp_path, "create_api_key", "test"), f"sqlite:///{tmp_path}/log.sqlite3"
    (tmp_path / "log.sqlite3-served").write_text("900000000 3\n")
    with served(tmp_path, DATABASE_URL=url) as service:
        create(service, key, 1)
        events, cursor = page(service, key, "start")
    with served(tmp_path, DATABASE_URL=url) as service:
        assert (len(events), page(service, key, cursor)) == (1, ([], cursor))
