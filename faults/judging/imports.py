"""Each import wrote its file once, however often it was killed; one that was taken back left nothing that nobody had changed."""

from collections import Counter
from collections.abc import Iterator

from faults.history import OK, REFUSED
from faults.judging.evidence import Evidence, Problem


def imported(evidence: Evidence) -> Iterator[Problem]:
    created = Counter(e["actor"] for e in evidence.feed if e["type"] == "customer.created")
    stored = {row["customer_name"].split(" ")[0]: one for one, row in evidence.customers.items()}
    for call in evidence.of("import", "office_import", "http_import"):
        if call.outcome != OK:
            continue
        if created[f"import:{call.answer}"] != len(call.sent):
            text = (
                f"{call.answer} of {call.path} created {created[f'import:{call.answer}']} customers of {len(call.sent)}"
            )
            yield Problem("imports", text)
        left = [stored[word] for word in call.sent if word in stored]
        if call.notes.get("undone") and (untouched := [one for one in left if one not in evidence.touched]):
            yield Problem("imports", f"{call.answer} was taken back, and {untouched[0]} is there", untouched[0])
        gone = [word for word in call.sent if word not in stored] if "undone" not in call.notes else []
        if len(gone) > len(evidence.deleted):
            yield Problem("imports", f"{call.answer}: {len(gone)} of its customers are not there")


def upserted(evidence: Evidence) -> Iterator[Problem]:
    """Each row has created or changed one customer, once."""
    events = Counter(e["actor"] for e in evidence.feed if e["type"] in ("customer.created", "customer.updated"))
    for call in evidence.of("http_upserts"):
        count = events[f"import:{call.answer}"]
        if call.outcome == OK and count != len(call.sent):
            yield Problem("imports", f"{call.answer} wrote {count} customers of {len(call.sent)} rows")


def broken_off(evidence: Evidence) -> Iterator[Problem]:
    """One that has broken off goes on only when somebody asks for that."""
    is_off: dict[str, bool] = {}
    for call in sorted(evidence.of("poll", "resume_import"), key=lambda one: one.end):
        run = call.path.removesuffix("/resume").partition("?")[0]
        if call.verb == "resume_import" and call.outcome != REFUSED:
            is_off[run] = False
        elif call.verb == "poll" and call.outcome == OK:
            if is_off.get(run) and call.answer["status"] != "broken_off":
                yield Problem(
                    "imports", f"{run} had broken off, and is {call.answer['status']} now; nobody went on with it"
                )
            is_off[run] = call.answer["status"] == "broken_off"
