"""How a value becomes a model attribute: from JSON, where types are strict, and from text, as files carry it.

Everything is read off the model's fields, once. A parser returns the value to store or raises
one coded `ValidationError`; rules (what no field can say) come after it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _

from overplane.database.fields import DateField, MomentField, NumberField, StringField
from overplane.database.ranges import Number, bounds
from overplane.database.text import is_blank
from overplane.database.validators import check_characters
from overplane.problems import MOST_REPORTED, Code, Errors, invalid, unknown

Parser = Callable[[Any], Any]
TRUE_WORDS = frozenset({"true", "1", "yes", "y", "x", "ja", "j", "wahr", "t", "on"})
FALSE_WORDS = frozenset({"false", "0", "no", "n", "nein", "falsch", "f", "off", "-"})
INTEGER = re.compile(r"[-+]?[0-9]+")
LONGEST_INTEGER = 40  # digits; no column holds as many, and Python takes long to read very many
BEYOND = 10**LONGEST_INTEGER
JSON_NAMES = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}


@dataclass(frozen=True, slots=True)
class Attribute:
    """One field of a model as the doors see it. `kind` is string, boolean, number, integer, timestamp or date."""

    name: str
    kind: str
    default: Any
    required: bool
    from_json: Parser
    from_text: Parser
    max_length: int | None = None
    lowest: Number | None = None
    highest: Number | None = None


def json_type(value: Any) -> str:
    return JSON_NAMES.get(type(value), "a number")


def _wrong_type(expected: str, value: Any) -> ValidationError:
    return invalid(Code.PARAMETER_INVALID_TYPE, f"Must be {expected}, not {json_type(value)}.")


def _string(field: StringField, default: Any) -> tuple[Parser, Parser]:
    limit = field.max_length

    def from_text(value: str) -> str | None:
        check_characters(value)
        value = value.strip()
        if not value:
            return default
        if len(value) > limit:
            field.run_validators(value)
        return value

    def from_json(value: Any) -> str | None:
        if value is None:
            return default
        if type(value) is not str:
            raise _wrong_type("a string", value)
        return from_text(value)

    return from_json, from_text


def _boolean(field: models.Field, default: bool) -> tuple[Parser, Parser]:
    def from_json(value: Any) -> bool:
        if value is None:
            return default
        if type(value) is not bool:
            raise _wrong_type("true or false", value)
        return value

    def from_text(value: str) -> bool:
        word = value.strip().lower()
        if word in TRUE_WORDS:
            return True
        if word in FALSE_WORDS:
            return False
        if not word:
            return default
        raise invalid(Code.PARAMETER_INVALID_TYPE, _("Must be yes or no (also true/false, 1/0, x, ja/nein)."))

    return from_json, from_text


def _number(field: NumberField, default: Any) -> tuple[Parser, Parser]:
    def from_json(value: Any) -> Decimal | None:
        if value is None:
            return default
        if type(value) is int or type(value) is Decimal:
            return judged(Decimal(value))
        raise _wrong_type("a number", value)

    def judged(value: Decimal | str) -> Decimal | None:
        number = field.to_python(value)
        field.run_validators(number)
        return number

    def from_text(value: str) -> Decimal | None:
        return judged(value.strip())

    return from_json, from_text


def _integer(field: models.IntegerField, default: Any) -> tuple[Parser, Parser]:
    def judged(value: int) -> int:
        field.run_validators(value)
        return value

    def from_json(value: Any) -> int | None:
        if value is None:
            return default
        whole = _whole(value) if type(value) is Decimal else value
        if type(whole) is not int:
            raise _wrong_type("an integer", value)
        return judged(whole)

    def from_text(value: str) -> int | None:
        value = value.strip()
        if not value:
            return default
        if not INTEGER.fullmatch(value):
            raise invalid(Code.PARAMETER_INVALID_TYPE, _("Must be a whole number."))
        digits = value.lstrip("+-").lstrip("0")
        number = int(digits or 0) if len(digits) <= LONGEST_INTEGER else BEYOND
        return judged(-number if value[0] == "-" else number)

    return from_json, from_text


def _written(field: DateField | MomentField, default: Any) -> tuple[Parser, Parser]:
    expected = "a date as a string" if isinstance(field, DateField) else "a timestamp as a string"

    def from_json(value: Any) -> Any:
        if value is None:
            return default
        if type(value) is not str:
            raise _wrong_type(expected, value)
        return field.to_python(value)

    return from_json, field.to_python


def _whole(number: Decimal) -> int | None:
    """5.0 is a whole number, too. A number that no column can hold is not computed."""
    if number and number.adjusted() >= LONGEST_INTEGER:
        return BEYOND if number > 0 else -BEYOND
    whole = number.to_integral_value()
    return int(whole) if whole == number else None


def _or_refused(parse: Parser) -> Parser:
    """For a column that holds no null and has no default."""

    def parsed(value: Any) -> Any:
        result = parse(value)
        if result is None or (isinstance(result, str) and is_blank(result)):
            raise invalid(Code.PARAMETER_INVALID_EMPTY, _("Must not be empty."))
        return result

    return parsed


KINDS: list[tuple[type[models.Field], str, Callable[[Any, Any], tuple[Parser, Parser]]]] = [
    (StringField, "string", _string),
    (models.BooleanField, "boolean", _boolean),
    (NumberField, "number", _number),
    (models.IntegerField, "integer", _integer),
    (MomentField, "timestamp", _written),
    (DateField, "date", _written),
]


def attribute(field: models.Field) -> Attribute:
    default = field.to_python(field.get_default()) if field.has_default() else None
    for field_class, kind, parsers in KINDS:
        if isinstance(field, field_class):
            from_json, from_text = parsers(field, default)
            required = not (field.blank or field.has_default())
            if required and not field.null:
                from_json, from_text = _or_refused(from_json), _or_refused(from_text)
            limits = bounds(field) if kind in ("number", "integer") else (None, None)
            return Attribute(field.name, kind, default, required, from_json, from_text, field.max_length, *limits)
    raise TypeError(
        f"{field}: an attribute is a StringField, a BooleanField, a NumberField, a DateField or MomentField of ours or one of"
        f" Django's integer fields, not a {type(field).__name__}. Another kind needs a parser in overplane.database.attributes."
    )


def logged(known: Mapping[str, Attribute], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of attributes as they were stored, from the JSON of the log. No rule judges them: it may be younger."""
    return {name: _logged(known[name], value) for name, value in values.items() if name in known}


def _logged(attribute: Attribute, value: Any) -> Any:
    return attribute.from_json(value) if attribute.kind in ("date", "timestamp") and value is not None else value


@cache
def attributes(model: type[models.Model]) -> dict[str, Attribute]:
    """The model's writable attributes by name, in the order of its fields."""
    fields = model._meta.concrete_fields
    return {f.name: attribute(f) for f in fields if f.editable and not f.primary_key and not f.is_relation}


def parse_json(
    known: Mapping[str, Attribute], payload: Mapping[str, Any], *, ignored: frozenset[str] = frozenset()
) -> tuple[dict[str, Any], Errors]:
    """The values that could be read, and what was wrong with the others, by name."""
    values: dict[str, Any] = {}
    errors: Errors = {}
    unknown_count = 0
    for name, value in payload.items():
        try:
            values[name] = known[name].from_json(value)
        except KeyError:
            unknown_count += name not in ignored
            if name not in ignored and unknown_count <= MOST_REPORTED:
                errors[name] = [unknown(name, known)]
        except ValidationError as error:
            errors[name] = [error]
    return values, errors
