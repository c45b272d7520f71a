"""Those who only read saw what they must: the feed without gap and repeat, lists, their own writes, webhooks in order."""

from collections import defaultdict
from collections.abc import Iterator

from faults.history import OK, Call
from faults.judging.evidence import BATCHES, Evidence, Problem, subject_of
from faults.settling import FIRST
from faults.subscriber import PATH
from overplane.events.webhooks.models import Delivery, DeliveryStatus


def followed(evidence: Evidence) -> Iterator[Problem]:
    """The feed as it was read while it grew is the feed as it is in the end."""
    whole, got = [event["id"] for event in evidence.feed], evidence.read
    subjects = {event["id"]: subject_of(event) for event in evidence.feed}
    for missing in [i for i in whole if i not in set(got)][:5]:
        yield Problem("followed feed", f"{missing} was never served to who followed the feed", subjects[missing])
    seen: set[str] = set()
    for one in got:
        if one in seen:
            yield Problem("followed feed", f"{one} was served twice", subjects.get(one, ""))
        if one not in subjects:
            yield Problem("followed feed", f"{one} was served, and is not in the log any more")
        seen.add(one)
    if not seen ^ set(whole) and len(got) == len(whole) and got != whole:
        at = next(i for i, pair in enumerate(zip(got, whole, strict=True)) if pair[0] != pair[1])
        yield Problem("followed feed", f"{got[at]} was served where {whole[at]} stands", subjects[whole[at]])


def delivered(evidence: Evidence) -> Iterator[Problem]:
    """Webhooks bring every event, and those of one customer in the order of the feed.

    To the other endpoint events are also sent again, before those that wait, so that only tells of an order.
    """
    others = set(evidence.webhooks_at(PATH))
    for event in evidence.feed:
        if event["id"] not in others:
            text = f"{event['id']} {event['type']} never arrived at the endpoint that was disabled and enabled"
            yield Problem("webhooks", text, subject_of(event))
    first: dict[str, int] = {}
    for position, event_id in enumerate(evidence.webhooks_at(FIRST)):
        first.setdefault(event_id, position)
    newest: dict[str, int] = defaultdict(lambda: -1)
    for event in evidence.feed:
        subject = subject_of(event)
        if event["id"] not in first:
            yield Problem("webhooks", f"{event['id']} {event['type']} never arrived{_tried(subject)}", subject)
        elif first[event["id"]] < newest[subject]:
            yield Problem("webhooks", f"{event['id']} {event['type']} arrived after a later one", subject)
        newest[subject] = max(newest[subject], first.get(event["id"], -1))


def _tried(subject: str) -> str:
    of_it = Delivery.objects.filter(subject=subject, status=DeliveryStatus.PENDING).order_by("id")
    first = of_it.values_list("attempts", "next_attempt_at", "last_error").first()
    return f": in its line the first was tried {first[0]} times, next {first[1]}, {first[2]}" if first else ""


def lists(evidence: Evidence) -> Iterator[Problem]:
    """A walk sees each customer that was there throughout exactly once; a search finds what is there."""
    born = {c.answer["id"]: c.end for c in evidence.of("create") if c.outcome == OK}
    # From the first moment on at which somebody began to take it away.
    gone: dict[str, float] = {}
    for call in evidence.calls:
        for one in _taken_away(call):
            gone.setdefault(one, call.start)
    for walk in evidence.of("walk", "export", "export_stream"):
        if walk.outcome != OK:
            continue
        seen = set(walk.answer)
        if len(seen) < len(walk.answer):
            yield Problem(
                "lists", f"a {walk.verb} of {len(walk.answer)} customers saw {len(walk.answer) - len(seen)} twice"
            )
        if walk.notes.get("count", len(walk.answer)) != len(walk.answer):
            yield Problem("lists", f"a {walk.verb} of {len(walk.answer)} customers says {walk.notes['count']}")
        for one, since in born.items():
            if since < walk.start and gone.get(one, float("inf")) > walk.end and one not in seen:
                yield Problem("lists", f"a {walk.verb} did not see {one}, which was there throughout", one)
    for search in evidence.of("search", "search_body"):
        ids = [one["id"] for one in search.answer["data"]] if search.outcome == OK else [search.target]
        was_there = born.get(search.target, search.end) < search.start
        if was_there and search.target not in ids and gone.get(search.target, float("inf")) > search.end:
            yield Problem("lists", f"a search for {search.path} did not find {search.target}", search.target)


def _taken_away(call: Call) -> list[str]:
    if call.verb in ("delete", "office_delete"):
        return [call.target]
    if call.verb in ("merge", "office_merge"):
        return [*call.sent["from"]]
    if call.verb == "office_bulk_delete":
        return [*call.sent["ids"]]
    if call.verb in BATCHES:
        return [one["id"] for one in call.sent["operations"] if one["op"] == "delete"]
    return []


def events(evidence: Evidence) -> Iterator[Problem]:
    """An event by itself is the one that the feed has, but for what was erased of it since."""
    feed = {event["id"]: (event["type"], event["object_version"]) for event in evidence.feed}
    for call in evidence.of("retrieve_event"):
        if call.outcome == OK:
            listed = call.notes["event"]
            one = {(e["id"], e["type"], e["object_version"]) for e in (listed, call.answer)}
            if len(one) > 1 or feed.get(listed["id"]) != (listed["type"], listed["object_version"]):
                yield Problem("events", f"{listed['id']} is {one}, the feed has {feed.get(listed['id'])}", call.target)
