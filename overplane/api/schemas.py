"""JSON Schemas of what is sent and shown, taken off the models; those that have a name are in `COMPONENTS`."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import models

from overplane.api.error_codes import MEANINGS, TYPES
from overplane.database.attributes import Attribute, attributes
from overplane.database.encoding import dumps, number
from overplane.database.fields import NumberField, field_of

Schema = dict[str, Any]
COMPONENTS: dict[str, Schema] = {}
# What no text may hold (see overplane.database.text), inside of a class of characters. Half a surrogate pair cannot even be
# written in a schema, and what is beyond the first plane is two halves for some who read patterns.
FORBIDDEN = r"\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F\uFDD0-\uFDEF\uFFFE\uFFFF"
STORABLE = f"^[^{FORBIDDEN}]*$"
TEXT: Schema = {"type": "string"}
VISIBLE_TEXT: Schema = TEXT | {"pattern": f"^[^{FORBIDDEN}]*[^\\s{FORBIDDEN}][^{FORBIDDEN}]*$"}  # not blank
MOMENT: Schema = {
    "type": "string",
    "format": "date-time",
    "description": "In UTC and whole seconds.",
    "examples": ["2024-01-15T09:30:00Z"],
}
# Attributes that JSON writes as texts of a form.
WRITTEN: dict[str, Schema] = {
    "timestamp": {"type": "string", "format": "date-time", "examples": ["2024-01-15T09:30:00Z"]},
    "date": {"type": "string", "format": "date", "examples": ["2024-01-15"]},
}
QUOTE = '"'
NEVER: Schema = {"not": {}}  # no value at all; written out, since some generators read no `false`
# What is said of a value that is sent and is also true of one that is shown.
OUTPUT_KEYS = ("enum", "minimum", "maximum", "examples")


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
    """What may be sent for an attribute.

    Its default is told in words alone: what has a `default` is taken by client generators (openapi-typescript) for
    something that is always there, so that it would have to be sent.
    """
    attribute = attributes(model)[name]
    schema: Schema = {**WRITTEN.get(attribute.kind, {"type": attribute.kind})}
    if attribute.kind == "string":
        schema |= {"maxLength": attribute.max_length, "pattern": STORABLE}
    schema |= _limits(attribute)
    schema |= rules.get(name, {})
    if not attribute.required:
        schema = _or_null(schema)
    texts = [_meaning(model, name, rules)]
    if attribute.default is not None:
        texts.append(f"`{dumps(attribute.default).decode().strip(QUOTE)}` unless given.")
    return schema | {"description": " ".join(texts)}


def _meaning(model: type[models.Model], name: str, rules: Mapping[str, Schema]) -> str:
    """What the attribute holds: in the words of its rule, or else its label."""
    field = field_of(model, name)
    label = str(field.verbose_name)
    text = rules.get(name, {}).get("description") or f"{label[:1].upper()}{label[1:]}."
    if isinstance(field, NumberField):
        text += f" Exact, with at most {field.decimal_places} decimals."
    return text


def _limits(attribute: Attribute) -> Schema:
    """From where to where a number may be."""
    limits = {"minimum": attribute.lowest, "maximum": attribute.highest}
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
    properties |= {
        name: {
            "description": "Accepted and ignored, so that what was read can be sent back whole.",
            "pattern": STORABLE,
        }
        for name in ignored
    }
    required = [] if partial else [name for name, one in known.items() if one.required]
    return {"type": "object", "properties": properties, "additionalProperties": False} | (
        {"required": required} if required else {}
    )


def output_schema(
    model: type[models.Model], names: Iterable[str], *, rules: Mapping[str, Schema], **more: Any
) -> Schema:
    """What an answer shows: every attribute, every time, unless `more` names those that are `required`."""
    return closed_object({name: _output_attribute(model, name, rules) for name in names}, **more)


def _output_attribute(model: type[models.Model], name: str, rules: Mapping[str, Schema]) -> Schema:
    if name not in attributes(model):
        is_moment = isinstance(model._meta.get_field(name), models.DateTimeField)
        return (MOMENT if is_moment else TEXT) | rules.get(name, {})
    attribute = attributes(model)[name]
    schema = WRITTEN.get(attribute.kind, {"type": attribute.kind})
    kind = schema["type"] if attribute.required or attribute.default is not None else [schema["type"], "null"]
    output = {key: value for key, value in rules.get(name, {}).items() if key in OUTPUT_KEYS}
    if "enum" in output and isinstance(
        kind, list
    ):  # as in what is sent: no generator understands an enum with null in it
        alternatives = {"anyOf": [{"type": kind[0], "enum": output.pop("enum")}, {"type": "null"}]}
        return alternatives | {"description": _meaning(model, name, rules), **output}
    return schema | {"type": kind, "description": _meaning(model, name, rules), **_limits(attribute), **output}


def example_of(schema: Schema, name: str) -> Any:
    """The schema's own example, or a value made of its type and name."""
    if "anyOf" in schema:  # a choice or nothing
        return example_of(schema["anyOf"][0], name)
    if "examples" in schema or "enum" in schema:
        return (schema.get("examples") or schema["enum"])[0]
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    return {"boolean": False, "integer": schema.get("minimum", 1), "number": 0}.get(kind, f"{name}_example")


