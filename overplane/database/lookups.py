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

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        left, parameters = self.process_lhs(compiler, connection)
        function = "overplane_upper({})" if connection.vendor == "sqlite" else 'UPPER({} COLLATE "und-x-icu")'
        right = function.format("%s") if connection.vendor == "sqlite" else 'UPPER(%s::text COLLATE "und-x-icu")'
        escape = " ESCAPE '\\'"
        collate = "" if connection.vendor == "sqlite" else ' COLLATE "C"'
        return f"{function.format(left)}{collate} LIKE {right}{collate}{escape}", [*parameters, self.rhs]


@CharField.register_lookup
class FoldedContains(FoldedLookup):
    lookup_name = "folded_contains"
    pattern = "%%s%"


@CharField.register_lookup
class FoldedPrefix(FoldedLookup):
    lookup_name = "folded_prefix"
    pattern = "%s%"
