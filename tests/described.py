"""The API's description, as tests read it."""

import json
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

from overplane.api.pages import description

DESCRIBED = json.loads(description())
SCHEMAS = DESCRIBED["components"]["schemas"]
OPERATIONS = [(f"{m} {path}", one) for path, methods in DESCRIBED["paths"].items() for m, one in methods.items()]


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        _, _, kind, name = part["$ref"].split("/")
        part = DESCRIBED["components"][kind][name]
    return part


def parts(part: Any, seen: set[str]) -> Iterator[dict[str, Any]]:
    """The schema and every one inside, references followed once."""
    if isinstance(part, list):
        for one in part:
            yield from parts(one, seen)
    elif isinstance(part, dict):
        if (name := part.get("$ref")) is not None and name not in seen:
            seen.add(name)
            yield from parts(resolved(part), seen)
        yield part
        for one in part.values():
            yield from parts(one, seen)


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": DESCRIBED["components"]})
