"""Migrations that build and drop indexes while others write; in a migration with `atomic = False`.

PostgreSQL builds them concurrently. A migration that broke off is run again: what stands already is gone past, and what
PostgreSQL left half built is built anew.

An index on an expression with a condition gets statistics beside it. PostgreSQL's planner takes none from such an index:
it would believe that each value is in one row of 200, and read the table from end to end for a list of values. They are
there after the next ANALYZE.
"""

from typing import Any

from django.db import migrations, models
from django.db.backends.base.base import BaseDatabaseWrapper

from overplane.database.dialect import is_postgresql
from overplane.database.short_locks import waiting_as_long_as_it_takes

EXPRESSION = "SELECT pg_get_expr(indexprs, indrelid) FROM pg_index WHERE indexrelid = to_regclass(%s)"
IS_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"


class AddIndexWithoutLock(migrations.AddIndex):
    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        _build(schema_editor, to_state.apps.get_model(app_label, self.model_name), self.index)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        _drop(schema_editor, from_state.apps.get_model(app_label, self.model_name), self.index)


class RemoveIndexWithoutLock(migrations.RemoveIndex):
    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        _drop(schema_editor, from_state.apps.get_model(app_label, self.model_name), self._index(app_label, from_state))

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        _build(schema_editor, to_state.apps.get_model(app_label, self.model_name), self._index(app_label, to_state))

    def _index(self, app_label: str, state: Any) -> models.Index:
        return state.models[app_label, self.model_name_lower].get_index_by_name(self.name)


def _build(editor: Any, model: type[models.Model], index: models.Index) -> None:
    if _stands(editor.connection, model, index.name):
        return
    if is_postgresql(editor.connection):
        _drop(editor, model, index)  # what an attempt left that broke off
        with waiting_as_long_as_it_takes(editor.connection):
            editor.add_index(model, index, concurrently=True)
        if index.contains_expressions and index.condition:
            _add_statistics(editor, model, index.name)
    else:
        editor.add_index(model, index)


def _add_statistics(editor: Any, model: type[models.Model], name: str) -> None:
    with editor.connection.cursor() as cursor:
        cursor.execute(EXPRESSION, [f'"{name}"'])
        (expression,) = cursor.fetchone()
    table = editor.quote_name(model._meta.db_table)
    editor.execute(f'CREATE STATISTICS IF NOT EXISTS "{name}_values" ON ({expression}) FROM {table}')


def _drop(editor: Any, model: type[models.Model], index: models.Index) -> None:
    if is_postgresql(editor.connection):
        editor.execute(f'DROP STATISTICS IF EXISTS "{index.name}_values"')
        with waiting_as_long_as_it_takes(editor.connection):
            editor.remove_index(model, index, concurrently=True)
    elif _stands(editor.connection, model, index.name):
        editor.remove_index(model, index)


def _stands(connection: BaseDatabaseWrapper, model: type[models.Model], name: str) -> bool:
    with connection.cursor() as cursor:
        if is_postgresql(connection):
            cursor.execute(IS_VALID, [f'"{name}"'])
            return cursor.fetchone() == (True,)
        return name in connection.introspection.get_constraints(cursor, model._meta.db_table)
