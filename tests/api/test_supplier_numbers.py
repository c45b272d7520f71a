"""The line items: /api/crm/supplier-number-at-customer."""

import os
import random
import time
from typing import Any

import pytest

from crm.line_items import SUPPLIER_NUMBERS
from crm.models import SupplierNumberAtCustomer
from overplane.api import pagination
from tests.conftest import CUSTOMER, ROW, Api, codes
from tests.threads import concurrently

SECONDS = float(os.environ.get("CONCURRENCY_SECONDS", "2"))


@pytest.fixture
def customer(api: Api) -> str:
    return api.create()["id"]


def companies(api: Api, customer: str) -> str:
    rows = api.rows(customer)
    assert [row["idx"] for row in rows] == list(range(1, len(rows) + 1))
    return "".join(row["company"] for row in rows)


def fill(api: Api, customer: str, letters: str = "ABCD") -> dict[str, str]:
    return {letter: api.add_row(customer, company=letter)["id"] for letter in letters}


def test_a_row_has_its_documented_shape(api: Api, customer: str) -> None:
    row = api.add_row(customer, company=" Example Corp ", supplier_number="")
    documented = {
        "id": row["id"],
        "idx": 1,
        "customer_id": customer,
        "company": "Example Corp",
        "supplier_number": None,
    }
    assert list(row) == list(SUPPLIER_NUMBERS.output_names)
    assert [name for name in row if name in documented] == list(documented)
    added = {name: known.default for name, known in SUPPLIER_NUMBERS.attributes.items() if name not in documented}
    assert row == documented | added
    assert row["id"].startswith("supplier-number-at-customer_")
    answer = api.get(f"{ROW}/{row['id']}")
    assert (answer.json(), answer["ETag"]) == (row, '"1"')
    assert api.get(f"{ROW}/{row['id']}", If_None_Match='"1"').status_code == 304


def test_rows_do_not_touch_their_customer(api: Api, customer: str) -> None:
    before = api.get(f"{CUSTOMER}/{customer}")
    row = api.add_row(customer)
    api.patch(f"{ROW}/{row['id']}", {"company": "x"})
    api.delete(f"{ROW}/{row['id']}")
    after = api.get(f"{CUSTOMER}/{customer}")
    assert (after.content, after["ETag"]) == (before.content, before["ETag"])


@pytest.mark.parametrize(
    ("change", "order"),
    [
        (lambda a, c, r: a.add_row(c, company="X"), "ABCDX"),
        (lambda a, c, r: a.add_row(c, company="X", idx=1), "XABCD"),
        (lambda a, c, r: a.add_row(c, company="X", idx=3), "ABXCD"),
        (lambda a, c, r: a.add_row(c, company="X", idx=5), "ABCDX"),
        (lambda a, c, r: a.patch(f"{ROW}/{r['A']}", {"idx": 4}), "BCDA"),
        (lambda a, c, r: a.patch(f"{ROW}/{r['D']}", {"idx": 2}), "ADBC"),
        (lambda a, c, r: a.patch(f"{ROW}/{r['B']}", {"idx": 2.0, "company": "Y"}), "AYCD"),
        (lambda a, c, r: a.delete(f"{ROW}/{r['B']}"), "ACD"),
        (lambda a, c, r: a.delete(f"{ROW}/{r['D']}"), "ABC"),
        (lambda a, c, r: a.post(f"{ROW}/reorder", {"parent_id": c, "ordered_ids": [r[x] for x in "DBAC"]}), "DBAC"),
        (lambda a, c, r: a.call("PUT", f"{ROW}/reorder", {"customer_id": c, "ordered_ids": [r[x] for x in "CDAB"]}), "CDAB"),
        (lambda a, c, r: a.patch(f"{ROW}/reorder", {"parent_id": c, "ordered_ids": [r[x] for x in "ABCD"]}), "ABCD"),
    ],
)  # fmt: skip
def test_idx_stays_1_to_n(api: Api, customer: str, change: Any, order: str) -> None:
    rows = fill(api, customer)
    change(api, customer, rows)
    assert companies(api, customer) == order


def test_a_row_that_moves_is_a_new_version(api: Api, customer: str) -> None:
    rows = fill(api, customer, "AB")
    api.delete(f"{ROW}/{rows['A']}")
    assert api.get(f"{ROW}/{rows['B']}")["ETag"] == '"2"'
    assert api.patch(f"{ROW}/{rows['B']}", {"company": "x"}, If_Match='"1"').status_code == 412
    assert api.delete(f"{ROW}/{rows['B']}", If_Match='"2"').status_code == 200


def test_reorder_answers_the_list(api: Api, customer: str) -> None:
    rows = fill(api, customer)
    answer = api.post(f"{ROW}/reorder", {"parent_id": customer, "ordered_ids": list(rows.values())[::-1]})
    assert answer.status_code == 200
    assert answer.json() == api.get(f"{ROW}?parent_id={customer}").json()


