"""Run in a grown copy of the project (see `tests/extension/test_extension.py`): the added attributes at every door."""

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from crm import merging
from crm.models import Customer, SupplierNumberAtCustomer
from overplane.origin import Origin
from tests.backoffice.people import member
from tests.conftest import CUSTOMER, ROW, Api, codes
from tests.filled_forms import filled

GROWN = {
    "grade": "A", "tier": "Gold", "is_vip": True, "credit": 9999999999.99, "visits": -7, "branches": 3,
    "since": "2024-02-29", "seen_at": "2024-02-29T09:30:00Z", "remarks": "long " * 1000 + "text",
}  # fmt: skip
DEFAULTS = {
    "grade": None, "tier": None, "is_vip": False, "credit": None, "visits": None, "branches": 1, "since": None, "seen_at": None, "remarks": None,
}  # fmt: skip
# What no column can hold, or what is of another kind.
WRONG = {
    "grade": ("x" * 256, "parameter_too_long"),
    "tier": ("Bronze", "parameter_invalid"),
    "is_vip": ("yes", "parameter_invalid_type"),
    "credit": (99999999999, "parameter_invalid_range"),
    "visits": (2**40, "parameter_invalid_range"),
    "branches": (-1, "parameter_invalid_range"),
    "since": ("2023-02-29", "parameter_invalid"),
    "seen_at": ("9999-12-31T23:59:59-01:00", "parameter_invalid"),
    "remarks": ("x" * 65536, "parameter_too_long"),
}
EXACT = GROWN | {
    "credit": Decimal("9999999999.99"),
    "since": date(2024, 2, 29),
    "seen_at": datetime(2024, 2, 29, 9, 30, tzinfo=UTC),
}


def grown(one: dict[str, Any]) -> dict[str, Any]:
    return {name: one[name] for name in GROWN}


def stored(model: Any) -> list[dict[str, Any]]:
    order = "idx" if model is SupplierNumberAtCustomer else "created_at"
    return [grown(one) for one in model.objects.order_by(order).values()]


def test_the_api_takes_and_shows_them(live_api: Api) -> None:
    api = live_api
    customer = api.create(**GROWN)
    row = api.add_row(customer["id"], **GROWN)
    assert grown(customer) == grown(row) == GROWN
    assert stored(Customer) == stored(SupplierNumberAtCustomer) == [EXACT]
    assert grown(api.get(f"{CUSTOMER}/{customer['id']}").json()) == GROWN
    assert [grown(one) for one in api.get(CUSTOMER).json()["data"]] == [GROWN]
    assert [grown(one) for one in api.get(f"{CUSTOMER}?order_by=customer_name").json()["data"]] == [GROWN]
    assert [grown(one) for one in api.rows(customer["id"])] == [GROWN]
    assert [grown(event["data"]["object"]) for event in api.feed("?after=start").json()["data"]] == [GROWN, GROWN]
    empty = api.create()
    assert grown(empty) == grown(api.add_row(empty["id"])) == DEFAULTS


@pytest.mark.parametrize("name", WRONG)
def test_the_api_refuses_what_no_column_can_hold(api: Api, name: str) -> None:
    customer = api.create()
    row = api.add_row(customer["id"])
    value, code = WRONG[name]
    for answer in (
        api.post(CUSTOMER, {"customer_name": "x", name: value}),
        api.patch(f"{CUSTOMER}/{customer['id']}", {name: value}),
        api.post(ROW, {"customer_id": customer["id"], name: value}),
        api.patch(f"{ROW}/{row['id']}", {name: value}),
    ):
        assert (answer.status_code, codes(answer)) == (400, {name: code})
    answer = api.patch(f"{CUSTOMER}/{customer['id']}", {"supplier_numbers": [{name: value}]})
    assert codes(answer) == {f"supplier_numbers[0].{name}": code}


def test_the_api_changes_them(api: Api) -> None:
    customer = api.create()
    row = api.add_row(customer["id"])
    assert grown(api.patch(f"{CUSTOMER}/{customer['id']}", GROWN).json()) == GROWN
    assert grown(api.patch(f"{ROW}/{row['id']}", GROWN).json()) == GROWN
    written = api.patch(f"{CUSTOMER}/{customer['id']}", {"supplier_numbers": [GROWN, {"id": row["id"], "visits": 8}]})
    assert [one["visits"] for one in written.json()["supplier_numbers"]] == [-7, 8]
    api.create()
    for query in ("credit=1e18", "visits=99999999999", "branches[lt]=-99999999999"):
        assert api.get(f"{CUSTOMER}?{query}").status_code in (200, 400), query
    assert len(api.get(f"{ROW}?parent_id={customer['id']}&branches=3").json()["data"]) == 2
    operations = [{"op": "create", "data": {"customer_name": "B", "supplier_numbers": [GROWN], **GROWN}}]
    (outcome,) = api.post(f"{CUSTOMER}/batch", {"operations": operations}).json()["data"]
    assert grown(outcome["object"]) == grown(outcome["object"]["supplier_numbers"][0]) == GROWN


def test_the_description_knows_them(api: Api) -> None:
    described = api.get("/api/openapi.json").json()["components"]["schemas"]
    for name in ("CustomerCreate", "SupplierNumberAtCustomerCreate"):
        known = described[name]["properties"]
        assert known["credit"]["maximum"] == 9999999999.99
        assert (known["visits"]["minimum"], known["visits"]["maximum"]) == (-(2**31), 2**31 - 1)
        assert known["branches"]["minimum"] == 0
        assert (known["grade"]["maxLength"], known["remarks"]["maxLength"]) == (255, 65535)
        assert (known["since"]["format"], known["seen_at"]["format"]) == ("date", "date-time")
        assert "boolean" in known["is_vip"]["type"]
    assert GROWN.keys() <= described["SupplierNumberAtCustomer"]["properties"].keys()


