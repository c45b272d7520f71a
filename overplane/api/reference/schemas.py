"""Reading the description's schemas: what a value is, holds, and looks like."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

Schema = Mapping[str, Any]
WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])")
LONG_TABLE = 12  # rows; a longer table of attributes is folded
MOST_NAMED = 3  # so many values name an alternative; more do not make a title
REF = "$ref"


@dataclass(frozen=True, slots=True)
class AttributeTable:
    """Attributes of one object, parameters or headers. `link`: the section that shows them instead. `kind`: of each line."""

    title: str
    attributes: "list[Attribute]" = field(default_factory=list)
    link: str = ""
    kind: str = "Attribute"

    @property
    def is_long(self) -> bool:
        return len(self.attributes) > LONG_TABLE

    @property
    def required(self) -> "list[Attribute]":
        return [one for one in self.attributes if one.required]

    @property
    def optional(self) -> "list[Attribute]":
        return [one for one in self.attributes if not one.required]


@dataclass(frozen=True, slots=True)
class Attribute:
    """One line of a table. `inside`: the objects that it is or holds, one table for each alternative."""

    anchor: str
    name: str
    type: str
    required: bool
    text: SafeString
    inside: list[AttributeTable] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Trail:
    """The way down to a value: the names of the objects that it is part of. For input it also shows what is required."""

    above: frozenset[str] = frozenset()
    is_input: bool = False

    def under(self, name: str) -> "Trail":
        return replace(self, above=self.above | {name})


OUTPUT, INPUT = Trail(), Trail(is_input=True)


def prose(text: str) -> SafeString:
    """Escaped text; what stands between backticks becomes code."""
    parts = text.split("`")
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", p) if i % 2 else p,) for i, p in enumerate(parts))
    )


def untitled(tables: list[AttributeTable]) -> list[AttributeTable]:
    """One table alone needs no title, unless that is all it has."""
    return [replace(one, title="") for one in tables] if len(tables) == 1 and tables[0].attributes else tables


def words_of(name: str) -> str:
    return WORD_START.sub(" ", name)


def ref_name(schema: Schema) -> str:
    return schema.get(REF, "").rpartition("/")[2]


def kinds_of(schema: Schema) -> list[str]:
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


class Schemas:
    """`sections`: the objects that have a section of their own, by name, with its anchor."""

    def __init__(self, description: Schema, sections: Mapping[str, str] | None = None) -> None:
        self.description, self.sections = description, sections or {}

    def referred(self, part: Schema) -> Schema:
        if REF not in part:
            return part
        _, _, kind, name = part[REF].split("/")
        return self.description["components"][kind][name]

    def resolved(self, schema: Schema) -> Schema:
        """The schema itself: references are followed, the simplest alternative is taken, and keys beside them are added."""
        schema = self._followed(schema)
        if alternatives := self.alternatives(schema):
            plainest = min(alternatives, key=lambda one: len(one.get(REF, "")))  # has the shortest name
            beside = {name: value for name, value in schema.items() if name not in ("anyOf", "oneOf", "discriminator")}
            return {**self.resolved(plainest), **beside}
        return schema

    def _followed(self, schema: Schema) -> Schema:
        """References and `allOf` put in place; alternatives stay."""
        if REF in schema:
            beside = {key: value for key, value in schema.items() if key != REF}
            return {**self._followed(self.referred(schema)), **beside}
        if "allOf" in schema:
            parts = [*map(self._followed, schema["allOf"]), {k: v for k, v in schema.items() if k != "allOf"}]
            merged = {key: value for part in parts for key, value in part.items()}
            merged["properties"] = {name: one for part in parts for name, one in part.get("properties", {}).items()}
            return merged | {"required": [name for part in parts for name in part.get("required", [])]}
        return schema

    @staticmethod
    def alternatives(schema: Schema) -> Sequence[Schema]:
        # Alternatives of an object that stands here are only conditions on it.
        return [] if "properties" in schema else schema.get("oneOf") or schema.get("anyOf") or []

    def sample(self, schema: Schema, name: str = "") -> Any:
        """A value that the schema allows: its example, or one made up from its type and name."""
        schema = self.resolved(schema)
        if "examples" in schema:
            return schema["examples"][0]
        if "const" in schema or "enum" in schema:
            return schema["const"] if "const" in schema else schema["enum"][0]
        kind = next(iter(kinds_of(schema)), "string")
        if kind == "object":
            return {key: self.sample(value, key) for key, value in schema.get("properties", {}).items()}
        if kind == "array":
            return [self.sample(schema["items"], name)]
        return {"boolean": False, "integer": schema.get("minimum", 1), "number": 0}.get(kind, f"{name}_example")

    def body_sample(self, schema: Schema) -> Any:
        """What is required; of an update, where nothing is, the first two attributes."""
        schema = self.resolved(schema)
        if "examples" in schema:
            return schema["examples"][0]
        properties = schema["properties"]
        names = schema.get("required") or list(properties)[:2]
        return {name: self.sample(properties[name], name) for name in names}

    def attribute(self, name: str, schema: Schema, anchor: str, trail: Trail = OUTPUT, *, required: bool) -> Attribute:
        resolved = self.resolved(schema)
        text = " ".join(filter(None, [resolved.get("description", ""), *facts(resolved)]))
        anchor = f"{anchor}.{re.sub(r'[^0-9A-Za-z_-]', '', name)}"
        inside = untitled(self.inside(schema, anchor, trail))
        return Attribute(anchor, name, self.type(resolved), required, prose(text), inside)

    def type(self, schema: Schema) -> str:
        kinds = kinds_of(schema)
        if "title" in schema and kinds == ["string"]:  # a text of a form that has a name
            return schema["title"]
        if schema.get("format") == "date-time":
            kinds[0] = "timestamp"
        if "array" in kinds:
            kinds[kinds.index("array")] = f"list of {self.type(self.resolved(schema.get('items', {}))) or 'value'}s"
        return " or ".join(kinds)

    def inside(self, schema: Schema, anchor: str, trail: Trail = OUTPUT) -> list[AttributeTable]:
        """The objects that a value is or holds, however deep in lists and alternatives.

        The descent ends at an object that contains the value itself, and at one that has a section of its own.
        """
        name, schema = ref_name(schema), self._followed(schema)
        is_long = len(schema.get("properties", ())) > LONG_TABLE
        if (name and name in trail.above) or (name in self.sections and trail.above and is_long):
            return [AttributeTable(words_of(name), link=self.sections.get(name, ""))]
        trail = trail.under(name)
        if "items" in schema:
            return self.inside(schema["items"], anchor, trail)
        if alternatives := self.alternatives(schema):
            return self._variants(alternatives, anchor, trail)
        if "properties" not in schema:
            return []
        return [AttributeTable(schema.get("title") or words_of(name), self._attributes(schema, anchor, trail))]

    def _attributes(self, schema: Schema, anchor: str, trail: Trail) -> list[Attribute]:
        required = schema.get("required", []) if trail.is_input else []
        return [
            self.attribute(name, one, anchor, trail, required=name in required)
            for name, one in schema["properties"].items()
        ]

    def _variants(self, alternatives: Sequence[Schema], anchor: str, trail: Trail) -> list[AttributeTable]:
        """What all of them have in common once, without a title; then each with what is its own."""
        parts = [one for one in alternatives if kinds_of(one) != ["null"]]
        objects = [self._followed(one) for one in parts]
        if len(parts) == 1 or not all("properties" in one for one in objects):
            return [table for one in parts for table in self.inside(one, anchor, trail)]
        common = _common(objects)
        tables = (
            [AttributeTable("", self._attributes({**objects[0], "properties": common}, anchor, trail))]
            if common
            else []
        )
        for part, schema in zip(parts, objects, strict=True):
            title = _title(schema, objects) or words_of(ref_name(part))
            own = {name: one for name, one in schema["properties"].items() if name not in common}
            inner = f"{anchor}.{re.sub(r'[^0-9A-Za-z_.-]+', '-', title)}"
            (table,) = self.inside({**schema, "properties": own} if common else part, inner, trail)
            tables.append(AttributeTable(title, table.attributes, table.link))
        return tables


def _common(objects: Sequence[Schema]) -> dict[str, Schema]:
    first, *others = [schema["properties"] for schema in objects]
    return {name: one for name, one in first.items() if all(other.get(name) == one for other in others)}


def _values(schema: Schema) -> list[Any]:
    return [schema["const"]] if "const" in schema else list(schema.get("enum", []))


def _title(schema: Schema, objects: Sequence[Schema]) -> str:
    """What tells this alternative from the others: its title, or the attribute whose value is another in each."""
    if "title" in schema:
        return schema["title"]
    for name, one in schema["properties"].items():
        values = [_values(other["properties"].get(name, {})) for other in objects]
        flat = [str(value) for some in values for value in some]
        if all(values) and len(flat) == len(set(flat)) and len(_values(one)) <= MOST_NAMED:
            return f"{name}: {', '.join(map(str, _values(one)))}"
    return ""


def facts(schema: Schema) -> Iterable[str]:
    """The bounds of a value in words."""
    if words := [f"`{word}`" for word in _values(schema) if word not in ("", None)]:
        yield f"One of {', '.join(words)}." if len(words) > 1 else f"Always {words[0]}."
    if "maxLength" in schema:
        yield f"At most {schema['maxLength']:,} characters."
    if "maximum" in schema and next(iter(kinds_of(schema)), "") == "number":
        yield f"From {schema['minimum']} to {schema['maximum']}."
    if schema.get("default") is not None:
        yield f"Default `{json.dumps(schema['default']).strip(chr(34))}`."
