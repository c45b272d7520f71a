"""Those who only read saw what they must: the feed without gap and repeat, lists, their own writes, webhooks in order."""

from collections import defaultdict
from collections.abc import Iterator

from faults.history import OK, Call
from faults.judging.evidence import Evidence, Problem, subject_of
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
    """Webhooks bring every event, and those of one customer in the order of the feed."""
    first: dict[str, int] = {}
    for position, event_id in enumerate(evidence.webhooks):
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
    for walk in evidence.of("walk"):
        seen = set(walk.answer)
        if len(seen) < len(walk.answer):
            yield Problem("lists", f"a walk of {len(walk.answer)} customers saw {len(walk.answer) - len(seen)} twice")
        for one, since in born.items():
            if since < walk.start and gone.get(one, float("inf")) > walk.end and one not in seen:
                yield Problem("lists", f"a walk did not see {one}, which was there throughout", one)
    for search in evidence.of("search"):
        ids = [one["id"] for one in search.answer["data"]] if search.outcome == OK else [search.target]
        was_there = born.get(search.target, search.end) < search.start
        if was_there and search.target not in ids and gone.get(search.target, float("inf")) > search.end:
            yield Problem("lists", f"a search for {search.path} did not find {search.target}", search.target)


def _taken_away(call: Call) -> list[str]:
    if call.verb in ("delete", "office_delete"):
        return [call.target]
    if call.verb == "merge":
        return [*call.sent["from"]]
    if call.verb == "batch":
        return [one["id"] for one in call.sent["operations"] if one["op"] == "delete"]
    return []
