"""Case-blind containment that also knows letters beyond ASCII, the same on both databases."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Lookup


def upper(text: str | None) -> str | None:
    """SQLite's own UPPER knows ASCII only; this one is put in its place on every connection."""
    return text.upper() if isinstance(text, str) else text


class FoldedLookup(Lookup):
    """Upper case on both sides, by Unicode's full mapping: `straße` is found by `STRASSE`."""

    prepare_rhs = True
    pattern = "%s"

    def get_prep_lookup(self) -> str:
        escaped = self.rhs.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        return self.pattern.replace("%s", escaped)

    def as_sqlite(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        left, parameters = self.process_lhs(compiler, connection)
        return f"overplane_upper({left}) LIKE overplane_upper(%s) ESCAPE '\\'", [*parameters, self.rhs]

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        left, parameters = self.process_lhs(compiler, connection)
        # Full mapping comes with the server itself since 18, before that with ICU.
        collation = "pg_unicode_fast" if connection.pg_version >= 180000 else "und-x-icu"
        upper = f'UPPER({{}} COLLATE "{collation}") COLLATE "C"'
        return f"{upper.format(left)} LIKE {upper.format('%s::text')} ESCAPE '\\'", [*parameters, self.rhs]


@CharField.register_lookup
class FoldedContains(FoldedLookup):
    lookup_name = "folded_contains"
    pattern = "%%s%"


@CharField.register_lookup
class FoldedPrefix(FoldedLookup):
    lookup_name = "folded_prefix"
    pattern = "%s%"
