"""The API reference for people: made from the description, so that it cannot say anything else."""

import json
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from overplane.api.errors import INVALID_REQUEST
from overplane.api.openapi import ERRORS
from overplane.api.pages import description
from overplane.problems import Code

MEANINGS = {
    Code.PARAMETER_MISSING: "Something that is required was not sent.",
    Code.PARAMETER_UNKNOWN: "There is no such parameter; the message names the nearest one.",
    Code.PARAMETER_DUPLICATE: "Something was given twice.",
    Code.PARAMETER_INVALID: "The value breaks a rule.",
    Code.PARAMETER_INVALID_TYPE: "The value is of the wrong JSON type.",
    Code.PARAMETER_INVALID_EMPTY: "The value must not be empty.",
    Code.PARAMETER_INVALID_INTEGER: "The value must be a whole number.",
    Code.PARAMETER_INVALID_RANGE: "The value is too small or too large.",
    Code.PARAMETER_TOO_LONG: "The text has too many characters.",
    Code.PARAMETER_CONFLICT: "Two parameters contradict each other, or a match is ambiguous.",
    Code.PARAMETER_IMMUTABLE: "The value can never be changed.",
    Code.CHARACTERS_NOT_ALLOWED: "The text holds a NUL, half of a surrogate pair, or is not UTF-8.",
    Code.JSON_INVALID: "The body is not JSON.",
    Code.JSON_TOO_DEEP: "The JSON is nested more than 32 deep.",
    Code.BODY_NOT_OBJECT: "The body must be a JSON object.",
    Code.BODY_TOO_LARGE: "The body is larger than the route takes.",
    Code.UNSUPPORTED_MEDIA_TYPE: "The body must be application/json.",
    Code.METHOD_NOT_ALLOWED: "The route does not know this method; see the Allow header.",
    Code.ROUTE_UNKNOWN: "There is no such route.",
    Code.RESOURCE_MISSING: "There is no such object: 404 if the path names it, 400 if the query or the body does.",
    Code.REORDER_INCOMPLETE: "A new order must name every row.",
    Code.PRECONDITION_FAILED: "The object is not the version that If-Match names.",
    Code.IDEMPOTENCY_KEY_INVALID: "An Idempotency-Key has 1 to 255 printable characters.",
    Code.IDEMPOTENCY_KEY_MISMATCH: "The Idempotency-Key was used for another request.",
    Code.IDEMPOTENCY_KEY_IN_USE: "A request with this Idempotency-Key is in flight. Send this very request again.",
    Code.IDEMPOTENCY_ANSWER_ERASED: "The request was done, but its answer showed a customer that is deleted since.",
    Code.CURSOR_INVALID: "This is no cursor of the feed.",
    Code.CURSOR_EXPIRED: "The log no longer reaches back to this cursor. Begin anew.",
    Code.RATE_LIMIT: "Too many requests; Retry-After says how long to wait.",
    Code.API_KEY_MISSING: "No API key was sent.",
    Code.API_KEY_INVALID: "There is no such API key, or it was revoked, or it is of the other mode.",
    Code.API_KEY_EXPIRED: "The API key has expired.",
    Code.KEY_READ_ONLY: "The key may only read.",
    Code.HOST_INVALID: "The service does not answer under this host name.",
    Code.INTERNAL_ERROR: "A fault of ours. Quote the request id.",
    Code.UNAVAILABLE: "The database is away or busy. Try the same again.",
    Code.TIMEOUT: "The database took too long. Ask for less at once.",
}
SAMPLE_VALUES = {"id": "customer_abc123", "customer_id": "customer_abc123", "represents_company": "Example Corp"}


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    return render(request, "reference/docs.html", _content())


@cache
def _content() -> dict[str, Any]:
    described = json.loads(description())
    sections: dict[str, list[dict[str, Any]]] = {}
    for path, methods in described["paths"].items():
        for method, one in methods.items():
            sections.setdefault(one["tags"][0], []).append(_operation(described, path, method, one))
    return {
        "base_url": settings.BASE_URL,
        "sections": [{"title": tag, "operations": operations} for tag, operations in sections.items()],
        "codes": [{"code": code, "meaning": MEANINGS[code]} for code in Code],
        "statuses": [(status, words.replace("`", "")) for status, words in ERRORS.items()],
        "error_sample": _pretty(
            {
                "error": {
                    "type": INVALID_REQUEST,
                    "code": Code.PARAMETER_UNKNOWN,
                    "message": 'There is no parameter "teritory" here. Did you mean "territory"?',
                    "param": "teritory",
                    "doc_url": f"{settings.BASE_URL}/docs#error-parameter_unknown",
                    "request_id": "req_…",
                    "errors": [{"code": Code.PARAMETER_UNKNOWN, "param": "teritory", "message": "…"}],
                }
            }
        ),
    }


