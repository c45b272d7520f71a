"""Each customer is a linearizable register: its calls can be put into one order, within their times, that explains all answers.

The search of Wing and Gong with Lowe's memory, per customer, as Porcupine does it. A call without an answer may have happened
at any moment after its start, or never. Versions make it quick: most states allow one next write only.
What calls do not say of themselves, as an import or an undo, is taken from the log (`faults.judging.unanswered`).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from faults.history import ERASED, OK, REFUSED, UNKNOWN, Call
from faults.judging.evidence import BATCHES, Evidence, Problem
from faults.judging.unanswered import UnansweredChanges
from faults.pool import TRACKED

NEVER = float("inf")
# What the result says of them.
REGISTERS, UNDECIDED = "registers judged", "undecided"
AFTER_MERGE, OF_ERASED = "left out after a merge", "left out for what was erased"
MOST_STEPS = 200_000  # of one search; some seconds. None has come near
SPAN = 1.0  # seconds between the last call and what is stored
State = tuple[int, tuple[Any, ...]]  # version (0: not there) and tracked values
ABSENT: State = (0, ())
OF_MANY = ("bulk", "bulk_delete")  # who is not there any more is left out


class Undecided(Exception):
    """The search took too many steps."""


@dataclass(frozen=True, slots=True)
class Operation:
    """`values`, `version`: what its answer said of the customer after it. None: it did not say.

    `expected`, `seen`: the version, and the values, without which it would have been refused.
    """

    kind: str  # create, write, read, delete, missing, mismatch, bulk, bulk_delete
    start: float
    end: float
    sets: dict[str, Any] = field(default_factory=dict)
    expected: int = 0
    seen: dict[str, Any] = field(default_factory=dict)
    version: int | None = None
    values: tuple[Any, ...] | None = None
    is_optional: bool = False
    text: str = ""

    def after(self, state: State) -> State | None:
        """The state that it leaves, or None if it cannot have happened in this one."""
        if self.kind == "missing":
            return state if state[0] == 0 else None
        if self.kind == "create":
            return self._said((1, tuple(self.sets.get(n) for n in TRACKED))) if state == ABSENT else None
        if state[0] == 0:
            return state if self.kind in OF_MANY else None
        if self.kind == "mismatch":
            return state if state[0] != self.expected else None
        if self.expected and state[0] != self.expected:
            return None
        if self.kind == "read":
            return self._said(state)
        if self.kind in ("delete", "bulk_delete"):
            return ABSENT
        now = dict(zip(TRACKED, state[1], strict=True))
        if any(now[name] not in (value, self.sets[name]) for name, value in self.seen.items()):
            return None
        new = tuple(self.sets.get(n, old) for n, old in zip(TRACKED, state[1], strict=True))
        return self._said(state if new == state[1] else (state[0] + 1, new))

    def _said(self, state: State) -> State | None:
        is_version = self.version in (None, state[0])
        return state if is_version and self.values in (None, state[1]) else None


def registers(evidence: Evidence) -> Iterator[Problem]:
    told = UnansweredChanges(evidence)
    evidence.judged.update(dict.fromkeys((REGISTERS, AFTER_MERGE, OF_ERASED, UNDECIDED), 0))
    evidence.judged["changes taken from the log"] = len(told.changes)
    for customer_id, operations in _operations(evidence, told).items():
        if customer_id in evidence.in_merges:  # a merge changes several at once; replaying the feed judges those
            evidence.judged[AFTER_MERGE] += 1
            continue
        if customer_id in told.erased:
            evidence.judged[OF_ERASED] += 1
            continue
        try:
            stuck = first_contradiction(operations)
        except Undecided:
            evidence.judged[UNDECIDED] += 1
            continue
        evidence.judged[REGISTERS] += 1
        if stuck is not None:
            text = f"no order of {len(operations)} calls explains the answers of {customer_id}: {stuck}"
            yield Problem("linearizable", text, customer_id)


def first_contradiction(operations: list[Operation]) -> str | None:
    """None if there is an order; else how far the best one came, and what could not follow. May raise `Undecided`."""
    ordered = sorted(operations, key=lambda one: (one.end, one.start))
    # An operation may come next if it began before every one that is still to come has ended. As `ordered` is by their ends,
    # what is done is: all before `low`, and the set `done` of later ones.
    stack: list[tuple[int, frozenset[int], State]] = [(0, frozenset(), ABSENT)]
    seen: set[tuple[int, frozenset[int], State]] = set()
    needed = sum(not one.is_optional for one in ordered)
    best, stuck = -1, ""
    while stack:
        low, done, state = stack.pop()
        if low >= needed:
            return None
        if len(seen) > MOST_STEPS:
            raise Undecided
        if low > best:
            best, stuck = low, f"after {state} {ordered[low].text}"
        for i in range(len(ordered) - 1, low - 1, -1):
            one = ordered[i]
            if i in done or one.start > ordered[low].end:
                continue
            after = one.after(state)
            if after is None or (one.is_optional and after == state):
                continue
            new_low, new_done = _advanced(low, done | {i})
            key = (new_low, new_done, after)
            if key not in seen:
                seen.add(key)
                stack.append(key)
    return stuck


def _advanced(low: int, done: frozenset[int]) -> tuple[int, frozenset[int]]:
    while low in done:
        done = done - {low}
        low += 1
    return low, done


def _operations(evidence: Evidence, told: UnansweredChanges) -> dict[str, list[Operation]]:
    of: dict[str, list[Operation]] = defaultdict(list)
    for call in evidence.calls:
        for customer_id, operation in _of_call(call):
            of[customer_id].append(operation)
    last = max((call.end for call in evidence.calls), default=0) + SPAN
    known = {one for one, operations in of.items() if any(o.kind == "create" for o in operations)}
    for change in told.changes:
        times = {"start": change.start, "end": min(change.end, last), "text": change.text}
        one = Operation("write", sets=change.sets, version=change.version, values=change.values, **times)
        of[change.customer_id].append(one)
    for one in known:
        of[one] += of.get(_holder_of(evidence.tokens.get(one, "")), ())
        row = evidence.customers.get(one)
        end = {"start": last, "end": last, "text": "the stored row"}
        values = tuple(row[n] for n in TRACKED) if row else None
        stored = Operation("read", version=row["version"], values=values, **end) if row else Operation("missing", **end)
        of[one].append(stored)
    return {one: of[one] for one in known}


def _holder_of(tax_id: str) -> str:
    """Stands for whoever has this tax id, where an answer names nobody."""
    return f"tax id {tax_id}"


def _of_call(call: Call) -> Iterator[tuple[str, Operation]]:
    is_open = call.outcome == UNKNOWN
    text = f"{call.verb} {call.sent or ''} by {call.client}: {call.status} {call.code} {call.version or ''}"
    more: dict[str, Any] = {
        "start": call.start,
        "end": NEVER if is_open else call.end,
        "is_optional": is_open,
        "text": text,
    }
    answer = call.answer if call.outcome == OK else None
    values = tuple(answer[n] for n in TRACKED) if isinstance(answer, dict) and TRACKED[0] in answer else None
    if call.verb == "create" and answer:
        yield answer["id"], Operation("create", sets=call.sent, values=values, **more)
    elif call.outcome == REFUSED and call.verb in ("patch", "retrieve", "delete", "office", "office_cell"):
        if call.code == "precondition_failed":
            yield call.target, Operation("mismatch", expected=call.expected, **more)
        elif call.code in ("resource_missing", "gone") and call.status == 404:
            yield call.target, Operation("missing", **more)
    elif call.outcome == REFUSED:
        return
    elif call.verb in ("patch", "office", "office_cell"):
        sets = {n: v for n, v in call.sent.items() if n in TRACKED}
        version = call.version or None
        expected = {"expected": call.expected, "seen": call.notes.get("seen", {})}
        yield call.target, Operation("write", sets=sets, version=version, values=values, **expected, **more)
    elif call.verb == "retrieve" and answer:
        yield call.target, Operation("read", version=call.version, values=values, **more)
    elif call.verb in ("delete", "office_delete") and call.outcome in (OK, ERASED, UNKNOWN):
        yield call.target, Operation("delete", expected=call.expected, **more)
    elif call.verb in ("office_bulk", "office_bulk_delete"):
        kind = "bulk" if call.verb == "office_bulk" else "bulk_delete"
        for one in call.sent["ids"]:
            yield one, Operation(kind, sets=call.sent.get("values", {}), **more)
    elif call.verb in BATCHES:
        yield from _of_batch(call, more)


def _of_batch(call: Call, more: dict[str, Any]) -> Iterator[tuple[str, Operation]]:
    """Each operation by itself. Of an answer that was erased nobody knows which of them were done."""
    more = more | {"is_optional": call.outcome != OK, "end": call.end if call.outcome == OK else NEVER}
    entries = {one["index"]: one for one in call.answer["data"]} if call.outcome == OK else {}
    for i, operation in enumerate(call.sent["operations"]):
        entry = entries.get(i, {"status": 200})
        shown, op = entry.get("object") or {}, operation["op"]
        values = tuple(shown[n] for n in TRACKED) if TRACKED[0] in shown else None
        version = int(entry["etag"].strip('"')) if "etag" in entry else None
        if op in ("create", "upsert") and shown and entry["status"] == 201:
            yield shown["id"], Operation("create", sets=operation["data"], values=values, **more)
        elif op == "upsert" and entry["status"] == 200:
            who = shown["id"] if shown else _holder_of(operation["data"]["tax_id"])
            sets = {n: v for n, v in operation["data"].items() if n in TRACKED}
            yield who, Operation("write", sets=sets, version=version, values=values, **more)
        elif entry["status"] == 404 and entry["error"]["code"] == "resource_missing":
            yield operation["id"], Operation("missing", **more)
        elif op == "update" and entry["status"] == 200:
            yield operation["id"], Operation("write", sets=operation["data"], version=version, values=values, **more)
        elif op == "retrieve" and shown:
            yield operation["id"], Operation("read", version=version, values=values, **more)
        elif op == "delete" and entry["status"] == 200:
            yield operation["id"], Operation("delete", **more)
