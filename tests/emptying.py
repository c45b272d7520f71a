"""How the database is emptied after a test that commits."""

from django.core.management.color import no_style
from django.db import connection
from django.test import TransactionTestCase

from overplane.events.apps import begin

# What migrations and Django's signal after them put there once. Django's own flush empties and fills them for each test.
STAYING = {"django_migrations", "django_content_type", "auth_permission"}


def empty(case: TransactionTestCase) -> None:
    """Empties the tables that a test has filled. (Django's way takes 0.13 s on PostgreSQL, this a tenth of it.)"""
    names = [
        n
        for n in connection.introspection.django_table_names(only_existing=True, include_views=False)
        if n not in STAYING
    ]
    probes = [f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {connection.ops.quote_name(name)})" for name in names]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(probes))
        filled = [name for (name,) in cursor.fetchall()]
    if filled:
        statements = connection.ops.sql_flush(no_style(), filled, reset_sequences=False, allow_cascade=True)
        connection.ops.execute_sql_flush(statements)
    begin(connection.alias)  # the first epoch, as after a migration
