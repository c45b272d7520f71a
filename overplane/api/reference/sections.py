"""The chapters of the reference: an object with its attributes, then the operations on it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.utils.safestring import SafeString

from overplane.api.reference.calls import JSON, Call
from overplane.api.reference.samples import Sample, of_call, output
from overplane.api.reference.schemas import (
    INPUT,
    Attribute,
    AttributeTable,
    Schema,
    Schemas,
    prose,
    ref_name,
    untitled,
    words_of,
)

Operation = tuple[str, str, Schema]  # path, method, description
FILTER = re.compile(r"(\w+)(?:\[(\w+)\])?")
CSV, FILE = "text/csv", "file.csv"  # what samples send where a file is the body
PARAMETER_TABLES = (
    # where, the table's title, what a line is
    ("path", "Path", "Path parameter"),
    ("query", "Query parameters", "Query parameter"),
    ("header", "Headers", "Header"),
)


@dataclass(frozen=True, slots=True)
class Filters:
    """All filters by one attribute. `names`: of the parameters, as they are written in an address."""

    anchor: str
    field: str
    type: str
    names: list[str]

    @property
    def operators(self) -> list[str]:
        return [name.removeprefix(self.field) or "=" for name in self.names]


@dataclass(frozen=True, slots=True)
class Section:
    """An object or an operation: prose and tables on the left, samples on the right.

    `methods` that do the same share a section; `also` are the anchors of all but the first.
    """

    anchor: str
    title: str
    text: SafeString
    tables: list[AttributeTable]
    answer_title: str
    answer_sample: SafeString
    also: list[str] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    path: str = ""
    filters: list[Filters] = field(default_factory=list)
    answer: list[AttributeTable] = field(default_factory=list)
    errors: list[tuple[str, SafeString]] = field(default_factory=list)
    call: Call | None = None

    @property
    def sample(self) -> Sample | None:
        return of_call("Request", self.call) if self.call else None


@dataclass(frozen=True, slots=True)
class Chapter:
    anchor: str
    title: str
    text: SafeString
    sections: list[Section]


class Reference:
    """Reads one description. `base_url`: what the samples call."""

    def __init__(self, description: Mapping[str, Any], *, base_url: str) -> None:
        self.description, self.base_url = description, base_url
        self.schemas = Schemas(description)
        names = [ref_name(self._listed(operation)) for _, _, operation in self._operations()]
        self.schemas.sections = {name: f"object-{name}" for name in names if name}

    def _operations(self) -> Iterable[Operation]:
        """Each with the parameters and answers that it shares with others in their places."""
        for path, methods in self.description["paths"].items():
            for method, operation in methods.items():
                parts = {
                    "parameters": [self.schemas.referred(one) for one in operation.get("parameters", [])],
                    "responses": {s: self.schemas.referred(one) for s, one in operation["responses"].items()},
                }
                yield path, method, {**operation, **parts}

    def _listed(self, operation: Schema) -> Schema:
        """What the pages of a list are made of."""
        properties = self.schemas.resolved(_answer(operation)[1]).get("properties", {})
        return properties["data"]["items"] if "has_more" in properties else {}

    def error(self) -> Schema:
        """What all answers that are not 2xx look like."""
        refused = next(one["responses"]["400"] for _, _, one in self._operations() if "400" in one["responses"])
        return refused["content"]["application/json"]["schema"]

    def chapters(self) -> list[Chapter]:
        """A chapter for each tag, in the description's order: its object first, then the operations on it."""
        by_tag: dict[str, list[list[Operation]]] = {tag["name"]: [] for tag in self.description["tags"]}
        for path, method, operation in self._operations():
            groups = by_tag[operation["tags"][0]]
            if groups and _do_the_same(groups[-1][0], (path, method, operation)):
                groups[-1].append((path, method, operation))
            else:
                groups.append([(path, method, operation)])
        return [
            Chapter(
                anchor=tag["name"].lower().replace(" ", "-"),
                title=tag["name"],
                text=prose(tag["description"]),
                sections=[*self._objects(by_tag[tag["name"]]), *map(self._operation, by_tag[tag["name"]])],
            )
            for tag in self.description["tags"]
        ]

    def _objects(self, groups: Iterable[list[Operation]]) -> Iterable[Section]:
        """What the lists of a chapter are lists of."""
        seen: set[str] = set()
        for (_, _, operation), *_ in groups:
            items = self._listed(operation)
            name = ref_name(items)
            if not name or name in seen:
                continue
            seen.add(name)
            title, anchor = words_of(name), self.schemas.sections[name]
            text = prose(self.schemas.referred(items).get("description", ""))
            first, *others = self.schemas.inside(items, anchor)
            tables = [AttributeTable("Attributes", first.attributes), *others]
            sample = output(self.schemas.sample(items))
            yield Section(anchor, f"The {title} object", text, tables, answer_title=title, answer_sample=sample)

    def _operation(self, group: list[Operation]) -> Section:
        path, method, operation = group[0]
        anchor, (status, schema) = operation["operationId"], _answer(operation)
        filters, plain = _parted(operation["parameters"])
        tables = [
            AttributeTable(title, [self._parameter(one, anchor) for one in plain if one["in"] == location], kind=kind)
            for location, title, kind in PARAMETER_TABLES
        ]
        if body := _body(operation):
            body_filters, body = self._without_filters(body)
            filters += body_filters
            tables += self._body_tables(body, f"{anchor}.body")
        return Section(
            anchor=anchor,
            also=[other["operationId"] for _, _, other in group[1:]],
            title=operation["summary"],
            text=prose(operation["description"]),
            tables=[table for table in tables if table.attributes],
            methods=[method.upper() for _, method, _ in group],
            path=path,
            filters=self._filters(filters, anchor),
            answer=self._answer_tables(schema, f"{anchor}.answer"),
            errors=[(code, prose(one["description"])) for code, one in operation["responses"].items() if code >= "3"],
            call=self.call(path, method, operation),
            answer_title=f"{status} {HTTPStatus(int(status)).phrase}",
            answer_sample=output(self.schemas.sample(schema)),
        )

    def _filters(self, filters: Iterable[Schema], anchor: str) -> list[Filters]:
        return [
            Filters(f"{anchor}.filter.{name}", name, self._compared(some[0]["schema"]), [one["name"] for one in some])
            for name, some in _by_field(filters).items()
        ]

    def _compared(self, schema: Schema) -> str:
        schema = self.schemas.resolved(schema)
        return "date" if schema.get("format") == "date" else self.schemas.type(schema)

    def _without_filters(self, body: Schema) -> tuple[list[Schema], Schema]:
        """The attributes of a body that are filters, as of a list that is asked for by one, and the body without them."""
        resolved = self.schemas.resolved(body)
        properties = resolved.get("properties", {})
        filters, _ = _parted([{"name": name, "schema": self.schemas.resolved(one)} for name, one in properties.items()])
        names = {one["name"] for one in filters}
        if not names:
            return [], body
        return filters, {**resolved, "properties": {name: one for name, one in properties.items() if name not in names}}

    def _body_tables(self, body: Schema, anchor: str) -> list[AttributeTable]:
        first, *others = self.schemas.inside(body, anchor, INPUT)
        return [AttributeTable("Body", first.attributes), *others]

    def _answer_tables(self, schema: Schema, anchor: str) -> list[AttributeTable]:
        """The attributes of the answer, or the section that has them."""
        name = ref_name(schema)
        if name in self.schemas.sections:
            return [AttributeTable(words_of(name), link=self.schemas.sections[name])]
        return untitled(self.schemas.inside(self.schemas.resolved(schema), anchor))

    def _parameter(self, parameter: Schema, anchor: str) -> Attribute:
        # Parts of the path are always required, so that is not said.
        required = parameter.get("required", False) and parameter["in"] != "path"
        schema = {"description": parameter["description"]} | parameter["schema"]
        return self.schemas.attribute(parameter["name"], schema, f"{anchor}.{parameter['in']}", required=required)

    def call(self, path: str, method: str, operation: Schema) -> Call:
        """The call in its shortest form: what is required, and a body to begin with."""
        query = {}
        for parameter in operation["parameters"]:
            examples = parameter["schema"].get("examples")
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", examples[0])
            elif examples and parameter["in"] == "query":
                query[parameter["name"]] = str(examples[0])
        body = _body(operation)
        sent = self.schemas.body_sample(body) if body else None
        (answers,) = operation["responses"][min(operation["responses"])]["content"]
        is_file = body is None and "requestBody" in operation
        headers = {"Content-Type": CSV} if is_file else {}
        file = FILE if is_file else ""
        return Call(self.base_url, method.upper(), path, query, headers, body=sent, file=file, answers=answers)


