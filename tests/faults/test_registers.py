"""The search for an order that explains what clients were answered (`faults.judging.register`), on histories of a few calls."""

from typing import Any

import pytest

from faults.judging import register
from faults.judging.register import NEVER, Operation, Undecided, first_contradiction


def operation(
    kind: str, start: float, end: float, name: str | None = None, version: int | None = None, **more: Any
) -> Operation:
    """`name`: the customer's name that is written, or was read."""
    values = (name, None, None, None) if kind == "read" else None
    sets = {"customer_name": name} if kind in ("create", "write", "bulk") else {}
    return Operation(kind, start, end, sets=sets, version=version, values=values, text=f"{kind} {name}", **more)


CREATED = operation("create", 0, 1, "a", 1)
LOST = {"is_optional": True}  # without an answer

EXPLAINED = {
    "one after the other": [CREATED, operation("write", 2, 3, "b", 2), operation("read", 4, 5, "b", 2)],
    "a read beside a write sees what was": [CREATED, operation("write", 2, 5, "b", 2), operation("read", 3, 4, "a", 1)],
    "a read beside a write sees what will be": [CREATED, operation("write", 2, 5, "b", 2), operation("read", 3, 4, "b", 2)],
    "a lost write happened late": [
        CREATED, operation("write", 2, NEVER, "b", **LOST), operation("read", 4, 5, "a", 1), operation("read", 6, 7, "b", 2),
    ],
    "a lost write never happened": [CREATED, operation("write", 2, NEVER, "b", **LOST), operation("read", 9, 10, "a", 1)],
    "one change of many leaves out who is gone": [
        CREATED, operation("delete", 2, 3), operation("bulk", 4, 5, "b"), operation("missing", 6, 7),
    ],
    "a cell that was as the person saw it": [
        CREATED, operation("write", 2, 5, "b", 3), operation("write", 3, 6, "c", 2, seen={"customer_name": "a"}),
    ],
    "gone after it was deleted": [CREATED, operation("delete", 2, 3), operation("missing", 4, 5)],
    "refused, for it had another version": [
        CREATED, operation("write", 2, 3, "b", 2), operation("mismatch", 4, 5, expected=1),
    ],
}  # fmt: skip
CONTRADICTORY = {
    "a stale read": [CREATED, operation("write", 2, 3, "b", 2), operation("read", 4, 5, "a", 1)],
    "a lost update": [
        CREATED, operation("write", 2, 5, "b", 2), operation("write", 2, 5, "c", 2), operation("read", 6, 7, "c", 2),
    ],
    "an acknowledged write that is gone": [CREATED, operation("write", 2, 3, "b", 2), operation("read", 4, 5, "a", 2)],
    "one change of many is lost": [CREATED, operation("bulk", 2, 3, "b"), operation("read", 4, 5, "a", 1)],
    "back from the dead": [CREATED, operation("delete", 2, 3), operation("read", 4, 5, "a", 1)],
    "seen, then unseen": [
        CREATED, operation("write", 2, NEVER, "b", **LOST), operation("read", 4, 5, "b", 2), operation("read", 6, 7, "a", 1),
    ],
    "a cell that was another one than the person saw": [
        CREATED, operation("write", 2, 3, "b", 2), operation("write", 4, 5, "c", seen={"customer_name": "a"}),
    ],
    "a version that was not expected": [CREATED, operation("write", 2, 3, "b", 2), operation("write", 4, 5, "c", 3, expected=1)],
}  # fmt: skip


@pytest.mark.parametrize("history", EXPLAINED.values(), ids=EXPLAINED)
def test_what_can_be_explained_is_no_contradiction(history: list[Operation]) -> None:
    assert first_contradiction(history) is None


@pytest.mark.parametrize("history", CONTRADICTORY.values(), ids=CONTRADICTORY)
def test_what_no_order_explains_is_found(history: list[Operation]) -> None:
    assert first_contradiction(history)


def test_a_search_that_takes_too_long_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "MOST_STEPS", 1)
    with pytest.raises(Undecided):
        first_contradiction(EXPLAINED["a lost write happened late"])
