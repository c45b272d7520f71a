"""POST /api/crm/customer."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CUSTOMER, Api, codes

SAMPLE = json.loads((Path(__file__).parent / "samples" / "customer.json").read_text())
IDENTITY = ("id", "created_at", "updated_at")


def test_creates_with_defaults(api: Api) -> None:
    answer = api.post(CUSTOMER, {"customer_name": "Acme"})
    assert answer.status_code == 201
    customer = answer.json()
    # The documented ones in the documented order; what a house adds of its own does not disturb them.
    assert [name for name in customer if name in SAMPLE] == list(SAMPLE)
    assert customer["customer_name"] == "Acme"
    assert customer["customer_type"] == "Company"
    assert customer["disabled"] is False
    assert customer["default_commission_rate"] is None
    assert customer["id"].startswith("customer_")
    assert api.get(f"{CUSTOMER}/{customer['id']}").json() == customer
    assert answer["Location"] == f"{CUSTOMER}/{customer['id']}"


def test_the_sample_comes_back_as_sent(api: Api) -> None:
    answer = api.post(CUSTOMER, SAMPLE)
    assert answer.status_code == 201
    customer = answer.json()
    assert {k: customer[k] for k in SAMPLE if k not in IDENTITY} == {
        k: v for k, v in SAMPLE.items() if k not in IDENTITY
    }
    assert customer["id"] != SAMPLE["id"]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("customer_name", "", "parameter_invalid_empty"),
        ("customer_name", "   ", "parameter_invalid_empty"),
        ("customer_name", None, "parameter_invalid_empty"),
        ("customer_name", 5, "parameter_invalid_type"),
        ("customer_name", "x" * 256, "parameter_too_long"),
        ("customer_type", "Club", "parameter_invalid"),
        ("email_id", "nobody", "parameter_invalid"),
        ("email_id", "a@b@c", "parameter_invalid"),
        ("email_id", "a b@c", "parameter_invalid"),
        ("default_currency", "usd", "parameter_invalid"),
        ("default_currency", "ÄÖÜ", "parameter_invalid"),
        ("default_commission_rate", "5", "parameter_invalid_type"),
        ("default_commission_rate", True, "parameter_invalid_type"),
        ("default_commission_rate", -1, "parameter_invalid_range"),
        ("default_commission_rate", 100.5, "parameter_invalid_range"),
        ("default_commission_rate", 0.1234567891, "parameter_invalid"),
        ("disabled", 1, "parameter_invalid_type"),
        ("disabled", "true", "parameter_invalid_type"),
        ("website", "x" * 2049, "parameter_too_long"),
        ("primary_address", "x" * 65536, "parameter_too_long"),
        ("teritory", "x", "parameter_unknown"),
        ("version", 3, "parameter_unknown"),
        ("search_text", "x", "parameter_unknown"),
    ],
)
def test_refuses(api: Api, name: str, value: Any, code: str) -> None:
    answer = api.post(CUSTOMER, {"customer_name": "Acme", name: value})
    assert answer.status_code == 400
    assert codes(answer) == {name: code}
    assert api.get(CUSTOMER).json()["total"] == 0


def test_tells_all_problems_at_once(api: Api) -> None:
    answer = api.post(CUSTOMER, {"customer_type": "Club", "disabled": 1, "teritory": "x", "email_id": "no"})
    assert codes(answer) == {
        "customer_name": "parameter_missing",
        "customer_type": "parameter_invalid",
        "disabled": "parameter_invalid_type",
        "teritory": "parameter_unknown",
        "email_id": "parameter_invalid",
    }
    assert 'Did you mean "territory"?' in answer.content.decode().replace('\\"', '"')


@pytest.mark.parametrize("rate", [0, 100, 2.5, 0.000000001, 99.999999999, 12.3, 50.0])
def test_rates_are_exact(api: Api, rate: float) -> None:
    customer = api.create(default_commission_rate=rate)
    assert customer["default_commission_rate"] == rate
    assert api.get(f"{CUSTOMER}/{customer['id']}").json()["default_commission_rate"] == rate
    assert (
        b'"default_commission_rate":0,'
        in api.post(CUSTOMER, {"customer_name": "x", "default_commission_rate": 0}).content
    )


def test_trims_and_knows_one_kind_of_empty(api: Api) -> None:
    customer = api.create(customer_name="  Acme \n", territory="", gender="  ", customer_type="", disabled=None)
    assert customer["customer_name"] == "Acme"
    assert (customer["territory"], customer["gender"], customer["customer_type"], customer["disabled"]) == (
        None,
        None,
        "Company",
        False,
    )
