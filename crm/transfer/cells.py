"""How a value stands in a cell of CSV and XLSX: in Python, and as an SQL expression by which PostgreSQL makes the same text."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import models

from overplane.files.spreadsheets import FORMULA_SIGNS, escape_formula

TO_BE_QUOTED = re.compile('[",\n\r]')
FORMULA_SIGN_CODES = ", ".join(str(ord(sign)) for sign in FORMULA_SIGNS)


def cell(value: Any) -> str:
    if value is None:
        return ""
    if type(value) is str:
        return escape_formula(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return moment(value)
    return value.isoformat() if isinstance(value, date) else _number(value)


def moment(value: datetime) -> str:
    return f"{value:%Y-%m-%dT%H:%M:%S.%f}Z".rjust(27, "0")


def _number(value: Decimal) -> str:
    return format(value.normalize(), "f") if value else "0"


def expression(table: str, field: models.Field) -> str:
    """The SQL of one cell, the same as `cell` makes; null where that is blank."""
    name = f'{table}."{field.column}"'
    if isinstance(field, models.DateTimeField):
        return f"""to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    if isinstance(field, models.DateField):
        return f"to_char({name}, 'YYYY-MM-DD')"
    if isinstance(field, models.DecimalField):
        return f"trim_scale({name})::text"
    if isinstance(field, models.BooleanField | models.IntegerField):
        return f"{name}::text"
    # All of these signs sort before A: nearly every text is settled by the first comparison.
    return f"CASE WHEN {name} < 'A' AND ascii({name}) IN ({FORMULA_SIGN_CODES}) THEN '''' || {name} ELSE {name} END"


def line(cells: Sequence[str]) -> str:
    """As PostgreSQL writes CSV: quotes only where there must be any."""
    if len(cells) == 1 and cells[0] in ("", "\\."):  # which alone would be no line at all, or the end of the data
        return f'"{cells[0]}"\n'
    return ",".join([_quoted(one) if TO_BE_QUOTED.search(one) else one for one in cells]) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
