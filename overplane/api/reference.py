"""The API reference for people, made from the OpenAPI description, so that it cannot say anything else.

Only the general prose stands in `templates/reference/topics.html`.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from overplane.api.error_codes import MEANINGS
from overplane.api.openapi import ERRORS
from overplane.api.pages import description

Schema = Mapping[str, Any]
Operation = tuple[str, str, Schema]  # path, method, description
FILTER = re.compile(r"(\w+)(?:\[(\w+)\])?")
TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\b\d[\d.eE+-]*')
WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])")
LONG_TABLE = 12
AUTHORIZATION = '-H "Authorization: Bearer sk_test_..."'
# The chapters of topics.html, for the contents.
TOPICS = {
    "top": "Introduction",
    "authentication": "Authentication",
    "errors": "Errors",
    "input": "Input",
    "pagination": "Pagination",
    "filters": "Filters and search",
    "retries": "Safe retries",
    "versions": "Versions",
    "sync": "Keeping a copy",
    "limits": "Rate limits",
}


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    with translation.override(settings.LANGUAGE_CODE):  # English, as the answers are
        return render(request, "reference/docs.html", _content())


@cache
def _content() -> dict[str, Any]:
    described = json.loads(description())
    reference = Reference(described, base_url=settings.BASE_URL)
    return {
        "base_url": settings.BASE_URL,
        "topics": TOPICS.items(),
        "chapters": reference.chapters(),
        "statuses": [(status, prose(text)) for status, text in ERRORS.items()],
        "codes": [(code, prose(meaning)) for code, meaning in MEANINGS.items()],
        "error_sample": highlighted(reference.sample(described["components"]["schemas"]["ErrorResponse"])),
    }


@dataclass(frozen=True, slots=True)
class Attribute:
    """One line of a table: an attribute of an object, a parameter or a header."""

    name: str
    type: str
    required: bool
    text: SafeString


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    attributes: list[Attribute]

    @property
    def is_long(self) -> bool:
        return len(self.attributes) > LONG_TABLE


@dataclass(frozen=True, slots=True)
class Section:
    """An object or an operation: prose and tables on the left, samples on the right."""

    anchor: str
    title: str
    text: SafeString
    tables: list[Table]
    answer_title: str
    answer: SafeString
    method: str = ""
    path: str = ""
    filters: list[tuple[str, list[str]]] | None = None
    errors: list[tuple[str, SafeString]] | None = None
    curl: str = ""


@dataclass(frozen=True, slots=True)
class Chapter:
    anchor: str
    title: str
    text: SafeString
    sections: list[Section]


def prose(text: str) -> SafeString:
    """Escaped text; what stands between backticks becomes code."""
    parts = text.split("`")
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", p) if i % 2 else p,) for i, p in enumerate(parts))
    )


def highlighted(value: Any) -> SafeString:
    """A value as JSON with its names, texts and other values marked."""
    text, out, position = json.dumps(value, indent=2, ensure_ascii=False), [], 0
    for match in TOKEN.finditer(text):
        kind = "name" if match[2] else "text" if match[1] else "value"
        out += [conditional_escape(text[position : match.start()]), format_html('<b class="{}">{}</b>', kind, match[0])]
        position = match.end()
    return mark_safe("".join([*out, conditional_escape(text[position:])]))  # noqa: S308 (each part is escaped above)


class Reference:
    """Reads one description. `base_url`: what the samples call."""

    def __init__(self, description: Mapping[str, Any], *, base_url: str) -> None:
        self.description, self.base_url = description, base_url

    def chapters(self) -> list[Chapter]:
        """A chapter for each tag, in the description's order: its object first, then the operations on it."""
        by_tag: dict[str, list[Operation]] = {tag["name"]: [] for tag in self.description["tags"]}
        for path, methods in self.description["paths"].items():
            for method, operation in methods.items():
                by_tag[operation["tags"][0]].append((path, method, self._with_parts(operation)))
        texts = {tag["name"]: prose(tag["description"]) for tag in self.description["tags"]}
        return [
            Chapter(_anchor(tag), tag, texts[tag], [*self._objects(found), *(self._operation(*one) for one in found)])
            for tag, found in by_tag.items()
        ]

    def _with_parts(self, operation: Schema) -> Schema:
        """The operation with the parameters and answers that it shares with others in their places."""
        return {
            **operation,
            "parameters": [self._referred(parameter) for parameter in operation.get("parameters", [])],
            "responses": {status: self._referred(answer) for status, answer in operation["responses"].items()},
        }

    def _referred(self, part: Schema) -> Schema:
        if "$ref" not in part:
            return part
        _, _, kind, name = part["$ref"].split("/")
        return self.description["components"][kind][name]

    def _objects(self, operations: Iterable[Operation]) -> Iterable[Section]:
        """What the lists of a chapter are lists of."""
        seen: set[str] = set()
        for _, _, operation in operations:
            page = self._resolved(_answer(operation)[1])
            name = page.get("properties", {}).get("data", {}).get("items", {}).get("$ref", "").rpartition("/")[2]
            if name and name not in seen:
                seen.add(name)
                title = WORD_START.sub(" ", name)
                schema = self._resolved(self.description["components"]["schemas"][name])
                table = Table("Attributes", self._attributes(schema, tell_required=False))
                text, shown = prose(schema.get("description", "")), highlighted(self.sample(schema))
                yield Section(f"object-{name}", f"The {title} object", text, [table], answer_title=title, answer=shown)

    def _operation(self, path: str, method: str, operation: Schema) -> Section:
        status, schema = _answer(operation)
        parameters = operation["parameters"]
        filtered = {m[1] for p in parameters if (m := FILTER.fullmatch(p["name"])) and m[2]}
        filters = [p for p in parameters if (m := FILTER.fullmatch(p["name"])) and m[1] in filtered]
        plain = [p for p in parameters if p not in filters]
        tables = [
            Table(title, [self._parameter(p) for p in plain if p["in"] == place])
            for place, title in (("path", "Path"), ("query", "Query parameters"), ("header", "Headers"))
        ]
        if body := _body(operation):
            tables.append(Table("Body", self._attributes(self._resolved(body), tell_required=True)))
        return Section(
            anchor=operation["operationId"],
            title=operation["summary"],
            text=prose(operation["description"]),
            tables=[table for table in tables if table.attributes],
            method=method.upper(),
            path=path,
            filters=_by_field(filters),
            errors=[
                (code, prose(answer["description"])) for code, answer in operation["responses"].items() if code >= "3"
            ],
            curl=self.curl(path, method, operation),
            answer_title=f"{status} {HTTPStatus(int(status)).phrase}",
            answer=self._shown(schema),
        )

    def _shown(self, schema: Schema) -> SafeString:
        sample = self.sample(schema)
        # Lines of JSON are shown as they come.
        return conditional_escape(sample) if isinstance(sample, str) else highlighted(sample)

    def curl(self, path: str, method: str, operation: Schema) -> str:
        """The call in its shortest form: what is required, and a body to begin with."""
        query = []
        for parameter in operation["parameters"]:
            examples = parameter["schema"].get("examples")
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", examples[0])
            elif examples and parameter["in"] == "query":
                query.append(f"{parameter['name']}={examples[0]}")
        url = self.base_url + path
        lines = [f'curl "{url}?{"&".join(query)}"' if query else f"curl {url}", AUTHORIZATION]
        if method != "get":
            lines[-1] += f" -X {method.upper()}"
        if body := _body(operation):
            text = json.dumps(self.body_sample(self._resolved(body)), separators=(",", ":"), ensure_ascii=False)
            lines += ['-H "Content-Type: application/json"', f"-d '{text}'"]
        return " \\\n  ".join(lines)

    def body_sample(self, schema: Schema) -> Any:
        """What is required; of an update, where nothing is, the first two attributes."""
        if "examples" in schema:
            return schema["examples"][0]
        known = schema["properties"]
        names = schema.get("required") or list(known)[:2]
        return {name: self.sample(known[name], name) for name in names}

    def sample(self, schema: Schema, name: str = "") -> Any:
        """A value that the schema allows: its example, or one made up from its type and name."""
        schema = self._resolved(schema)
        if "examples" in schema:
            return schema["examples"][0]
        if "const" in schema or "enum" in schema:
            return schema["const"] if "const" in schema else schema["enum"][0]
        kind = _kinds(schema)[0] if _kinds(schema) else "string"
        if kind == "object":
            return {key: self.sample(value, key) for key, value in schema.get("properties", {}).items()}
        if kind == "array":
            return [self.sample(schema["items"], name)]
        return {"boolean": False, "integer": schema.get("minimum", 1), "number": 0}.get(kind, f"{name}_example")

    def _attributes(self, schema: Schema, *, tell_required: bool) -> list[Attribute]:
        required = schema.get("required", []) if tell_required else []
        return [self._attribute(name, one, name in required) for name, one in schema["properties"].items()]

    def _parameter(self, parameter: Schema) -> Attribute:
        # The address cannot be without its parts: nothing to tell.
        required = parameter.get("required", False) and parameter["in"] != "path"
        schema = {"description": parameter["description"]} | parameter["schema"]
        return self._attribute(parameter["name"], schema, required)

    def _attribute(self, name: str, schema: Schema, required: bool) -> Attribute:
        resolved = self._resolved(schema)
        text = " ".join(filter(None, [resolved.get("description", ""), *_facts(resolved)]))
        return Attribute(name, self._type(resolved), required, prose(text))

    def _type(self, schema: Schema) -> str:
        kinds = _kinds(schema)
        if schema.get("format") == "date-time":
            kinds[0] = "timestamp"
        if "array" in kinds:
            kinds[kinds.index("array")] = f"list of {self._type(self._resolved(schema['items'])) or 'value'}s"
        return " or ".join(kinds)

    def _resolved(self, schema: Schema) -> Schema:
        """The schema itself: references followed, of alternatives the plainest; what stands beside them comes on top."""
        if "$ref" in schema:
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            return {**self._resolved(self._referred(schema)), **beside}
        for key in ("anyOf", "oneOf"):
            # Alternatives of an object that stands here are but conditions on it.
            if key in schema and "properties" not in schema:
                beside = {name: value for name, value in schema.items() if name != key}
                plainest = min(schema[key], key=lambda one: len(one.get("$ref", "")))  # has the shortest name
                return {**self._resolved(plainest), **beside}
        return schema


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _kinds(schema: Schema) -> list[str]:
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _answer(operation: Schema) -> tuple[str, Schema]:
    """The status and schema of success."""
    status = min(operation["responses"])
    (content,) = operation["responses"][status]["content"].values()
    return status, content["schema"]


def _body(operation: Schema) -> Schema | None:
    return operation["requestBody"]["content"]["application/json"]["schema"] if "requestBody" in operation else None


def _facts(schema: Schema) -> Iterable[str]:
    """The bounds of a value in words."""
    if words := [f"`{word}`" for word in schema.get("enum", []) if word]:
        yield f"One of {', '.join(words)}."
    if "maxLength" in schema:
        yield f"At most {schema['maxLength']:,} characters."
    if "maximum" in schema and _kinds(schema)[0] == "number":
        yield f"From {schema['minimum']} to {schema['maximum']}."
    if schema.get("default") is not None:
        yield f"Default `{json.dumps(schema['default']).strip(chr(34))}`."


def _by_field(parameters: Iterable[Schema]) -> list[tuple[str, list[str]]]:
    """Filters by the attribute that they compare, with their operators."""
    fields: dict[str, list[str]] = {}
    for parameter in parameters:
        match = FILTER.fullmatch(parameter["name"])
        assert match is not None
        fields.setdefault(match[1], []).append(match[2] or "=")
    return list(fields.items())
