"""The API's description: OpenAPI 3.1 by drf-spectacular, with schemas taken off the models.

Viewsets are described beside their domain with `operation`; components are put into `COMPONENTS`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from django.db import models
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from overplane.database.attributes import attributes
from overplane.problems import Code

Schema = dict[str, Any]
COMPONENTS: dict[str, Schema] = {}
# A NUL cannot be stored; half a surrogate pair cannot even be written in a schema.
STORABLE = r"^[^\u0000]*$"
MOMENT: Schema = {"type": "string", "format": "date-time", "description": "UTC, whole seconds."}
WHOLE = 2**31 - 1
ERRORS = {
    400: "Something is wrong in the query or the body; `errors` has all of it.",
    401: "No API key, or one that is unknown, expired, revoked or of the other mode.",
    403: "A read-only key may not change anything.",
    404: "There is no such object.",
    405: "The route does not know this method; see the `Allow` header.",
    409: "A request with this Idempotency-Key is in flight: send this very request again.",
    410: "The cursor is older than what is kept.",
    412: "The object is not the version that If-Match names.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    429: "Too many requests; see `Retry-After`.",
    500: "A fault of ours; quote the request id.",
    503: "The database is away; see `Retry-After`.",
}
ALWAYS = (400, 401, 405, 429, 500, 503)
WRITES = (403, 409, 412, 413, 415)


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def attribute_schema(model: type[models.Model], name: str, *, rules: Mapping[str, Schema]) -> Schema:
    """What may be sent for an attribute."""
    field, known = model._meta.get_field(name), attributes(model)[name]
    schema: Schema = {"type": known.kind}
    if known.kind == "string":
        schema |= {"maxLength": field.max_length, "pattern": STORABLE}
    if known.kind == "number":
        schema["description"] = f"Exact, with at most {field.decimal_places} decimals."
    if known.kind == "integer":
        schema |= {"minimum": 1, "maximum": WHOLE}
    schema |= rules.get(name, {})
    if not known.required:
        schema["type"] = [schema["type"], "null"]
        schema["default"] = known.default
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], "", None]
    title, help_text = str(field.verbose_name), str(field.help_text)
    words = [f"{title[:1].upper()}{title[1:]}.", schema.pop("description", ""), help_text]
    return schema | {"description": " ".join(filter(None, words))}


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


def output_schema(model: type[models.Model], names: Iterable[str], *, rules: Mapping[str, Schema]) -> Schema:
    """What an answer shows: every attribute, every time."""
    properties: dict[str, Schema] = {}
    for name in names:
        field = model._meta.get_field(name)
        if isinstance(field, models.DateTimeField):
            properties[name] = dict(MOMENT)
        elif name not in attributes(model):
            properties[name] = {"type": "string"}
        else:
            known = attributes(model)[name]
            kind = known.kind if known.required or known.default is not None else [known.kind, "null"]
            described = attribute_schema(model, name, rules=rules)["description"]
            shown = {key: value for key, value in rules.get(name, {}).items() if key in SHOWN_RULES}
            properties[name] = {"type": kind, "description": described, **shown}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


SHOWN_RULES = ("enum", "minimum", "maximum", "examples")


def page_schema(name: str) -> Schema:
    return {
        "type": "object",
        "properties": {
            "data": {"type": "array", "items": ref(name)},
            "has_more": {"type": "boolean", "description": "There are objects after this page."},
            "total": {"type": "integer", "description": "How many there are in all, exactly."},
        },
        "required": ["data", "has_more", "total"],
        "additionalProperties": False,
    }


def deleted_schema() -> Schema:
    return {
        "type": "object",
        "properties": {"id": {"type": "string"}, "deleted": {"const": True}},
        "required": ["id", "deleted"],
        "additionalProperties": False,
    }


def _nullable_string() -> Schema:
    return {"type": ["string", "null"]}


PROBLEM: Schema = {
    "code": ref("ErrorCode"),
    "param": {
        "type": ["string", "null"],
        "description": "A path: `customer_name`, `created_at[gte]`, `ordered_ids[2]`.",
    },
    "message": {"type": "string"},
}
COMPONENTS |= {
    "ErrorCode": {"type": "string", "enum": [str(code) for code in Code]},
    "Problem": {"type": "object", "properties": PROBLEM, "required": list(PROBLEM), "additionalProperties": False},
    "Error": {
        "type": "object",
        "properties": {
            "error": {
                "type": "object",
                "properties": {
                    "type": {
                        "type": "string",
                        "enum": [
                            f"{kind}_error"
                            for kind in (
                                "invalid_request",
                                "authentication",
                                "permission",
                                "idempotency",
                                "rate_limit",
                                "api",
                            )
                        ],
                    },
                    "code": ref("ErrorCode"),
                    "message": {"type": "string"},
                    "param": _nullable_string(),
                    "doc_url": {"type": "string"},
                    "request_id": _nullable_string(),
                    "errors": {"type": "array", "items": ref("Problem"), "minItems": 1},
                },
                "required": ["type", "code", "message", "param", "doc_url", "request_id", "errors"],
                "additionalProperties": False,
            }
        },
        "required": ["error"],
        "additionalProperties": False,
    },
}


def query(name: str, schema: Schema, description: str, *, required: bool = False) -> OpenApiParameter:
    if schema == schema | {"type": "string"} and "enum" not in schema and "format" not in schema:
        schema = schema | {"pattern": STORABLE}
    return OpenApiParameter(name, schema, OpenApiParameter.QUERY, description=description, required=required)


def words(name: str, known: Collection[str], description: str) -> OpenApiParameter:
    """A comma-separated choice of known words."""
    return several(name, {"type": "string", "enum": list(known)}, description)


def several(name: str, items: Schema, description: str) -> OpenApiParameter:
    """A comma-separated list."""
    schema = {"type": "array", "items": items, "minItems": 1}
    return OpenApiParameter(name, schema, OpenApiParameter.QUERY, description=description, style="form", explode=False)


def header(name: str, description: str, **schema: Any) -> OpenApiParameter:
    return OpenApiParameter(name, {"type": "string"} | schema, OpenApiParameter.HEADER, description=description)


def _answer_header(name: str, description: str, statuses: Iterable[int]) -> OpenApiParameter:
    return OpenApiParameter(
        name, {"type": "string"}, OpenApiParameter.HEADER, description=description, response=list(statuses)
    )


IF_MATCH = header("If-Match", "The ETag that the object must have; else 412.", pattern=r'^("[0-9]{1,9}"|\*)$')
IF_NONE_MATCH = header("If-None-Match", "The ETag that you have; if it is still true: 304.", pattern=r'^"[0-9]{1,9}"$')
IDEMPOTENCY_KEY = header(
    "Idempotency-Key",
    "1 to 255 printable characters. The same request under the same key is done once; later ones get the first answer.",
    pattern=r"^[\x21-\x7e]{1,255}$",
)
STRING_ID = {"type": "string", "pattern": r"^[^/\u0000]+$"}


def object_id(example: str) -> OpenApiParameter:
    return OpenApiParameter("id", STRING_ID, OpenApiParameter.PATH, description=f"For example `{example}`.")


def operation(
    operation_id: str,
    summary: str,
    description: str,
    *,
    tag: str,
    answer: Schema | None,
    status: int = 200,
    body: Schema | None = None,
    parameters: Iterable[OpenApiParameter] = (),
    errors: Collection[int] = (),
    etag: bool = False,
    media_type: str = "application/json",
    more_answers: Mapping[int, Schema] | None = None,
    methods: list[str] | None = None,
) -> Callable[..., Any]:
    """Describes one handler: what it takes, what it answers, and every error that it can give."""
    statuses = sorted({*ALWAYS, *errors})
    answers: dict[Any, Any] = {(status, media_type): OpenApiResponse(answer, description=summary)}
    for code, schema in (more_answers or {}).items():
        answers[code, media_type] = OpenApiResponse(schema, description=summary)
    answers |= {
        (code, "application/json"): OpenApiResponse(ref("Error"), description=ERRORS[code]) for code in statuses
    }
    headers = [_answer_header("Request-Id", "Names this request in logs, errors and events.", [status, *statuses])]
    if etag:
        headers.append(_answer_header("ETag", "The object's version.", [status]))
    if status == 201:
        headers.append(_answer_header("Location", "Where the new object is.", [201]))
    if 304 in errors or IF_NONE_MATCH in parameters:
        answers[304] = OpenApiResponse(description="You have it already.")
    headers.append(_answer_header("Retry-After", "Seconds to wait.", [s for s in statuses if s in (409, 429, 503)]))
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        tags=[tag],
        parameters=[*parameters, *headers],
        request={"application/json": body} if body else None,
        responses=answers,
        methods=methods,
    )


class ApiSchema(AutoSchema):
    """Everything else is said by `operation`."""

    def get_auth(self) -> list[dict[str, list[str]]]:
        return [{"bearer": []}, {"basic": []}]

    def _is_list_view(self, serializer: Any = None) -> bool:
        """Lists are described by their envelope."""
        return False

    def _get_filter_parameters(self) -> list[Any]:
        return []


def finish(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Puts in the components, and how to authenticate."""
    components = result.setdefault("components", {})
    components["schemas"] = dict(sorted((components.get("schemas", {}) | COMPONENTS).items()))
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer sk_test_…`"},
        "basic": {"type": "http", "scheme": "basic", "description": "The key as user name, an empty password."},
    }
    for path in result["paths"].values():
        for one in path.values():
            if "requestBody" in one:
                one["requestBody"]["required"] = True
    return result
