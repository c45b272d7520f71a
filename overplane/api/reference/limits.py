"""The limits of the API, from the constants that set them and from the description; none is typed here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import Resolver404, resolve

from overplane.api import idempotency, throttling
from overplane.api.body import BODY_LIMIT, MAX_DEPTH, MIB
from overplane.api.pagination import DEFAULT_LIMIT, MAX_LIMIT, MAX_LINK
from overplane.api.reference.schemas import Schema, Schemas, prose
from overplane.problems import Code
from overplane.queries.parameters import MAX_PARAMETERS
from overplane.server.connections import LONGEST_REQUEST_LINE

WRITING = ("post", "put", "patch")
MOST_NAMED = 4  # attributes; of more it says “Any other text”


@dataclass(frozen=True, slots=True)
class Limit:
    """`beyond`: what happens to more."""

    subject: str
    value: str
    beyond: str


def limits(description: Schema) -> list[Limit]:
    """Each once, also where it holds for an address and for a body."""
    return list({one.subject: one for one in _all(description)}.values())


def _all(description: Schema) -> list[Limit]:
    return [
        *_bodies(description),
        Limit("Nesting of a body", f"{MAX_DEPTH} levels", f"400 `{Code.JSON_TOO_DEEP}`"),
        *_texts(description),
        *_lists(description),
        Limit("`limit` of a list", f"{MAX_LIMIT:,}; {DEFAULT_LIMIT} unless given", f"read as {MAX_LIMIT:,}"),
        *_queries(description),
        Limit("Address with its query", f"{LONGEST_REQUEST_LINE:,} characters", f"414 `{Code.PARAMETER_TOO_LONG}`"),
        Limit("`Link` of a list", f"{MAX_LINK:,} characters", "left out"),
        Limit("Parameters in an address", f"{MAX_PARAMETERS}", f"400 `{Code.PARAMETER_INVALID}`"),
        Limit("An `Idempotency-Key` is remembered", _hours(), "the request is done anew"),
        Limit("Requests with one key", _rate(), f"429 `{Code.RATE_LIMIT}` with `Retry-After`"),
        Limit(
            "Failed authentications from one address",
            f"{throttling.FAILURES_A_MINUTE} a minute",
            f"429 `{Code.RATE_LIMIT}`; a valid key is never blocked by them",
        ),
    ]


def _bodies(description: Schema) -> Iterable[Limit]:
    """The common limit, then the routes that take more."""
    beyond = f"413 `{Code.BODY_TOO_LARGE}`"
    yield Limit("Body of a request", f"{BODY_LIMIT // MIB} MiB", beyond)
    for path, methods in description["paths"].items():
        limit = _body_limit(path)
        if limit != BODY_LIMIT and not methods.keys().isdisjoint(WRITING):
            yield Limit(f"Body of a request to `{path}`", f"{limit // MIB} MiB", beyond)


def _body_limit(path: str) -> int:
    """What the view behind the path says."""
    try:
        return getattr(resolve(path).func, "cls").body_limit  # noqa: B009 (a view function knows no `cls` by type)
    except (Resolver404, AttributeError):
        return BODY_LIMIT


def _sent(description: Schema) -> dict[str, Schema]:
    """The attributes of all bodies by name, those of the objects within them too."""
    schemas = Schemas(description)
    attributes: dict[str, Schema] = {}
    seen: set[str] = set()

    def look(schema: Schema) -> None:
        if (name := schema.get("$ref", "")) in seen:
            return
        seen.update({name} - {""})
        schema = schemas.referred(schema)
        for part in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())):
            look(part)
        if "items" in schema:
            look(schema["items"])
        for name, one in schema.get("properties", {}).items():
            attributes.setdefault(name, schemas.resolved(one))
            look(one)

    for methods in description["paths"].values():
        for operation in methods.values():
            for body in operation.get("requestBody", {}).get("content", {}).values():
                look(body["schema"])
    return attributes


def _texts(description: Schema) -> Iterable[Limit]:
    by_length: dict[int, list[str]] = {}
    for name, schema in _sent(description).items():
        if "maxLength" in schema:
            by_length.setdefault(schema["maxLength"], []).append(name)
    beyond = f"400 `{Code.PARAMETER_TOO_LONG}`"
    for length, names in sorted(by_length.items(), key=lambda one: len(one[1])):
        which = ", ".join(f"`{name}`" for name in names) if len(names) <= MOST_NAMED else "Any other text"
        yield Limit(which, f"{length:,} characters", beyond)


def _lists(description: Schema) -> Iterable[Limit]:
    """Limits of filters by operator and type: they are the same for each attribute of that type."""
    schemas, lengths = Schemas(description), dict[str, int]()
    for name, schema in _sent(description).items():
        if "maxItems" in schema:
            _, bracket, operator = name.partition("[")
            compared = schemas.type(schemas.resolved(schema["items"]))
            several = compared.replace(" or ", "s or ") + "s"
            subject = f"Values of a filter by `[{operator}`: {several}" if bracket else f"`{name}` in one request"
            lengths[subject] = schema["maxItems"]
    for subject, most in lengths.items():
        yield Limit(subject, f"{most:,}", f"400 `{Code.PARAMETER_INVALID_RANGE}`")


def _queries(description: Schema) -> Iterable[Limit]:
    """Parameters of an address that have a greatest length."""
    lengths: dict[str, int] = {}
    for methods in description["paths"].values():
        for operation in methods.values():
            for parameter in map(Schemas(description).referred, operation.get("parameters", [])):
                if parameter["in"] == "query" and "maxLength" in parameter["schema"]:
                    lengths[parameter["name"]] = parameter["schema"]["maxLength"]
    for name, length in lengths.items():
        yield Limit(f"`{name}`", f"{length:,} characters", f"400 `{Code.PARAMETER_TOO_LONG}`")


def _hours() -> str:
    return f"{int(idempotency.RETENTION.total_seconds()) // 3600} hours"


def _rate() -> str:
    return f"{settings.RATE_LIMIT:g} a second" if settings.RATE_LIMIT else "not limited here"


def output(all_limits: Iterable[Limit]) -> list[Mapping[str, Any]]:
    """As the page shows them."""
    return [{"subject": prose(one.subject), "value": one.value, "beyond": prose(one.beyond)} for one in all_limits]
