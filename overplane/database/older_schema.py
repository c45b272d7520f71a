"""New code on a database that its migrations have not reached yet: it reads, as if new columns held their defaults.

Of a deploy the migration comes first; but somebody may forget it, or start the new code while it runs. Reading statements are
rewritten then: a table that lacks columns is read by a query that has them, one that is not there by a query without rows.
Every column is named in it, so it holds also when the migration ends meanwhile. What writes a column that is not there is
answered with 503 (see troubles.py).
"""

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

from django.apps import apps
from django.db import Error, connection, models

from overplane.caching import Recent
from overplane.database.dialect import choose

POSTGRESQL = """SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'p') AND pg_table_is_visible(c.oid) AND a.attnum > 0 AND NOT a.attisdropped"""
SQLITE = "SELECT m.name, p.name FROM sqlite_master m JOIN pragma_table_xinfo(m.name) p WHERE m.type = 'table'"
# A table that is read, with its alias if it has one. Whose rows are deleted stays what it is.
READ = re.compile(
    r'(?<!\bDELETE )\b(?P<verb>FROM|JOIN) "(?P<table>\w+)"(?P<alias> (?:AS )?(?!(?:WHERE|ORDER|GROUP|HAVING|INNER|LEFT|RIGHT|FULL'
    r'|CROSS|NATURAL|JOIN|ON|USING|LIMIT|OFFSET|FETCH|UNION|INTERSECT|EXCEPT|FOR|WINDOW|RETURNING|SET)\b)(?:\w+|"\w+"))?'
)
# Between two looks whether the migration has come: it is noticed soon, and a busy service asks seldom.
_queries: Recent[dict[str, str]] = Recent(1.0)
_is_complete = threading.Event()


def adapt() -> None:
    """Before a request, to the connection of its thread. Once nothing is missing it costs nothing any more."""
    if _is_complete.is_set():
        return
    try:
        if not _queries.get(missing):
            _is_complete.set()
    except Error:
        return  # the request will find out by itself
    if not _is_complete.is_set() and _rewrite not in connection.execute_wrappers:
        connection.execute_wrappers.append(_rewrite)


def is_behind() -> bool:
    """Whether this process has seen that something is missing, and it is still."""
    return _rewrite in connection.execute_wrappers


def missing() -> dict[str, str]:
    """For each table that is not there, or not whole: the query that is read in its place."""
    columns: dict[str, set[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(choose(postgresql=POSTGRESQL, sqlite=SQLITE))
        for table, column in cursor.fetchall():
            columns.setdefault(table, set()).add(column)
    tables = [one for one in apps.get_models(include_auto_created=True) if one._meta.managed and not one._meta.proxy]
    return {
        model._meta.db_table: _query(model, there)
        for model in tables
        if not (there := columns.get(model._meta.db_table, set())).issuperset(
            field.column for field in model._meta.local_concrete_fields
        )
    }


def _query(model: type[models.Model], there: set[str]) -> str:
    fields = model._meta.local_concrete_fields
    selected = [f'"{one.column}"' if one.column in there else f'{_default(one)} AS "{one.column}"' for one in fields]
    source = f'FROM "{model._meta.db_table}"' if there else "WHERE 1 = 0"
    return f"(SELECT {', '.join(selected)} {source})"


def _default(field: Any) -> str:
    """What the migration will fill in."""
    value = "NULL"
    if field.db_default is not models.NOT_PROVIDED:
        editor = connection.schema_editor()
        sql, parameters = editor.db_default_sql(field)
        value = sql % tuple(editor.quote_value(one) for one in parameters)
    return choose(postgresql=f"CAST({value} AS {field.cast_db_type(connection)})", sqlite=value)


def _rewrite(execute: Callable[..., Any], sql: Any, parameters: Any, *rest: Any) -> Any:
    """One of Django's wrappers around each statement of a connection."""
    if _is_complete.is_set():
        connection.execute_wrappers.remove(_rewrite)
    elif isinstance(sql, str) and (queries := _queries.latest):
        sql = READ.sub(lambda read: _instead(read, queries, is_bound=parameters is not None), sql)
    return execute(sql, parameters, *rest)


def _instead(read: re.Match[str], queries: Mapping[str, str], *, is_bound: bool) -> str:
    if (query := queries.get(read["table"])) is None:
        return read[0]
    alias = read["alias"] or f' AS "{read["table"]}"'
    return f"{read['verb']} {query.replace('%', '%%') if is_bound else query}{alias}"
