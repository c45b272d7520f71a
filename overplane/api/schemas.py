"""JSON Schemas of what is sent and shown, taken off the models; those that have a name are in `COMPONENTS`."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.db import models

from overplane.api.error_codes import MEANINGS, TYPES
from overplane.database.attributes import Attribute, attributes
from overplane.database.encoding import number

Schema = dict[str, Any]
COMPONENTS: dict[str, Schema] = {}
# What no text may hold (see overplane.database.text), inside of a class of characters. Half a surrogate pair cannot even be
# written in a schema, and what is beyond the first plane is two halves for some who read patterns.
FORBIDDEN = r"\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F\uFDD0-\uFDEF\uFFFE\uFFFF"
STORABLE = f"^[^{FORBIDDEN}]*$"
TEXT: Schema = {"type": "string"}
MOMENT: Schema = {
    "type": "string",
    "format": "date-time",
    "description": "UTC, whole seconds.",
    "examples": ["2024-01-15T09:30:00Z"],
}
# What is said of a value that is sent and is also true of one that is shown.
SHOWN = ("enum", "minimum", "maximum", "examples")


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def closed_object(properties: Mapping[str, Schema], **more: Any) -> Schema:
    """An object with these attributes, all of them, and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    } | more


def attribute_schema(model: type[models.Model], name: str, *, rules: Mapping[str, Schema]) -> Schema:
    """What may be sent for an attribute."""
    field, known = model._meta.get_field(name), attributes(model)[name]
    schema: Schema = {"type": known.kind}
    if known.kind == "string":
        schema |= {"maxLength": field.max_length, "pattern": STORABLE}
    if known.kind == "number":
        schema["description"] = f"Exact, with at most {field.decimal_places} decimals."
    schema |= _limits(known)
    schema |= rules.get(name, {})
    if not known.required:
        schema = _or_null(schema) | {"default": known.default}
    title, help_text = str(field.verbose_name), str(field.help_text)
    words = [f"{title[:1].upper()}{title[1:]}.", schema.pop("description", ""), help_text]
    return schema | {"description": " ".join(filter(None, words))}


def _limits(known: Attribute) -> Schema:
    """From where to where a number may be."""
    limits = {"minimum": known.lowest, "maximum": known.highest}
    return {word: number(Decimal(limit)) for word, limit in limits.items() if limit is not None}


def _or_null(schema: Schema) -> Schema:
    """What may also be reset to its default: by null, or by an empty text."""
    if "enum" not in schema:
        return schema | {"type": [schema["type"], "null"]}
    # Two alternatives, since client generators make nonsense of an enum that has null in it.
    words = {"type": schema["type"], "enum": [*schema["enum"], ""]}
    return {"anyOf": [words, {"type": "null"}]}


def input_schema(
    model: type[models.Model], *, rules: Mapping[str, Schema], partial: bool, ignored: Iterable[str]
) -> Schema:
    known = attributes(model)
    properties = {name: attribute_schema(model, name, rules=rules) for name in known}
    if partial:
        for schema in properties.values():
            schema.pop("default", None)
    properties |= {name: {"description": "Accepted and ignored."} for name in ignored}
    required = [] if partial else [name for name, one in known.items() if one.required]
    return {"type": "object", "properties": properties, "additionalProperties": False} | (
        {"required": required} if required else {}
    )


def output_schema(
    model: type[models.Model], names: Iterable[str], *, rules: Mapping[str, Schema], **more: Any
) -> Schema:
    """What an answer shows: every attribute, every time."""
    return closed_object({name: _shown_schema(model, name, rules) for name in names}, **more)


def _shown_schema(model: type[models.Model], name: str, rules: Mapping[str, Schema]) -> Schema:
    if isinstance(model._meta.get_field(name), models.DateTimeField):
        return dict(MOMENT)
    if name not in attributes(model):
        return TEXT | rules.get(name, {})
    known = attributes(model)[name]
    kind = known.kind if known.required or known.default is not None else [known.kind, "null"]
    described = attribute_schema(model, name, rules=rules)["description"]
    shown = {key: value for key, value in rules.get(name, {}).items() if key in SHOWN}
    return {"type": kind, "description": described, **_limits(known), **shown}


def page_schema(name: str) -> Schema:
    return closed_object(
        {
            "data": {"type": "array", "items": ref(name)},
            "has_more": {"type": "boolean", "description": "There are objects after this page."},
            "total": {"type": "integer", "description": "How many there are in all, exactly."},
        }
    )


def deleted_schema(example: str) -> Schema:
    return closed_object({"id": TEXT | {"examples": [example]}, "deleted": {"type": "boolean", "const": True}})


PARAM: Schema = {
    "type": ["string", "null"],
    "description": "A path: `limit`, `created_at[gte]`, `ordered_ids[2]`, `operations[3].data`.",
    "examples": ["limt"],
}
MESSAGE: Schema = TEXT | {"examples": ['There is no parameter "limt" here. Did you mean "limit"?']}
COMPONENTS |= {
    "ErrorCode": {
        "type": "string",
        "enum": [str(code) for code in MEANINGS],
        "description": "\n".join(f"- `{code}`: {meaning}" for code, meaning in MEANINGS.items()),
        "examples": ["parameter_unknown"],
    },
    "Problem": closed_object({"code": ref("ErrorCode"), "param": PARAM, "message": MESSAGE}),
    "ErrorDetails": closed_object(
        {
            "type": {"type": "string", "enum": list(TYPES)},
            "code": ref("ErrorCode"),
            "message": MESSAGE,
            "param": PARAM,
            "doc_url": TEXT | {"examples": ["https://api.overplane.dev/docs#error-parameter_unknown"]},
            "request_id": {"type": ["string", "null"], "examples": ["req_abc123"]},
            "errors": {
                "type": "array",
                "items": ref("Problem"),
                "minItems": 1,
                "description": "All problems; the first one stands on top.",
            },
        }
    ),
    "Error": closed_object({"error": ref("ErrorDetails")}),
}
