"""Migrations that old and new code may both live with."""

from typing import Any

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState

from overplane.database.index_operations import AddIndexWithoutLock
from overplane.database.safe_migrations import unsafe

# The last ones from before this was watched. Whoever upgrades past them stops the service, as docs/operations.md says.
BEFORE = {
    "crm": 18, "overplane_api": 1, "overplane_backoffice": 3, "overplane_database": 1, "overplane_events": 5,
    "overplane_jobs": 3, "overplane_people": 2, "overplane_webhooks": 2,
}  # fmt: skip


def number(name: str) -> int:
    return int(name.partition("_")[0])


@pytest.mark.slow
def test_every_migration_is_safe_beside_the_release_before() -> None:
    loader = MigrationLoader(None)
    ours = {label for label, _ in loader.graph.nodes if label == "crm" or label.startswith("overplane")}
    assert ours == BEFORE.keys()
    wrong = []
    for label, name in loader.graph.nodes:
        if label in BEFORE and number(name) > BEFORE[label]:
            wrong += unsafe(loader.graph.nodes[label, name], loader.project_state((label, name), at_end=False))
    assert wrong == []


def test_none_is_passed_over_that_was_not_there_before() -> None:
    last = dict.fromkeys(BEFORE, 0)
    for label, name in MigrationLoader(None).graph.nodes:
        if label in last:
            last[label] = max(last[label], number(name))
    assert all(last[label] >= BEFORE[label] for label in BEFORE), last


TABLE = ModelState(
    "shop", "Thing", [("id", models.AutoField(primary_key=True)), ("name", models.CharField(max_length=20))]
)
NAMED = models.Index(fields=["name"], name="thing_name")


def judged(*operations: Any, **attributes: Any) -> list[str]:
    migration = type("Migration", (migrations.Migration,), {"operations": operations, **attributes})("0002", "shop")
    state = ProjectState()
    state.add_model(TABLE.clone())
    return unsafe(migration, state)


def field(kind: Any, **options: Any) -> Any:
    return migrations.AddField("thing", "new", kind(**options))


def nothing(apps: Any, editor: Any) -> None:
    pass


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (field(models.BooleanField, default=False), "db_default"),
        (field(models.BooleanField, null=True, db_index=True), "AddIndexWithoutLock"),
        (field(models.CharField, null=True, max_length=9, unique=True), "AddIndexWithoutLock"),
        (migrations.AddField("thing", "other", models.ForeignKey("shop.Thing", models.CASCADE, null=True)), "db_constraint=False"),
        (migrations.AlterField("thing", "name", models.CharField(max_length=10)), "rewrites"),
        (migrations.AlterField("thing", "name", models.IntegerField()), "rewrites"),
        (migrations.AlterField("thing", "name", models.CharField(max_length=20, unique=True)), "AddIndexWithoutLock"),
        (migrations.AlterField("thing", "name", models.CharField(max_length=20, db_column="n")), "old name"),
        (migrations.RemoveField("thing", "name"), "next one"),
        (migrations.RenameField("thing", "name", "title"), "next one"),
        (migrations.DeleteModel("thing"), "next one"),
        (migrations.AddIndex("thing", NAMED), "AddIndexWithoutLock"),
        (migrations.AddConstraint("thing", models.UniqueConstraint(fields=["name"], name="one")), "NOT VALID"),
        (migrations.RunPython(nothing), "atomic = False"),
        (migrations.SeparateDatabaseAndState([migrations.RunSQL("SELECT 1")]), "atomic = False"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_unsafe_is_refused_with_what_to_do(operation: Any, said: str) -> None:
    assert any(said in one for one in judged(operation))
    assert judged(operation, safe_because="The table is empty until the next release.") == []


@pytest.mark.parametrize(
    "operation",
    [
        field(models.BooleanField, default=False, db_default=False),
        field(models.TextField, null=True),
        migrations.AlterField("thing", "name", models.CharField("its name", max_length=20, null=True)),
        migrations.AlterField("thing", "name", models.CharField(max_length=40)),
        migrations.CreateModel("New", [("id", models.AutoField(primary_key=True))]),
        AddIndexWithoutLock("thing", NAMED),
    ],
)
def test_what_is_safe_is_let_through(operation: Any) -> None:
    assert judged(operation) == []


def test_a_new_table_may_have_whatever_it_likes() -> None:
    new = migrations.CreateModel("New", [("id", models.AutoField(primary_key=True)), ("a", models.IntegerField())])
    assert judged(new, migrations.AddIndex("new", models.Index(fields=["a"], name="new_a"))) == []
    assert judged(migrations.RunPython(nothing), atomic=False) == []
