"""How what receivers answered is erased: an answer may repeat values of its event."""

from collections.abc import Sequence

from overplane.database import erasure, statements
from overplane.database.statements import Statement
from overplane.events.webhooks.models import Attempt


def erase_excerpts(subjects: Sequence[str]) -> Statement:
    sql = f"UPDATE {Attempt._meta.db_table} SET excerpt = '' WHERE excerpt <> '' AND subject IN ({statements.marks(subjects)})"
    return Statement(sql, subjects)


erasure.register("webhook attempts", erase_excerpts)
