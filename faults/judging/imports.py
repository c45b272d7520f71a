"""Each import wrote its file once, however often it was killed; one that was taken back left nothing that nobody had changed."""

from collections import Counter
from collections.abc import Iterator

from faults.history import OK
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
