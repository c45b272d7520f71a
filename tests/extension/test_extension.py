"""What the README promises a stranger: an attribute is a line in `models.py` and a migration, on either model, of any kind."""

import difflib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from tests.conftest import CUSTOMER, Api
from tests.extension.copies import ROOT, copied, run
from tests.extension.grow import add_line_item, add_stray, grow
from tests.served import served

# The copy's tests run on the database of this run.
pytestmark = [pytest.mark.slow, pytest.mark.django_db]

# Tests outside of the contract that say what a customer consists of: they take it from the registry and the fields.
NAMING = (
    "tests/api/test_described_filters.py",
    "tests/api/test_described_words.py",
    "tests/api/test_description.py::test_a_customer_is_described_however_it_is_asked_for",
    "tests/api/test_description.py::test_every_event_is_as_described_also_when_it_has_lost_its_values",
    "tests/api/test_docs.py",
    "tests/api/test_parameters.py",
    "tests/api/test_query_counts.py",
    "tests/api/test_search_follows.py::test_search_finds_what_is_there_now_and_no_more[the form, with a new row]",
    "tests/api/test_supplier_numbers.py::test_a_row_has_its_documented_shape",
    "tests/backoffice/test_admin.py",
    "tests/backoffice/test_admin_form.py::test_a_row_that_nobody_typed_in_is_not_stored",
    "tests/backoffice/test_back_office_limits.py::test_django_s_own_log_keeps_no_customer",
    "tests/backoffice/test_people.py::test_the_groups_permissions_are_these_and_no_others",
    "tests/events/test_events.py::test_rows_are_told_and_shifts_too",
    "tests/transfer/test_export.py::test_columns_are_those_asked_for_where_no_supplier_number_needs_the_id",
    "tests/transfer/test_export.py::test_the_api_and_the_file_say_the_same",
)

WALKS = ("tests/extension/walk.py", "tests/extension/walk_lists.py")
BROWSED = "tests/browser/test_line_items.py"  # on the database on which browsers look at all else


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with attributes of every kind and a second kind of line item, and the migration that Django makes of it."""
    home = copied(tmp_path_factory.mktemp("grown"))
    grow(home)
    result = run(home, "manage.py", "makemigrations", "crm", "-n", "grown", "--skip-checks")
    assert result.returncode == 0, result.stdout
    return home


def own_tests(home: Path, *paths: str) -> subprocess.CompletedProcess[str]:
    """The copy's own tests, with a database of its own beside that of the tests around it."""
    own: dict[str, Any] = {"OVERPLANE_TEST_DATABASE_NAME": f"grown_{os.getpid()}"}
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        own = {"OVERPLANE_TEST_DATABASE_NAME": str(home / "grown.sqlite3")}
    return run(
        home, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *paths,
        OVERPLANE_TESTS_PREPARED="yes", **own,
    )  # fmt: skip


def test_new_attributes_and_a_second_kind_work_at_every_door_and_turn_no_test_red(copy: Path) -> None:
    """In one go: each start of the tests takes as long as fifty of them.

    What was there before is tried on one database: it asks for nothing else than in the project as it is.
    """
    others = NAMING if connection.vendor == "sqlite" else (BROWSED, "-k", "not supplier_numbers")
    result = own_tests(copy, *WALKS, "tests/contract", *others)
    assert result.returncode == 0, result.stdout[-6000:]
    assert (
        "visits_paid"
        in run(copy, "manage.py", "shell", "-c", "from crm.line_items import BY_NAME; print(*BY_NAME)").stdout
    )


@pytest.mark.half("postgresql")
def test_it_reads_from_a_database_without_its_migration(copy: Path, live_api: Api, tmp_path: Path) -> None:
    customer = live_api.create(customer_name="Acme", supplier_numbers=[{"company": "A"}])
    path, key = f"{CUSTOMER}/{customer['id']}", live_api.key
    with served(tmp_path, awaited="/healthz", root=copy, WEB_CONCURRENCY="1") as service:
        status, state = service.get("/readyz")
        assert status == 503
        assert re.search(rb"migrations are not applied: crm\.\d+_grown \(", state)
        whole = json.loads(service.get(f"{path}?expand[]=supplier_numbers&expand[]=visits_paid", key)[1])
        assert (whole["is_vip"], whole["grade"], whole["visits_paid"]) == (False, None, [])
        assert whole["supplier_numbers"][0]["company"] == "A"
        assert json.loads(service.get(f"{CUSTOMER}?grade[is_null]=true&q=acme", key)[1])["total"] == 1
        assert service.get("/api/crm/event?after=start", key)[0] == 200
        assert service.get(f"{CUSTOMER}/export", key)[1].splitlines()[-1].startswith(b'{"end":true,"count":1,')
        as_json = {"Content_Type": "application/json"}
        assert service.call("PATCH", path, key, b'{"territory": "North"}', **as_json)[0] == 200
        status, refusal, _ = service.call("POST", CUSTOMER, key, b'{"customer_name": "Bravo"}', **as_json)
        assert (status, json.loads(refusal)["error"]["code"]) == (503, "unavailable")


def test_a_second_kind_costs_what_is_promised(tmp_path: Path) -> None:
    """At most 80 lines in at most 6 files, outside of tests."""
    home = copied(tmp_path)
    add_line_item(home)
    result = run(home, "manage.py", "makemigrations", "crm", "-n", "grown", "--skip-checks")
    assert result.returncode == 0, result.stdout
    changed = {
        path: added
        for path in home.rglob("*.py")
        if "data" not in path.parts and (added := lines_added(path.relative_to(home), path))
    }
    assert len(changed) <= 6, changed
    assert sum(changed.values()) <= 80, changed


def lines_added(name: Path, grown: Path) -> int:
    before = (ROOT / name).read_text().splitlines() if (ROOT / name).exists() else []
    return sum(line.startswith("+ ") for line in difflib.ndiff(before, grown.read_text().splitlines()))


def test_what_belongs_to_customers_and_is_no_line_item_is_refused(tmp_path: Path) -> None:
    home = copied(tmp_path)
    add_stray(home)
    checked = run(home, "manage.py", "check")
    assert checked.returncode == 1
    assert "crm.E001" in checked.stdout
    assert "crm.line_items" in checked.stdout
