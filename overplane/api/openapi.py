"""The API's description: OpenAPI 3.1 by drf-spectacular.

Viewsets are described beside their domain with `operation`; chapters are put into `TAGS`, what the API as a whole is
into `INFO`. What all operations have in common (errors, headers, authentication) is added by `finish`.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from overplane.api.schemas import COMPONENTS, STORABLE, TEXT, Schema, ref

TAGS: dict[str, str] = {}
INFO: dict[str, str] = {}  # summary and description
WEBHOOKS: dict[str, Schema] = {}  # what this service sends, by type of event
TOPIC_WORDS: dict[
    str, Any
] = {}  # what the general prose of the reference calls by its name (see templates/reference/topics)
OPTIONAL_BODIES: set[str] = set()  # operations of which no body at all says the same as an empty object
ERRORS = {
    400: "Something is wrong in the query or the body; `errors` has all of it.",
    401: "No API key, or one that is unknown, expired, revoked or of the other mode.",
    403: "A read-only key may not change anything, nor see webhooks, imports and exports.",
    404: "There is no object with this identifier.",
    405: "The route does not know this method; see the `Allow` header.",
    409: "A request with this `Idempotency-Key` is in flight, or others are changing the object: send this very"
    " request again. Of an import: its state does not allow this (yet), and `status` names it.",
    410: "It is too late: the cursor is older than what is kept or of another copy of the log, or the merge too long ago.",
    412: "The object is not the version that `If-Match` names.",
    413: "The body is larger than the route takes; see the limits.",
    415: "The body is not JSON, or is compressed.",
    429: "Too many requests; see `Retry-After`.",
    500: "A fault of ours; quote the request id.",
    503: "The database is away or took too long; see `Retry-After`.",
}
# No errors, or what the server answers before the application is asked: in the reference, not in the description.
OTHER_STATUSES = {
    204: "The answer to `OPTIONS`.",
    207: "A batch with `atomic` false: each operation has its own status.",
    304: "The object is the version that `If-None-Match` names; there is no body.",
    414: "The address is longer than 64 KiB.",
    417: "The only expectation that is known is `100-continue`.",
    431: "The headers are too large.",
}
ALWAYS = (400, 401, 405, 429, 500, 503)
WRITES = (403, 409)
BODIES = (413, 415)
HEADERS: dict[str, Schema] = {
    "Request-Id": {"description": "Names this request in logs, errors and events.", "required": True, "schema": TEXT},
    "Retry-After": {
        "description": "Seconds to wait before the request is sent again.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "Allow": {
        "description": "The methods that the route knows, separated by commas.",
        "required": True,
        "schema": TEXT,
    },
    "WWW-Authenticate": {
        "description": "How to authenticate: with the key as `Bearer` token.",
        "required": True,
        "schema": TEXT,
    },
    "Idempotent-Replayed": {
        "description": "`true` on the stored answer of an earlier request with this `Idempotency-Key`.",
        "schema": {"type": "string", "const": "true"},
    },
    "RateLimit-Limit": {
        "description": "Requests that the key has at most at once, if there is a limit.",
        "schema": TEXT,
    },
    "RateLimit-Remaining": {"description": "Requests that are left to the key before it has to wait.", "schema": TEXT},
    "RateLimit-Reset": {"description": "Seconds until all requests are there again.", "schema": TEXT},
}
EVERYWHERE = ("Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
OF_ERRORS = {
    401: ["WWW-Authenticate"],
    405: ["Allow"],
    **{status: ["Retry-After"] for status in (409, 429, 503)},
}


def query(name: str, schema: Schema, description: str, *, required: bool = False) -> OpenApiParameter:
    if schema.get("type") == "string" and not schema.keys() & {"enum", "format", "pattern"}:
        schema = schema | {"pattern": STORABLE}
    return OpenApiParameter(name, schema, OpenApiParameter.QUERY, description=description, required=required)


def several(name: str, pattern: str, description: str) -> OpenApiParameter:
    """A comma-separated list of what matches the pattern.

    Described as a string: an array with `explode: false` would say the same, but openapi-fetch and
    openapi-python-client overlook `explode` and repeat the parameter, which is refused.
    """
    return query(name, {"type": "string", "pattern": f"^{pattern}(,{pattern})*$"}, description)


def words(name: str, known: Collection[str], description: str) -> OpenApiParameter:
    """A comma-separated choice of known words."""
    return several(name, f"({'|'.join(re.escape(word) for word in known)})", description)


def header(name: str, description: str, **schema: Any) -> OpenApiParameter:
    return OpenApiParameter(name, TEXT | schema, OpenApiParameter.HEADER, description=description)


def answer_header(name: str, description: str, *statuses: int) -> OpenApiParameter:
    return OpenApiParameter(name, TEXT, OpenApiParameter.HEADER, description=description, response=list(statuses))


IF_MATCH = header(
    "If-Match",
    'The `ETag` that the object must have, such as `"3"`; else 412.',
    pattern=r'^(\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*)$',
)
IF_NONE_MATCH = header("If-None-Match", 'The `ETag` that you have, such as `"3"`; if it is still true: 304.')
IDEMPOTENCY_KEY = header(
    "Idempotency-Key",
    "1 to 255 printable ASCII characters. The same request under the same key is done once; for 24 hours later ones get the"
    " first answer.",
    pattern=r"^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$",
)


def object_id(example: str, name: str = "id") -> OpenApiParameter:
    schema = {"type": "string", "pattern": r"^[^/\u0000]+$", "examples": [example]}
    return OpenApiParameter(
        name, schema, OpenApiParameter.PATH, description="The identifier of the object, as answers and events show it."
    )


def operation(
    operation_id: str,
    summary: str,
    description: str,
    *,
    tag: str,
    answer: Schema,
    answered: str,
    also: int | None = None,
    status: int = 200,
    body: Schema | None = None,
    bodies: Mapping[str, Schema] | None = None,
    parameters: Iterable[OpenApiParameter] = (),
    errors: Iterable[int] = (),
    headers: Iterable[OpenApiParameter] = (),
    media_type: str = "application/json",
) -> Callable[..., Any]:
    """Describes one handler: what it takes, what it answers with `status` (and `also`), and every error it can give.

    `answered` says the success in words. `bodies`: by media type, where it is not JSON.
    """
    parameters = list(parameters)
    answers: dict[Any, Any] = {(status, media_type): OpenApiResponse(answer, description=answered)}
    if also:
        answers[also, media_type] = OpenApiResponse(answer, description=OTHER_STATUSES[also])
    if IF_NONE_MATCH in parameters:
        answers[304] = OpenApiResponse(description=OTHER_STATUSES[304])
    for code in sorted({*ALWAYS, *errors}):
        answers[code, "application/json"] = OpenApiResponse(ref("ErrorResponse"), description=ERRORS[code])
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        tags=[tag],
        parameters=[*parameters, *headers],
        request=bodies or ({"application/json": body} if body else None),
        responses=answers,
    )


ETAG = answer_header("ETag", "The object's version, for `If-Match` and `If-None-Match`.", 200, 201, 304)
LOCATION = answer_header("Location", "Where the new object is.", 201)
LOCATION_OF_ACCEPTED = answer_header("Location", "Where to look how far it is.", 202)
LINK = answer_header("Link", "The addresses of the `next` and the `prev` page, where there are such.", 200)


class ApiSchema(AutoSchema):
    """Everything else is said by `operation`."""

    def get_auth(self) -> list[dict[str, list[str]]]:
        return [{"bearer": []}, {"basic": []}]

    def _is_list_view(self, serializer: Any = None) -> bool:
        """Lists are described by their envelope."""
        return False

    def _get_filter_parameters(self) -> list[Any]:
        return []


def finish(result: Schema, generator: Any, request: Any, public: bool) -> Schema:
    """Adds what all operations have in common, once, and refers to it."""
    components = result.setdefault("components", {})
    components["schemas"] = dict(sorted((components.get("schemas", {}) | COMPONENTS).items()))
    components["headers"] = HEADERS
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer sk_test_…`"},
        "basic": {"type": "http", "scheme": "basic", "description": "The key as user name, an empty password."},
    }
    components["responses"], components["parameters"] = {}, {}
    operations = [(method, one) for path in result["paths"].values() for method, one in path.items()]
    for method, one in operations:
        if "requestBody" in one:
            one["requestBody"]["required"] = one["operationId"] not in OPTIONAL_BODIES
        one["responses"] = {
            status: _finished(int(status), answer, components["responses"], writes=method != "get")
            for status, answer in sorted(one["responses"].items())
        }
    _share_parameters([one for _, one in operations], components["parameters"])
    result["info"] |= INFO
    result["webhooks"] = dict(sorted(WEBHOOKS.items()))
    result["tags"] = [{"name": name, "description": text} for name, text in sorted(TAGS.items())]
    return result


def _finished(status: int, answer: Schema, shared: dict[str, Schema], *, writes: bool) -> Schema:
    names = [*EVERYWHERE, *OF_ERRORS.get(status, ()), *(["Idempotent-Replayed"] if writes and status < 300 else [])]
    answer.setdefault("headers", {})
    answer["headers"] |= {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    if status < 400:
        return answer
    name = HTTPStatus(status).name.title().replace("_", "")
    shared[name] = answer
    return {"$ref": f"#/components/responses/{name}"}


def _share_parameters(operations: list[Schema], shared: dict[str, Schema]) -> None:
    """Parameters that several operations have in the very same form: two lists have two hundred filters each."""
    seen: dict[str, list[Schema]] = {}
    for one in operations:
        for parameter in one.get("parameters", []):
            seen.setdefault(f"{parameter['in']}.{parameter['name']}", []).append(parameter)
    for name, same in seen.items():
        if len(same) > 1 and all(parameter == same[0] for parameter in same):
            key = name.replace("[", ".").replace("]", "")  # what a component may be called
            shared[key] = dict(same[0])
            for parameter in same:
                parameter.clear()
                parameter["$ref"] = f"#/components/parameters/{key}"