def page_schema(name: str, description: str) -> Schema:
    return closed_object(
        {
            "data": {"type": "array", "items": ref(name), "description": "The objects of this page, in order."},
            "has_more": {
                "type": "boolean",
                "description": "There are objects after this page (with `ending_before`: before it).",
            },
            "total": {
                "type": "integer",
                "minimum": 0,
                "description": "How many objects the whole list has, exactly, whatever the page.",
            },
        },
        description=description,
    )


def deleted_schema(description: str, **names: Schema) -> Schema:
    """What is answered of a deleted object: how it is named.

    No `const`: openapi-generator's Python client compares the JSON true with the text "true" and raises, after the
    deletion is done.
    """
    deleted = {"type": "boolean", "description": "Always `true`: it is deleted.", "examples": [True]}
    return closed_object(names | {"deleted": deleted}, description=description)


def one_of_two(name: str, other: str) -> Schema:
    """At least one of two properties is there: they are not both impossible.

    Client generators would take `anyOf` for a union of types, and linters ask for the properties where `required` is.
    """
    return {"not": {"properties": {name: NEVER, other: NEVER}}}


def tagged_union(tag: str, parts: Mapping[str, str], **more: Any) -> Schema:
    """One of several objects: the value of the property `tag` says which, so that nobody has to guess."""
    refs = {value: ref(name) for value, name in parts.items()}
    mapping = {value: one["$ref"] for value, one in refs.items()}
    return {"oneOf": list(refs.values()), "discriminator": {"propertyName": tag, "mapping": mapping}, **more}


PARAM: Schema = {
    "type": ["string", "null"],
    "description": "A path: `limit`, `created_at[gte]`, `ordered_ids[2]`, `operations[3].data`.",
    "examples": ["limt"],
}
MESSAGE: Schema = TEXT | {
    "description": "For people: what is wrong, and what to do.",
    "examples": ['There is no parameter "limt" here. Did you mean "limit"?'],
}
COMPONENTS |= {
    "ErrorCode": {
        "type": "string",
        "enum": [str(code) for code in MEANINGS],
        "description": "\n".join(f"- `{code}`: {meaning}" for code, meaning in MEANINGS.items()),
        "examples": ["parameter_unknown"],
    },
    "Problem": closed_object(
        {"code": ref("ErrorCode"), "param": PARAM, "message": MESSAGE}, description="One thing that is wrong."
    ),
    "ErrorDetails": closed_object(
        {
            "type": {"type": "string", "enum": list(TYPES), "description": "The kind of error, coarser than `code`."},
            "code": ref("ErrorCode"),
            "message": MESSAGE,
            "param": PARAM,
            "doc_url": TEXT
            | {
                "description": "Where the reference explains the code.",
                "examples": [f"{settings.BASE_URL}/docs#error-parameter_unknown"],
            },
            "request_id": {
                "type": ["string", "null"],
                "description": "Names the request in our logs: quote it when you ask for help.",
                "examples": ["req_abc123"],
            },
            "status": TEXT | {"description": "The state that the object is in, if it is the wrong one."},
            "merged_into": TEXT
            | {
                "description": "With `resource_merged` only: the object that the one asked for is part of now.",
                "examples": ["object_abc123"],
            },
            "errors": {
                "type": "array",
                "items": ref("Problem"),
                "minItems": 1,
                "description": "All problems; the first one stands on top.",
            },
        },
        required=["type", "code", "message", "param", "doc_url", "request_id", "errors"],
        description="What is wrong, as far as it was found.",
    ),
    "ErrorResponse": closed_object({"error": ref("ErrorDetails")}, description="The body of every answer from 400 on."),
}
