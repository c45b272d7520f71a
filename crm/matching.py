"""Finding customers by a natural key while others write: who looks for the same value takes turns."""

import hashlib
from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import connection

from overplane.database.dialect import is_postgresql
from overplane.problems import Code, invalid

# The number of different locks. With one for each value a batch of an import would take thousands, and a server has no
# room for so many.
TURNSTILES = 1024
SPACE = 1_877_203_115  # the first half of the locks' names, of no other meaning

CANDIDATES_NAMED = 5  # in a message: enough to look at, and still one sentence


def claim(matches: Sequence[tuple[str, str]]) -> None:
    """Waits until no other transaction looks for one of these (attribute, value), and keeps others waiting until its end.

    Without it two upserts of the same new value would both find nobody, and both create. SQLite's writers stand in line anyway.
    """
    if not is_postgresql() or not matches:
        return
    names = {f"{name}\0{value}".encode() for name, value in matches}
    numbers = sorted({int.from_bytes(hashlib.sha256(name).digest()[:8], "big") % TURNSTILES for name in names})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, n) FROM (SELECT unnest(%s::int[]) AS n ORDER BY 1) AS wanted",
            [SPACE, numbers],
        )


def ambiguous(name: str, ids: Sequence[str], advice: str) -> ValidationError:
    """Several customers have the value that is looked for. `name`: of the attribute; `advice`: what to do instead."""
    named = ", ".join(ids[:CANDIDATES_NAMED]) + (" …" if len(ids) > CANDIDATES_NAMED else "")
    return invalid(Code.PARAMETER_CONFLICT, f"{len(ids)} customers have this {name}: {named}. {advice}")