@pytest.mark.parametrize("format_", ["csv", "xlsx", "ndjson", "parquet"])
def test_files_carry_them_out_and_in(live_api: Api, tmp_path: Path, format_: str) -> None:
    customer = live_api.create(**GROWN)
    live_api.add_row(customer["id"], company="C", **GROWN)
    live_api.add_row(customer["id"], company="D")
    file = tmp_path / f"customers.{format_}"
    call_command("export_customers", str(file), "--quiet")
    live_api.delete(f"{CUSTOMER}/{customer['id']}")
    call_command("import_customers", str(file), "--quiet", "--map", "id=", "--map", "supplier_numbers.id=")
    assert stored(Customer) == [EXACT]
    assert stored(SupplierNumberAtCustomer) == [EXACT, DEFAULTS]


def test_an_import_names_the_cell_that_no_column_can_hold(db: None, tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    lines = [["customer_name", *GROWN, *(f"supplier_numbers.{name}" for name in GROWN)]]
    wrong = [
        "x" * 256,
        "Bronze",
        "perhaps",
        "99999999999",
        "1099511627776",
        "-1",
        "29.02.2024",
        "yesterday",
        "x" * 65536,
    ]
    lines.append(["Acme", *wrong, *wrong])
    with file.open("w", newline="") as target:
        csv.writer(target).writerows(lines)
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("import_customers", str(file), "--json", stdout=out)
    columns = {problem["column"] for problem in json.loads(out.getvalue())["problems"]}
    assert columns == set(lines[0]) - {"customer_name"}


def test_an_import_changes_rows_by_them_and_gives_them_back(live_api: Api, tmp_path: Path) -> None:
    customer = live_api.create(tax_id="DE1")
    live_api.add_row(customer["id"], company="C", **GROWN)
    file = tmp_path / "rows.csv"
    file.write_text(
        f"customer_id,company,grade,tier,is_vip,credit,visits,branches,since,seen_at,remarks\n"
        f"{customer['id']},C,B,Silver,no,0.5,0,9,2024-03-01,2024-03-01T10:00:00+01:00,short\n"
    )
    out = io.StringIO()
    call_command("import_customers", str(file), "--json", stdout=out)
    changed = {
        "grade": "B", "tier": "Silver", "is_vip": False, "credit": Decimal("0.50"), "visits": 0, "branches": 9,
        "since": date(2024, 3, 1), "seen_at": datetime(2024, 3, 1, 9, tzinfo=UTC), "remarks": "short",
    }  # fmt: skip
    assert stored(SupplierNumberAtCustomer) == [changed]
    call_command("undo_import", json.loads(out.getvalue())["run"])
    assert stored(SupplierNumberAtCustomer) == [EXACT]


@pytest.mark.django_db
def test_the_back_office_edits_them(api: Api) -> None:
    client = member("Manager")
    customer = api.create(**GROWN)
    row = api.add_row(customer["id"], **GROWN)
    address = reverse("admin:crm_customer_change", args=[customer["id"]])
    form = filled(client.get(address))
    assert client.post(address, form).status_code == 302
    assert stored(Customer) == stored(SupplierNumberAtCustomer) == [EXACT]
    wrong = form | {"supplier_numbers-0-visits": str(2**40), "credit": "99999999999"}
    page = client.post(address, wrong)
    assert page.status_code == 200, "what no column can hold must come back with the form"
    assert client.post(address, form | {"supplier_numbers-0-visits": "12", "credit": "1.25"}).status_code == 302
    assert api.get(f"{ROW}/{row['id']}").json()["visits"] == 12
    assert api.get(f"{CUSTOMER}/{customer['id']}").json()["credit"] == 1.25
    assert client.get(reverse("admin:crm_customer_history", args=[customer["id"]])).status_code == 200
    other = api.create()
    assert b"9999999999.99" in client.get(f"{reverse('merge')}?id={customer['id']}&id={other['id']}").content


def test_check_data_finds_nothing_wrong_with_them(api: Api) -> None:
    customer = api.create(**GROWN)
    api.add_row(customer["id"], **GROWN)
    call_command("check_data")


def test_a_merge_takes_the_rows_over(api: Api) -> None:
    survivor, other = api.create(), api.create()
    api.add_row(other["id"], **GROWN)
    merging.merge_customers(survivor["id"], [other["id"]], choices={}, origin=Origin("user:anna"))
    assert stored(SupplierNumberAtCustomer) == [EXACT]


def test_a_merge_that_is_taken_back_gives_them_back(api: Api) -> None:
    survivor, other = api.create(), api.create(**GROWN)
    api.add_row(other["id"], **GROWN)
    values = grown(other)
    assert api.post(f"{CUSTOMER}/{survivor['id']}/merge", {"from": [other["id"]], "values": values}).status_code == 200
    assert stored(Customer) == [EXACT]
    done = api.post(f"{CUSTOMER}/{survivor['id']}/unmerge", {"restore": [other["id"]]}).json()
    assert (done["kept"], done["restored"]) == ([], [other])
    assert stored(Customer) == [DEFAULTS, EXACT]
    assert stored(SupplierNumberAtCustomer) == [EXACT]
