"""Exact counts of big tables, kept by the database itself, so that `total` costs the same at any size.

A table's count is the sum of a few slots. On PostgreSQL a statement trigger adds to a slot that no
other transaction holds (`SKIP LOCKED`, and a new slot if all are taken), so writers never queue.
SQLite has one writer at a time: one slot will do. Django remakes SQLite tables in many migrations,
which drops their triggers: `install` runs after every `migrate` and counts again when a trigger was missing.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

from overplane.database.dialect import choose

COUNTS = "overplane_row_count"

POSTGRESQL = [
    # Nobody writes between the count and the triggers.
    "LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE",
    """
CREATE OR REPLACE FUNCTION overplane_count_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  change bigint;
  free_slot bigint;
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    DELETE FROM overplane_row_count WHERE relation = TG_TABLE_NAME;
    RETURN NULL;
  ELSIF TG_OP = 'INSERT' THEN
    SELECT count(*) INTO change FROM changed_rows;
  ELSE
    SELECT -count(*) INTO change FROM changed_rows;
  END IF;
  IF change = 0 THEN
    RETURN NULL;
  END IF;
  SELECT slot INTO free_slot FROM overplane_row_count WHERE relation = TG_TABLE_NAME LIMIT 1 FOR UPDATE SKIP LOCKED;
  IF FOUND THEN
    UPDATE overplane_row_count SET n = n + change WHERE slot = free_slot;
  ELSE
    INSERT INTO overplane_row_count (relation, n) VALUES (TG_TABLE_NAME, change);
  END IF;
  RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER {table}_count_insert AFTER INSERT ON {table}
  REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION overplane_count_rows();
CREATE OR REPLACE TRIGGER {table}_count_delete AFTER DELETE ON {table}
  REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION overplane_count_rows();
CREATE OR REPLACE TRIGGER {table}_count_truncate AFTER TRUNCATE ON {table}
  FOR EACH STATEMENT EXECUTE FUNCTION overplane_count_rows();
""",
]
SQLITE = [
    "DROP TRIGGER IF EXISTS {table}_count_insert",
    "DROP TRIGGER IF EXISTS {table}_count_delete",
    "CREATE TRIGGER {table}_count_insert AFTER INSERT ON {table} BEGIN"
    " UPDATE overplane_row_count SET n = n + 1 WHERE relation = '{table}'; END",
    "CREATE TRIGGER {table}_count_delete AFTER DELETE ON {table} BEGIN"
    " UPDATE overplane_row_count SET n = n - 1 WHERE relation = '{table}'; END",
]


def total_sql(table: str) -> str:
    """A scalar subquery: how many rows `table` has."""
    return f"(SELECT COALESCE(SUM(n), 0) FROM {COUNTS} WHERE relation = '{table}')"


def total(connection: BaseDatabaseWrapper, table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {total_sql(table)}")
        return int(cursor.fetchone()[0])


def triggers(connection: BaseDatabaseWrapper) -> set[str]:
    """The names of the triggers in the database."""
    sql = choose(
        postgresql="SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'",
        sqlite="SELECT name FROM sqlite_master WHERE type = 'trigger'",
        on=connection,
    )
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return {name for (name,) in cursor.fetchall()}


def missing(connection: BaseDatabaseWrapper, table: str) -> set[str]:
    """The names of this table's triggers that are missing."""
    return {f"{table}_count_{event}" for event in ("insert", "delete")} - triggers(connection)


def install(connection: BaseDatabaseWrapper, table: str) -> None:
    """Creates the triggers and counts the rows, unless all triggers exist."""
    if not missing(connection, table):
        return
    with connection.cursor() as cursor:
        for statement in choose(postgresql=POSTGRESQL, sqlite=SQLITE, on=connection):
            cursor.execute(statement.replace("{table}", table))
        cursor.execute(f"DELETE FROM {COUNTS} WHERE relation = %s", [table])
        cursor.execute(f"INSERT INTO {COUNTS} (relation, n) SELECT %s, count(*) FROM {table}", [table])
