"""What each filter does, in words: a sentence for its operator and kind of value, then what the attribute holds."""

from collections.abc import Mapping

from overplane.api.schemas import Schema
from overplane.queries.filters import ExactFilter

# The value of a filter by its kind, and what an attribute does that has it.
VALUES = {
    "string": ("text, in upper and lower case as it is written", "is exactly this"),
    "choice": ("choice", "is exactly this"),
    "boolean": ("value, `true` or `false`", "has this"),
    "number": ("number", "is exactly this"),
    "integer": ("whole number", "is exactly this"),
    "timestamp": ("second or day", "falls into this"),
    "date": ("day", "is exactly this"),
}
NUMBERS = {
    "gt": "is greater than this number",
    "gte": "is this number or greater",
    "lt": "is less than this number",
    "lte": "is this number or less",
}
COMPARED = {
    "number": NUMBERS,
    "integer": NUMBERS,
    "timestamp": {
        "gt": "is after this second, or after the end of this day",
        "gte": "is in this second or later, or on this day or later",
        "lt": "is before this second, or before this day",
        "lte": "is in this second or earlier, or on this day or earlier",
    },
    "date": {
        "gt": "is after this day",
        "gte": "is this day or a later one",
        "lt": "is before this day",
        "lte": "is this day or an earlier one",
    },
}
PARTS = {
    "contains": "has this text anywhere in it, in upper or lower case and however its accents are composed",
    "prefix": "begins with this text, in upper or lower case and however its accents are composed",
}
WHOLE_DAY = "A date without a time is that whole day in UTC."
COMMAS = "Commas stand between the values."
QUOTES = "A value with a comma in it stands in double quotes."


def filter_text(one: ExactFilter, subjects: str, properties: Mapping[str, Schema]) -> str:
    """`subjects` are what is listed; `properties` describe their attributes."""
    texts = [_sentence(one, subjects)]
    texts += [WHOLE_DAY] if one.kind == "timestamp" else []
    return " ".join([*texts, properties[one.name]["description"]])


def in_an_address(one: ExactFilter) -> str:
    """How several values are written where they are one text."""
    return f"{COMMAS} {QUOTES}" if one.kind == "string" and not one.choices else COMMAS


def _sentence(one: ExactFilter, subjects: str) -> str:
    if one.operator == "is_null":
        return f"With `true` only {subjects} whose `{one.name}` has no value, with `false` only those where it has one."
    return f"Only {subjects} whose `{one.name}` {_condition(one)}."


def _condition(one: ExactFilter) -> str:
    value, has_it = VALUES["choice" if one.choices else one.kind]
    if one.operator == "in":
        return f"has one of these values, each of them a {value}"
    if one.operator == "ne":
        return f"is anything but this {value}; those without a value are among them"
    return (PARTS | COMPARED.get(one.kind, {})).get(one.operator) or f"{has_it} {value}"