def _do_the_same(one: Operation, other: Operation) -> bool:
    """Several methods of one path with the same words and the same body."""
    compared = ("summary", "description", "requestBody")
    return one[0] == other[0] and [one[2].get(key) for key in compared] == [other[2].get(key) for key in compared]


def _answer(operation: Schema) -> tuple[str, Schema]:
    """The status and schema of success."""
    status = min(operation["responses"])
    (content,) = operation["responses"][status]["content"].values()
    return status, content["schema"]


def _body(operation: Schema) -> Schema | None:
    """Of a call that takes files none: JSON may be one of them."""
    content = operation.get("requestBody", {}).get("content", {})
    return content[JSON]["schema"] if [*content] == [JSON] else None


def _parted(parameters: Iterable[Schema]) -> tuple[list[Schema], list[Schema]]:
    """The filters, which are those of an attribute with operators, and the other parameters."""
    parameters = list(parameters)
    matches = {one["name"]: FILTER.fullmatch(one["name"]) for one in parameters}
    filtered = {match[1] for match in matches.values() if match and match[2]}
    filters = [one for one in parameters if (match := matches[one["name"]]) and match[1] in filtered]
    return filters, [one for one in parameters if one not in filters]


def _by_field(filters: Iterable[Schema]) -> dict[str, list[Schema]]:
    """Filters by the attribute that they compare."""
    fields: dict[str, list[Schema]] = {}
    for one in filters:
        fields.setdefault(one["name"].partition("[")[0], []).append(one)
    return fields
