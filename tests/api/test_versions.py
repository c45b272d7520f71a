"""An ETag changes if and only if what it stands for does, and the log names each version once."""

from typing import Any

import pytest

from crm import merging
from overplane.events.models import Event
from overplane.origin import Origin
from tests.changes import BEFORE, MOVES, NUMBERS, WAYS
from tests.conftest import CUSTOMER, ROW, Api
from tests.doors import World

MOVED = {f"moving: {name}": change for name, (change, _, _) in MOVES.items()}
CHANGES = {name: change for name, (change, _, _) in WAYS.items()} | MOVED
CHANGES["a new order"] = lambda w: w.api.post(
    f"{ROW}/reorder", {"parent_id": w.customer, "ordered_ids": list(reversed(w.rows.values()))}
)
Seen = dict[str, tuple[Any, str]]  # what an object looks like, and its ETag


@pytest.fixture
def world(api: Api, imported: Any) -> World:
    customer = api.create(**BEFORE)["id"]
    numbers = NUMBERS | {"C": "ALT-99"}
    rows = {c: api.add_row(customer, company=c, supplier_number=n)["id"] for c, n in numbers.items()}
    return World(api, imported, customer, rows)


def seen(api: Api) -> Seen:
    customers = [one["id"] for one in api.get(CUSTOMER).json()["data"]]
    paths = [f"{CUSTOMER}/{one}" for one in customers]
    paths += [f"{ROW}/{row['id']}" for one in customers for row in api.rows(one)]
    answers = {path: api.get(path) for path in paths}
    return {path.rpartition("/")[2]: (answer.json(), answer["ETag"]) for path, answer in answers.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_another_object_is_another_version_and_the_same_is_the_same(world: World, name: str) -> None:
    before, last = seen(world.api), Event.objects.latest("seq").seq
    CHANGES[name](world)
    after = seen(world.api)
    events = Event.objects.exclude(type__endswith=".reordered").order_by("seq")
    changed = set(events.filter(seq__gt=last).values_list("object_id", flat=True))
    assert changed or name == "a new order"
    for one in before.keys() & after.keys():
        (old, old_tag), (new, new_tag) = before[one], after[one]
        # What is changed back in the same second looks as it did.
        assert old_tag != new_tag if old != new or one in changed else old_tag == new_tag, one
    versions: dict[str, list[int]] = {}
    for event in events:
        versions.setdefault(event.object_id, []).append(event.object_version)
    for one, named in versions.items():
        assert named[0] == 1, one
        assert named == sorted(set(named)), one
    for one, (output, tag) in after.items():
        # A row that others shift is another version without an event of its own.
        is_shifted = output.get("idx") != before.get(one, (output,))[0].get("idx")
        assert tag == f'"{versions[one][-1]}"' or is_shifted, one


def test_what_is_deleted_is_one_version_further(world: World) -> None:
    row = world.rows["A"]
    world.api.patch(f"{ROW}/{row}", {"company": "x"})
    world.api.delete(f"{ROW}/{row}")
    world.api.delete(f"{CUSTOMER}/{world.customer}")
    deletions = (
        Event.objects.filter(type__endswith=".deleted").order_by("seq").values_list("object_id", "object_version")
    )
    assert list(deletions) == [(row, 3), (world.customer, 2)]


def test_each_operation_of_a_batch_is_a_version(world: World) -> None:
    changes = [{"op": "update", "id": world.customer, "data": {"gender": g}} for g in ("a", "b", "b", "c")]
    world.batch(*changes)
    versions = Event.objects.filter(type="customer.updated").order_by("seq").values_list("object_version", flat=True)
    assert list(versions) == [2, 3, 4]
    answer = world.api.get(f"{CUSTOMER}/{world.customer}")
    assert (answer["ETag"], answer.json()["gender"]) == ('"4"', "c")


def test_rows_that_a_merge_takes_over_are_new_versions(world: World) -> None:
    other = world.api.create()["id"]
    row = world.api.add_row(other, supplier_number="1")["id"]
    merging.merge_customers(world.customer, [other], choices={}, origin=Origin("user:anna"))
    answer = world.api.get(f"{ROW}/{row}")
    assert (answer.json()["customer_id"], answer.json()["idx"], answer["ETag"]) == (world.customer, 4, '"2"')
    assert world.api.patch(f"{ROW}/{row}", {"company": "x"}, If_Match='"1"').status_code == 412


@pytest.mark.parametrize("name", ["idx", "company", "supplier_number"])
def test_null_is_no_place_and_no_value(world: World, name: str) -> None:
    """On create a row without a place goes last; on change it stays where it is."""
    created = world.api.post(ROW, {"customer_id": world.customer, "company": "D", "supplier_number": "4", name: None})
    assert created.status_code == 201
    assert created.json()["idx"] == 4
    before = world.api.get(f"{ROW}/{world.rows['B']}").json()
    answer = world.api.patch(f"{ROW}/{world.rows['B']}", {name: None})
    expected = before if name == "idx" else before | {name: None}
    assert (answer.status_code, answer.json()) == (200, expected)
