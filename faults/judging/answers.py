"""No answer that a client could not expect, and the same answer to the same key."""

from collections.abc import Iterator

from faults.history import ERASED, OK, REFUSED, UNKNOWN
from faults.judging.evidence import BATCHES, Evidence, Problem
from faults.settling import FIRST

FEWEST = 20  # calls that must have been done, or a run says nothing
# What may be wrong with a call because somebody else was faster. Everything else is a mistake of the service.
GONE = {"resource_missing", "resource_merged"}
ROWS = GONE | {"parameter_invalid_range", "reorder_incomplete"}
STATE = {"import_state"}  # it has gone on, or come to its end, meanwhile
REFUSALS = {
    "patch": GONE | {"precondition_failed"}, "retrieve": GONE, "delete": GONE, "batch": GONE, "add_row": ROWS,
    "patch_row": ROWS, "delete_row": ROWS, "reorder": ROWS, "list_rows": GONE, "merge": GONE,
    "unmerge": GONE | {"unmerge_expired"}, "office": {"conflict", "gone", "invalid"},
    "office_delete": {"gone"}, "office_cell": {"conflict", "gone"}, "office_restore": {"gone"},
    "office_merge": {"gone", "invalid"}, "upsert": GONE, "search_body": set(), "retrieve_row": GONE,
    "retrieve_event": GONE, "events_of": GONE, "dismiss": GONE, "reopen": GONE, "cancel_import": STATE,
    "apply_import": STATE, "resume_import": STATE, "undo_import": STATE, "resend": GONE, "delivery": GONE,
}  # fmt: skip


def expected(evidence: Evidence) -> Iterator[Problem]:
    for call in evidence.calls:
        text = f"{call.verb} {call.path} by {call.client}: {call.status} {call.code}"
        is_failure = call.outcome == UNKNOWN and call.status not in (0, 503)
        is_refusal = call.outcome == REFUSED and call.code not in REFUSALS.get(call.verb, ()) and call.verb != "replay"
        if is_failure or is_refusal:
            yield Problem("expected answers", text, call.target)
        elif call.outcome == UNKNOWN and call.key:
            yield Problem("expected answers", f"{text}, and no final answer after {call.attempts} times", call.target)
    for call in evidence.of(*BATCHES):
        for one in call.answer["data"] if call.outcome == OK else ():
            if "error" in one and one["error"]["code"] not in GONE:
                text = f"operation {one['index']} of a {call.verb} by {call.client}: {one['error']}"
                yield Problem("expected answers", text, call.sent["operations"][one["index"]].get("id", ""))


def some(evidence: Evidence) -> Iterator[Problem]:
    """A service that does nothing does nothing wrong."""
    done = sum(call.is_done for call in evidence.of(*REFUSALS, "create"))
    if done < FEWEST or not evidence.feed or not evidence.webhooks_at(FIRST):
        yield Problem("expected answers", f"only {done} calls were done")


def repeated(evidence: Evidence) -> Iterator[Problem]:
    """An answer that was stored comes again as it was, unless whom it shows was deleted."""
    for call in evidence.of("replay"):
        first, shown = call.notes["first"], call.raw
        what = f"{call.path} with the key {call.key}"
        if call.outcome == OK and (shown, call.status) != (first, call.notes["first_status"]):
            yield Problem("stored answers", f"{what} answered {first[:200]} first and {shown[:200]} later", call.target)
        elif call.outcome == ERASED and not evidence.deleted:
            yield Problem("stored answers", f"{what}: erased, and nobody was deleted", call.target)
        elif call.outcome not in (OK, ERASED):
            yield Problem(
                "stored answers", f"{what}: {call.status} {call.code}, it was {call.notes['first_status']}", call.target
            )