@pytest.mark.parametrize(
    ("ids", "wrong"),
    [
        (lambda r: [r["A"]], {"ordered_ids": "reorder_incomplete"}),
        (lambda r: [r["A"], "row_x", r["B"]], {"ordered_ids[1]": "resource_missing"}),
        (lambda r: [r["A"], r["B"], r["A"]], {"ordered_ids[2]": "parameter_duplicate"}),
        (lambda r: [5, r["B"]], {"ordered_ids[0]": "parameter_invalid_type"}),
        (lambda r: "x", {"ordered_ids": "parameter_invalid_type"}),
    ],
)
def test_reorder_takes_only_a_complete_permutation(api: Api, customer: str, ids: Any, wrong: dict[str, str]) -> None:
    rows = fill(api, customer, "AB")
    answer = api.post(f"{ROW}/reorder", {"parent_id": customer, "ordered_ids": ids(rows)})
    assert answer.status_code == 400
    assert codes(answer) == wrong
    assert companies(api, customer) == "AB"


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"customer_id": "parameter_missing"}),
        ({"customer_id": "customer_none"}, {"customer_id": "resource_missing"}),
        ({"parent_id": "customer_none"}, {"parent_id": "resource_missing"}),
        ({"parent_id": "a", "customer_id": "b"}, {"parent_id": "parameter_conflict"}),
        (
            {"customer_id": 5, "company": 5},
            {"customer_id": "parameter_invalid_type", "company": "parameter_invalid_type"},
        ),
        ({"customer_id": "x", "sup_number": "1"}, {"sup_number": "parameter_unknown"}),
    ],
)
def test_create_refuses(api: Api, body: dict[str, Any], wrong: dict[str, str]) -> None:
    answer = api.post(ROW, body)
    assert answer.status_code == 400
    assert codes(answer) == wrong


@pytest.mark.parametrize(
    ("idx", "code"), [(0, "range"), (4, "range"), (-1, "range"), ("1", "type"), (1.5, "type"), (True, "type")]
)
def test_a_place_must_exist(api: Api, customer: str, idx: Any, code: str) -> None:
    rows = fill(api, customer, "AB")
    answer = api.post(ROW, {"customer_id": customer, "idx": idx})
    assert codes(answer) == {"idx": f"parameter_invalid_{code}"}
    if idx != 4:
        assert codes(api.patch(f"{ROW}/{rows['A']}", {"idx": idx})) == {"idx": f"parameter_invalid_{code}"}
    assert codes(api.patch(f"{ROW}/{rows['A']}", {"idx": 3})) == {"idx": "parameter_invalid_range"}


def test_a_row_never_changes_its_customer(api: Api, customer: str) -> None:
    row = api.add_row(customer)
    other = api.create()["id"]
    assert codes(api.patch(f"{ROW}/{row['id']}", {"customer_id": other})) == {"customer_id": "parameter_immutable"}
    assert api.patch(f"{ROW}/{row['id']}", {"customer_id": customer, "company": "x"}).status_code == 200
    assert api.patch(f"{ROW}/{row['id']}", row).status_code == 200


def test_the_list_needs_its_parent_and_pages_if_asked(api: Api, customer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = list(fill(api, customer, "ABCDE").values())
    assert codes(api.get(ROW)) == {"parent_id": "parameter_missing"}
    assert codes(api.get(f"{ROW}?parent_id=customer_none")) == {"parent_id": "resource_missing"}
    assert codes(api.get(f"{ROW}?parent_id={customer}&limt=1")) == {"limt": "parameter_unknown"}

    def page(query: str) -> tuple[list[int], bool, int]:
        body = api.get(f"{ROW}?parent_id={customer}&{query}").json()
        return [rows.index(row["id"]) for row in body["data"]], body["has_more"], body["total"]

    assert page("") == ([0, 1, 2, 3, 4], False, 5)
    assert page("limit=2&offset=1") == ([1, 2], True, 5)
    assert page("offset=3") == ([3, 4], False, 5)
    assert page("offset=9") == ([], False, 5)
    monkeypatch.setattr(pagination, "FAR", 1)
    assert page("limit=2&offset=1") == ([1, 2], True, 5)
    assert page("limit=2&offset=3") == ([3, 4], False, 5)
    assert page(f"limit=2&starting_after={rows[1]}") == ([2, 3], True, 5)
    assert page(f"starting_after={rows[1]}") == ([2, 3, 4], False, 5)
    assert page(f"limit=1&ending_before={rows[2]}") == ([1], True, 5)
    assert page("company=C") == ([2], False, 1)


@pytest.mark.slow
def test_threads_leave_the_places_whole(live_api: Api) -> None:
    """Eight threads create, delete, move and reorder the rows of one customer."""
    customer = live_api.create()["id"]
    fill(live_api, customer)
    end = time.monotonic() + SECONDS

    def work(i: int) -> set[int]:
        api, dice, statuses = Api(live_api.key), random.Random(i), set()
        while time.monotonic() < end:
            ids = [row["id"] for row in api.rows(customer)]
            kind = dice.choice(["add", "add", "delete", "move", "reorder"])
            if kind == "add" or not ids:
                body = {"customer_id": customer} | ({"idx": 1} if dice.random() < 0.5 else {})
                answer = api.post(ROW, body)
            elif kind == "delete":
                answer = api.delete(f"{ROW}/{dice.choice(ids)}")
            elif kind == "move":
                answer = api.patch(f"{ROW}/{dice.choice(ids)}", {"idx": dice.randint(1, len(ids))})
            else:
                answer = api.post(f"{ROW}/reorder", {"parent_id": customer, "ordered_ids": dice.sample(ids, len(ids))})
            statuses.add(answer.status_code)
        return statuses

    statuses = set().union(*concurrently(work, 8))
    assert statuses <= {200, 201, 400, 404}
    assert statuses >= {200, 201}
    positions = list(SupplierNumberAtCustomer.objects.order_by("idx").values_list("idx", flat=True))
    assert positions == list(range(1, len(positions) + 1))
