"""Migrations that run while the release before still serves, and while others write: which are safe, and what to do instead.

Of a rolling deploy the old code works on the new tables for a while. And whatever needs a table for itself makes everybody
wait: for as long as it takes, and for as long as the longest query before it takes.
"""

from collections.abc import Iterator
from typing import Any

from django.db import connection, migrations, models
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from overplane.database.index_operations import AddIndexWithoutLock, RemoveIndexWithoutLock

REASON = "safe_because"  # of a migration: why it is safe all the same
# What neither asks the database for anything nor takes long.
FREE = (
    migrations.CreateModel, migrations.AlterModelOptions, migrations.AlterModelManagers, AddIndexWithoutLock,
    RemoveIndexWithoutLock,
)  # fmt: skip
STILL_USED = (
    migrations.RemoveField, migrations.DeleteModel, migrations.RenameField, migrations.RenameModel, migrations.AlterModelTable,
)  # fmt: skip
LOCKING = (
    migrations.AddIndex, migrations.RemoveIndex, migrations.RenameIndex, migrations.AlterUniqueTogether,
    migrations.AlterIndexTogether,
)  # fmt: skip


def unsafe(migration: migrations.Migration, before: ProjectState) -> list[str]:
    """Each operation that is not safe, with what to do instead. `before`: the models before this migration."""
    if getattr(migration, REASON, ""):
        return []
    state, created = before.clone(), set[str]()
    findings = []
    for operation in migration.operations:
        if isinstance(operation, migrations.CreateModel):
            created.add(operation.name_lower)
        model = getattr(operation, "model_name_lower", getattr(operation, "name_lower", ""))
        if model not in created:
            step = f"{migration.app_label}.{migration.name}, {operation.describe()}"
            findings += [f"{step}: {what}" for what in _wrong(operation, migration, state)]
        operation.state_forwards(migration.app_label, state)
    return findings


def _wrong(operation: Operation, migration: migrations.Migration, state: ProjectState) -> Iterator[str]:
    if isinstance(operation, FREE):
        return
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        for one in operation.database_operations:
            yield from _wrong(one, migration, state)
    elif isinstance(operation, migrations.AddField):
        yield from _wrong_new_field(operation.field)
    elif isinstance(operation, migrations.AlterField):
        model = state.models[migration.app_label, operation.model_name_lower]
        yield from _wrong_change(model.get_field(operation.name), operation.field)
    elif isinstance(operation, STILL_USED):
        yield "the release before still uses it: stop using it in one release, and take it away in the next one"
    elif isinstance(operation, LOCKING):
        yield "nobody can write while it is built: AddIndexWithoutLock or RemoveIndexWithoutLock, with atomic = False"
    elif isinstance(operation, migrations.AddConstraint | migrations.RemoveConstraint):
        yield "nobody can write while each row is checked: add it NOT VALID, then validate it in a migration of its own"
    elif isinstance(operation, migrations.RunPython | migrations.RunSQL):
        if migration.atomic:
            yield "one transaction over a whole table holds back writers and the feed: atomic = False, and short parts"
    else:
        yield f"nothing is known of {type(operation).__name__}"


def _wrong_new_field(field: Any) -> Iterator[str]:
    if field.many_to_many:
        return
    if not field.null and field.db_default is models.NOT_PROVIDED:
        yield "the release before does not know it and could create nothing: null=True, or a db_default"
    if field.unique or field.db_index:
        yield "its index is built while nobody can write: AddIndexWithoutLock in a migration of its own"
    if field.is_relation and field.db_constraint:
        yield "nobody can write while each row's reference is checked: db_constraint=False"


def _wrong_change(old: Any, new: Any) -> Iterator[str]:
    """What only Python knows of a field may change, a column may become nullable and get a default."""
    if old.db_type(connection) != new.db_type(connection) and not _is_longer(old, new):
        yield "it rewrites or checks each row: add a field of the new kind, fill it, and take the old one away in the next release"
    if old.null and not new.null:
        yield "nobody can write while each row is looked at, and the release before may still store NULL"
    if (new.unique and not old.unique) or (new.db_index and not old.db_index):
        yield "its index is built while nobody can write: AddIndexWithoutLock"
    if old.db_column != new.db_column:
        yield "the release before still uses the old name"
    if old.db_default is not models.NOT_PROVIDED and new.db_default is models.NOT_PROVIDED:
        yield "the release before relies on the default"


def _is_longer(old: Any, new: Any) -> bool:
    """PostgreSQL looks at no row for a text that may be longer from now on."""
    both = isinstance(old, models.CharField) and isinstance(new, models.CharField)
    return both and new.max_length >= old.max_length
