"""Indexes built and dropped while others write: begun again where a migration broke off, and back."""

from typing import Any

import pytest
from django.db import connection, models
from django.db.migrations.state import ModelState, ProjectState

from overplane.database.index_operations import AddIndexWithoutLock, RemoveIndexWithoutLock
from overplane.database.transforms import AsciiLower

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "widget_code_key"
INDEX = models.Index(AsciiLower("code"), name=NAME, condition=models.Q(code__isnull=False))
IS_POSTGRESQL = connection.vendor == "postgresql"


@pytest.fixture
def states() -> Any:
    """What there is without the index, and with it; the table stands while the test runs."""
    from_state = ProjectState()
    fields = [("id", models.AutoField(primary_key=True)), ("code", models.CharField(max_length=20, null=True))]
    from_state.add_model(ModelState("crm", "Widget", fields, {"db_table": "crm_widget"}))
    to_state = from_state.clone()
    to_state.add_index("crm", "widget", INDEX)
    model = from_state.apps.get_model("crm", "Widget")
    with connection.schema_editor(atomic=False) as editor:
        editor.create_model(model)
    yield from_state, to_state
    with connection.schema_editor(atomic=False) as editor:
        editor.delete_model(model)


def run(operation: Any, from_state: ProjectState, to_state: ProjectState, *, back: bool = False) -> None:
    with connection.schema_editor(atomic=False) as editor:
        act = operation.database_backwards if back else operation.database_forwards
        act("crm", editor, *((to_state, from_state) if back else (from_state, to_state)))


def stands() -> bool:
    with connection.cursor() as cursor:
        return NAME in connection.introspection.get_constraints(cursor, "crm_widget")


def fetch(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0] if cursor.description else None


@pytest.mark.parametrize("times", [1, 2])
def test_it_is_built_once_and_dropped_once(states: Any, times: int) -> None:
    add, remove = AddIndexWithoutLock("widget", INDEX), RemoveIndexWithoutLock("widget", NAME)
    before, after = states
    for operation, is_back, is_there in (
        (add, False, True),
        (add, True, False),
        (remove, True, True),
        (remove, False, False),
    ):
        for _ in range(times):
            run(operation, *((after, before) if operation is remove else (before, after)), back=is_back)
        assert stands() is is_there
        if IS_POSTGRESQL:  # statistics come and go with it
            assert fetch(f"SELECT count(*) FROM pg_statistic_ext WHERE stxname = '{NAME}_values'") == int(is_there)


@pytest.mark.skipif(not IS_POSTGRESQL, reason="SQLite builds an index whole or not at all")
def test_what_was_left_half_built_is_built_anew(states: Any) -> None:
    run(AddIndexWithoutLock("widget", INDEX), *states)
    is_valid = f"SELECT indisvalid FROM pg_index WHERE indexrelid = '{NAME}'::regclass"
    fetch(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{NAME}'::regclass")
    run(AddIndexWithoutLock("widget", INDEX), *states)
    assert fetch(is_valid)
