"""What was acknowledged is there exactly once: each creation in the feed, each change with its version and its values."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from faults.history import OK, REFUSED, Call
from faults.judging.evidence import Event, Evidence, Problem

WRITES = ("create", "patch", "add_row", "patch_row")
ON_PAGES = ("office", "office_cell")  # changes whose events are those of the request


def creations(evidence: Evidence) -> Iterator[Problem]:
    created = Counter(e["data"]["object"]["id"] for e in evidence.feed if e["type"] == "customer.created")
    for customer_id, count in created.items():
        if count > 1:
            yield Problem("acknowledged", f"{customer_id} was created {count} times", customer_id)
    told = [call.answer["id"] for call in evidence.of("create") if call.outcome == OK]
    for customer_id in {*told, *evidence.tokens}:
        if not created[customer_id]:
            yield Problem("acknowledged", f"{customer_id} was acknowledged, and never created", customer_id)
    words = Counter(
        (e["data"]["object"].get("customer_name") or "").split(" ")[0]
        for e in evidence.feed
        if e["type"] == "customer.created"
    )
    yield from _by_people(evidence)
    for word, count in words.items():
        if word.startswith("tok") and count > 1 and word not in evidence.upserted:
            yield Problem("acknowledged", f"{word} was sent once and created {count} times")


def _by_people(evidence: Evidence) -> Iterator[Problem]:
    """A form's answer names nobody; but there must be as many as were acknowledged."""
    acknowledged = sum(call.outcome == OK for call in evidence.of("office_add"))
    created = [e for e in evidence.feed if e["type"] == "customer.created" and e["actor"].startswith("user:")]
    if len(created) < acknowledged:
        yield Problem(
            "acknowledged", f"the back office acknowledged {acknowledged} new customers, {len(created)} are there"
        )


def changes(evidence: Evidence) -> Iterator[Problem]:
    """The event of each acknowledged change is found by its key or its request, and says what the answer said."""
    by_request: dict[str, list[Event]] = defaultdict(list)
    by_key: dict[str, list[Event]] = defaultdict(list)
    for event in evidence.feed:
        by_request[event["request"]["id"]].append(event)
        by_key[event["request"]["idempotency_key"]].append(event)
    for call in evidence.of(*WRITES):
        if call.outcome == OK:
            events = by_key[call.key] if call.key else by_request[call.request_id]
            yield from _judge(call, events)
    for call in evidence.of(*ON_PAGES):
        if call.outcome == OK:
            own = [e for e in by_request[call.request_id] if e["data"]["object"]["id"] == call.target]
            if len(own) != 1:
                text = f"{call.verb} {call.path}, answered {call.status}: {len(own)} events of the customer say it"
                yield Problem("acknowledged", text, call.target)


def refused(evidence: Evidence) -> Iterator[Problem]:
    """What was refused has left no event."""
    told = {event["request"]["id"] for event in evidence.feed}
    for call in evidence.calls:
        if call.outcome == REFUSED and call.request_id in told and call.verb != "replay":
            text = f"{call.verb} {call.path} by {call.client} was refused ({call.status} {call.code}), and an event says it"
            yield Problem("acknowledged", text, call.target)


def upserts(evidence: Evidence) -> Iterator[Problem]:
    """Of one tax id that only upserts give there is one customer at a time: the one before was deleted before the next came."""
    living: dict[str, str] = {}
    for event in evidence.feed:
        customer_id = event["data"]["object"].get("id", "")
        word = evidence.tokens.get(customer_id, "")
        if word not in evidence.upserted:
            continue
        if event["type"] == "customer.created":
            if other := living.get(word):
                text = f"{customer_id} was created with the tax id {word}, which {other} has"
                yield Problem("upserts", text, customer_id)
            living[word] = customer_id
        elif event["type"] == "customer.deleted" and living.get(word) == customer_id:
            del living[word]


def _judge(call: Call, events: list[Event]) -> Iterator[Problem]:
    own = [e for e in events if _is_own(e, call)]
    what = f"{call.verb} {call.path} by {call.client}, answered {call.status} with version {call.version}"
    if not own:
        yield Problem("acknowledged", f"{what}: no event says it", call.target or call.answer["id"])
        return
    if len(own) > 1 and call.verb != "patch_row":
        yield Problem("acknowledged", f"{what}: {len(own)} events say it", call.target or call.answer["id"])
    event = own[-1]
    if call.version and call.version != event["object_version"]:
        yield Problem("acknowledged", f"{what}: its event says version {event['object_version']}", call.target)
    shown: dict[str, Any] = event["data"]["object"]
    answered = {n: v for n, v in call.answer.items() if n in shown}
    if len(shown) > 2 and answered != shown:
        yield Problem("acknowledged", f"{what}: its event shows {_differences(answered, shown)}", call.target)


def _is_own(event: Event, call: Call) -> bool:
    return event["data"]["object"].get("id") == call.answer["id"] and not event["type"].endswith("reordered")


def _differences(answered: dict[str, Any], shown: dict[str, Any]) -> str:
    different = {n: (answered.get(n), shown[n]) for n in shown if answered.get(n) != shown[n]}
    return str(dict(list(different.items())[:3]))
