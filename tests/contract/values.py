"""Values for the line items of any kind, made from what its attributes are: a new kind needs none of its own."""

from decimal import Decimal
from typing import Any

from crm import rules
from crm.line_items import LineItem
from overplane.database.attributes import Attribute


def values_of(kind: LineItem, n: int) -> dict[str, Any]:
    """As JSON; other ones for each `n`, where the attribute has so many."""
    return {name: _value(kind, known, n) for name, known in kind.attributes.items()}


def texts_of(kind: LineItem, n: int) -> dict[str, str]:
    """The same as people type them."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in values_of(kind, n).items()
    }


def _value(kind: LineItem, known: Attribute, n: int) -> Any:
    if choices := rules.LINE_ITEM_CHOICES.get(kind.name, {}).get(known.name):
        return choices[n % len(choices)]
    if known.kind == "string":
        return f"{known.name.replace('_', ' ')} {n}"
    if known.kind == "boolean":
        return n % 2 == 1
    if known.kind == "integer":
        return max(int(known.lowest or 0), 0) + n
    if known.kind == "number":
        return float(Decimal(max(int(known.lowest or 0), 0) + n) + Decimal("0.25"))
    if known.kind == "date":
        return f"2024-01-{1 + n % 28:02}"
    if known.kind == "timestamp":
        return f"2024-01-{1 + n % 28:02}T09:30:00Z"
    raise TypeError(f"{known.name}: what is a {known.kind}? Say it here.")


def of(kind: LineItem, representation: dict[str, Any]) -> dict[str, Any]:
    """What a line item that is shown holds, beside its identity and position."""
    return {name: representation[name] for name in kind.names}
