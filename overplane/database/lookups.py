"""Containment that knows no case and no spelling of accents (composed or decomposed), the same on both databases."""

import unicodedata
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Lookup

from overplane.database.dialect import as_postgresql

# The two capital letters that are not the capital of their own small letter.
CAPITALS = {"ẞ": "SS", "ϴ": "Θ"}
CAPITALS_TABLE = str.maketrans(CAPITALS)


def caseless(text: str | None) -> str | None:
    """What texts have in common that differ in case only: `straße`, `STRASSE` and `STRAẞE`, whatever their accents are made of.

    SQLite's own UPPER knows ASCII only; this one stands beside it on every connection.
    """
    if text is None:
        return None
    if text.isascii():
        return text.upper()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).upper()).translate(CAPITALS_TABLE)


class CaselessLookup(Lookup):
    """Where the left side, made caseless, has the right one; no character of either is a wildcard."""

    prepare_rhs = False  # the field would trim the text, but its blanks count
    comparison = "> 0"

    def as_sqlite(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        left, parameters = self.process_lhs(compiler, connection)
        return f"INSTR(overplane_caseless({left}), %s) {self.comparison}", (*parameters, caseless(self.rhs))

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        own, full, parameters = self.on_postgresql(compiler, connection)
        return f"STRPOS({own}, {full.format('%s::text')}) {self.comparison}", (*parameters, self.rhs)

    def on_postgresql(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, str, tuple[Any, ...]]:
        """The caseless left side, with its parameters, and the pattern that makes any text caseless."""
        left, parameters = self.process_lhs(compiler, connection)
        # Full mapping (ß to SS) comes with the server itself since 18, before that with ICU.
        version = as_postgresql(connection).pg_version
        collation = "pg_unicode_fast" if version >= 180000 else "und-x-icu"
        full = f'NORMALIZE(UPPER(NORMALIZE({{}}, NFD) COLLATE "{collation}"), NFC)'
        for capital, same in CAPITALS.items():
            full = f"REPLACE({full}, '{capital}', '{same}')"
        full = f'{full} COLLATE "C"'
        # Most texts are ASCII, which costs a tenth.
        is_ascii = f"OCTET_LENGTH({left}) = CHAR_LENGTH({left})"
        own = f'CASE WHEN {is_ascii} THEN UPPER({left} COLLATE "C") ELSE {full.format(left)} END'
        return own, full, (*parameters,) * 4


@CharField.register_lookup
class CaselessContains(CaselessLookup):
    lookup_name = "caseless_contains"


@CharField.register_lookup
class CaselessPrefix(CaselessLookup):
    lookup_name = "caseless_prefix"
    comparison = "= 1"


@CharField.register_lookup
class CaselessIn(CaselessLookup):
    """Where the left side is one of several texts, whatever the case of either."""

    lookup_name = "caseless_in"

    def as_sqlite(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        left, parameters = self.process_lhs(compiler, connection)
        marks = ", ".join(["%s"] * len(self.rhs))
        return f"overplane_caseless({left}) IN ({marks})", (*parameters, *map(caseless, self.rhs))

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        own, full, parameters = self.on_postgresql(compiler, connection)
        marks = ", ".join([full.format("%s::text")] * len(self.rhs))
        return f"{own} IN ({marks})", (*parameters, *self.rhs)
