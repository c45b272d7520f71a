"""Request bodies of webhook endpoints: what is sent, as the services take it. They judge the values once more."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError

from overplane.events import feed, types
from overplane.events.webhooks import rules
from overplane.events.webhooks.models import EndpointStatus, Payload
from overplane.problems import MOST_REPORTED, Code, Errors, invalid, unknown
from overplane.queries.filter_values import MomentField
from overplane.queries.parameters import Query

# Accepted and ignored, so that what was read can be sent back whole.
IGNORED = ("id", "created_at", "updated_at", "disabled_reason", "lag_seconds", "failing_since")
START_AT, POSITION = "start_at", "position"
# What null and an empty text stand for.
DEFAULTS: dict[str, Any] = {
    "description": None,
    "event_types": [],
    "payload": Payload.SNAPSHOT,
    "status": EndpointStatus.ENABLED,
}
FROM, BEFORE = "created_at[gte]", "created_at[lt]"


def parse_new(payload: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The values of a new endpoint, and where it starts in the feed."""
    values = _values(payload, (*rules.NAMES, START_AT), ignored={POSITION}, judge=_judge_new)
    return values, values.pop(START_AT, None)


def parse_change(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What is to change. A cursor as `position` is what an answer had: it is ignored, for it may be an old one."""
    sent = payload.get(POSITION)
    is_shown = type(sent) is str and feed.CURSOR.fullmatch(sent) is not None
    known = rules.NAMES if is_shown else (*rules.NAMES, POSITION)
    return _values(payload, known, ignored={POSITION} if is_shown else (), judge=_judge_change)


def _values(
    payload: Mapping[str, Any],
    known: Collection[str],
    *,
    ignored: Collection[str],
    judge: Callable[[dict[str, Any]], Errors],
) -> dict[str, Any]:
    wrong = [name for name in payload if name not in {*known, *IGNORED, *ignored}]
    problems: Errors = {name: [unknown(name, known)] for name in wrong[:MOST_REPORTED]}
    values = {name: value for name, value in payload.items() if name in known}
    values |= {name: DEFAULTS.get(name) for name, value in values.items() if value is None or value == ""}
    problems |= judge(values)
    if problems:
        raise ValidationError(problems)
    return values


def _judge_new(values: dict[str, Any]) -> Errors:
    start_at = values.get(START_AT)
    wrong_type = invalid(Code.PARAMETER_INVALID_TYPE, "Must be a text: a cursor of the feed, or start.")
    problems: Errors = {} if start_at is None or type(start_at) is str else {START_AT: [wrong_type]}
    return problems | _judge(values, is_new=True)


def _judge_change(values: dict[str, Any]) -> Errors:
    return _judge(values, is_new=False)


def _judge(values: dict[str, Any], *, is_new: bool) -> Errors:
    try:
        rules.cleaned(values, is_new=is_new)
    except ValidationError as error:
        return error.error_dict
    return {}


def parse_nothing(payload: Mapping[str, Any]) -> None:
    """For calls that take no body, or an empty object."""
    Query(payload).finish(())


class Replay(NamedTuple):
    """Which events are to be sent again."""

    after: str | None
    created_from: datetime | None
    created_before: datetime | None
    event_types: list[str]


def parse_replay(payload: Mapping[str, Any]) -> Replay:
    query = Query(payload)
    after, start, end = query.take("after") or None, _moment(query, FROM), _moment(query, BEFORE)
    event_types = query.names("event_types", types.known) or []
    for name in (FROM, BEFORE):
        query.exclusive("after", name)
    if all(payload.get(name) in (None, "") for name in ("after", FROM, BEFORE)):
        # An empty body would send everything that there is once more.
        query.fail("after", Code.PARAMETER_MISSING, f"Say which events: `after` a cursor (or start), or by `{FROM}`.")
    query.finish(("after", FROM, BEFORE, "event_types"))
    return Replay(after, start, end, event_types)


def _moment(query: Query, name: str) -> datetime | None:
    value = query.raw(name)
    if value is None:
        return None
    try:
        return MomentField().clean(value).start
    except ValidationError as error:
        query.note(name, error)
        return None