def _operation(described: dict[str, Any], path: str, method: str, one: dict[str, Any]) -> dict[str, Any]:
    body = one.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    parameters = [_row(p["name"], p["schema"], p.get("description", ""), p.get("required")) for p in one["parameters"]]
    plain = [p for p in parameters if not _is_filter(p, one)]
    status, answer = next((s, a) for s, a in one["responses"].items() if s.startswith("2"))
    media_type, content = next(iter(answer["content"].items()))
    shown = _sample(described, content["schema"]) if media_type == "application/json" else None
    return {
        "id": one["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": one["summary"],
        "description": one["description"].replace("`", ""),
        "parameters": plain,
        "filters": [p for p in parameters if p not in plain],
        "attributes": _attributes(described, body) if body else [],
        "shown": _attributes(described, content["schema"]) if method == "get" and "{id}" in path else [],
        "curl": _curl(described, path, method, body, one),
        "status": status,
        "sample": _pretty(shown)
        if shown is not None
        else '{"id": "customer_abc123", …}\n{"end": true, "count": 1, "next_cursor": "…"}',
        "errors": [code for code in one["responses"] if code[0] in "45"],
    }


def _is_filter(parameter: dict[str, Any], one: dict[str, Any]) -> bool:
    named = {p["name"].partition("[")[0] for p in one["parameters"] if p["name"].endswith("[ne]")}
    return parameter["name"].partition("[")[0] in named and parameter["name"] != "expand[]"


def _row(name: str, schema: dict[str, Any], words: str, required: bool | None) -> dict[str, Any]:
    kind = schema.get("type", "")
    kinds = [one for one in kind if one != "null"] if isinstance(kind, list) else [kind]
    limits = []
    if "maxLength" in schema:
        limits.append(f"at most {schema['maxLength']:,} characters")
    if "enum" in schema:
        limits.append("one of " + ", ".join(str(one) for one in schema["enum"] if one))
    if "minimum" in schema and "maximum" in schema and schema["maximum"] <= 1000:
        limits.append(f"{schema['minimum']} to {schema['maximum']}")
    if schema.get("default") is not None:
        limits.append(f"default {json.dumps(schema['default'])}")
    return {
        "name": name,
        "type": kinds[0],
        "limits": "; ".join(limits),
        "description": words.replace("`", ""),
        "required": required,
    }


def _resolve(described: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema or ("anyOf" in schema and "properties" not in schema):
        if "$ref" in schema:
            schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        else:
            schema = schema["anyOf"][0]
    return schema


def _attributes(described: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    schema = _resolve(described, schema)
    required = schema.get("required", [])
    return [
        _row(name, _resolve(described, one), one.get("description", ""), name in required)
        for name, one in schema.get("properties", {}).items()
    ]


def _sample(described: dict[str, Any], schema: dict[str, Any], name: str = "") -> Any:
    schema = _resolve(described, schema)
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    if "const" in schema:
        return schema["const"]
    if name in SAMPLE_VALUES:
        return SAMPLE_VALUES[name]
    if schema.get("format") == "date-time":
        return "2024-01-15T09:30:00Z"
    if "oneOf" in schema:
        return _sample(described, schema["oneOf"][0])
    if kind == "object":
        return {n: _sample(described, one, n) for n, one in schema.get("properties", {}).items()}
    if kind == "array":
        return [_sample(described, schema["items"])]
    return {"boolean": False, "number": 0, "integer": 1}.get(kind or "", f"{name}_example" if name else "…")


def _curl(described: dict[str, Any], path: str, method: str, body: dict[str, Any] | None, one: dict[str, Any]) -> str:
    own = next((p["description"] for p in one["parameters"] if p["in"] == "path"), "")
    url = settings.BASE_URL + path.replace("{id}", own.partition("`")[2].partition("`")[0])
    required = [p["name"] for p in one["parameters"] if p["in"] == "query" and p.get("required")]
    query = "?" + "&".join(f"{name}=customer_abc123" for name in required) if required else ""
    lines = [f"curl {url}{query}", '  -H "Authorization: Bearer sk_test_..."']
    if method != "get":
        lines[-1] += f" -X {method.upper()}"
    if body:
        resolved = _resolve(described, body)
        chosen = resolved.get("required") or list(resolved["properties"])[:2]
        if "anyOf" in resolved:
            chosen = [
                *resolved["anyOf"][0]["required"],
                *[n for n in resolved["properties"] if n in ("company", "ordered_ids")],
            ]
        sent = {name: _sample(described, resolved["properties"][name], name) for name in chosen}
        if "operations" in sent:
            sent["operations"] = [{"op": "create", "data": {"customer_name": "customer_name_example"}}]
        lines += ['  -H "Content-Type: application/json"', f"  -d '{json.dumps(sent)}'"]
    return " \\\n".join(lines)


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
