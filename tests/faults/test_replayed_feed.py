"""What the judge makes of a feed (`faults.judging.replaying`), on feeds of a few events."""

from typing import Any

import pytest

from faults.judging.replaying import Replay

BACK = "customer-back"  # was merged into the survivor, and is a customer of its own again
SURVIVOR = "customer-survivor"
Feed = list[dict[str, Any]]


def event(number: int, what: str, shown: dict[str, Any], previous: dict[str, Any] | None = None) -> dict[str, Any]:
    """Of the row, unless `shown` is a customer."""
    kind = "customer" if shown["id"].startswith("customer") else "supplier_number_at_customer"
    data = {"object": shown, "previous_attributes": previous or {}}
    return {"id": f"evt_{number}", "type": f"{kind}.{what}", "object_version": number, "data": data}


def row(customer_id: str, **values: Any) -> dict[str, Any]:
    return {"id": "row", "customer_id": customer_id, **values}


CREATED = event(1, "created", row(BACK, idx=1, supplier_number="1"))
MOVED = event(2, "updated", row(SURVIVOR, idx=2, supplier_number="1"), {"customer_id": BACK, "idx": 1})
CHANGED = event(3, "updated", row(SURVIVOR, idx=2, supplier_number="2"), {"supplier_number": "1"})
RETURNED = event(4, "updated", row(BACK, idx=1, supplier_number="2"), {"customer_id": SURVIVOR, "idx": 2})
# As deleting the survivor leaves them.
MOVED_UNTOLD, CHANGED_UNTOLD = event(2, "updated", row(SURVIVOR)), event(3, "updated", row(SURVIVOR))


def problems(feed: Feed, erased: set[str]) -> list[str]:
    replay = Replay(erased)
    return [problem for each in feed for problem in replay.apply(each)]


@pytest.mark.parametrize(
    ("feed", "erased"),
    [
        ([CREATED, MOVED, CHANGED, RETURNED], set()),
        ([CREATED, MOVED_UNTOLD, CHANGED_UNTOLD, RETURNED], {SURVIVOR}),
    ],
    ids=["all told", "the survivor was deleted, and what happened to the row there is told no more"],
)
def test_what_fits_is_no_problem(feed: Feed, erased: set[str]) -> None:
    assert problems(feed, erased) == []


@pytest.mark.parametrize(
    ("feed", "erased", "found"),
    [
        ([CREATED, MOVED, RETURNED], set(), "supplier_number changed, which it does not say"),
        ([CREATED, MOVED_UNTOLD, RETURNED], set(), "changed, which it does not say"),
        ([CREATED, CHANGED_UNTOLD, MOVED], {SURVIVOR}, "version 2 after 3"),
        ([MOVED], set(), "it is not there"),
        ([CREATED, CREATED], set(), "it is there already"),
        ([CREATED, event(2, "updated", row(BACK, supplier_number="3"))], {SURVIVOR}, "changed, which it does not say"),
        ([CREATED, event(2, "updated", row(BACK, idx=1, supplier_number="3"), {"supplier_number": "9"})], set(), "was '1', not '9'"),
    ],
    ids=["a change untold", "untold, and nobody was deleted", "out of order", "of nothing", "twice", "of another", "of another value"],
)  # fmt: skip
def test_what_does_not_fit_is_found(feed: Feed, erased: set[str], found: str) -> None:
    assert any(found in problem for problem in problems(feed, erased)), problems(feed, erased)
