"""Likely duplicates by the API."""

from typing import Any

import pytest

from crm.duplicates import finding
from crm.models import DuplicatePair
from tests.conftest import CUSTOMER, Api, codes

DUPLICATE = "/api/crm/duplicate"
SAME: dict[str, Any] = {
    "tax_id": "DE123456789",
    "primary_address": "Hauptstr. 12, 10115 Berlin",
    "mobile_no": "030 1234567",
}


def pair(api: Api, name: str = "Nordlicht Werke", **values: Any) -> list[str]:
    return sorted(api.create(customer_name=text, **SAME | values)["id"] for text in (name, f"{name} GmbH"))


@pytest.mark.slow
def test_lists_pairs_the_most_certain_first(api: Api) -> None:
    certain = pair(api)
    weak = sorted(api.create(customer_name="Suedwind Handel")["id"] for _ in range(2))
    assert api.get(DUPLICATE).json() == {"data": [], "has_more": False, "total": 0}
    finding.find_all()
    listed = api.get(DUPLICATE).json()
    assert [one["customers"] for one in listed["data"]] == [certain, weak]
    first, second = listed["data"]
    assert first["id"].startswith("pair_")
    assert (first["level"], second["level"], first["state"], listed["total"]) == ("nearly_certain", "likely", "open", 2)
    assert 1 >= first["score"] > second["score"] >= 0.5
    assert {one["attribute"]: one["agreement"] for one in first["reasons"]}["tax_id"] == "same"
    assert [one["id"] for one in api.get(f"{DUPLICATE}?level=likely").json()["data"]] == [second["id"]]
    page = api.get(f"{DUPLICATE}?limit=1")
    assert (page.json()["data"], page.json()["has_more"]) == ([first], True)
    assert 'rel="next"' in page["Link"]
    assert api.get(f"{DUPLICATE}?starting_after={first['id']}").json()["data"] == [second]
    assert api.get(f"{DUPLICATE}?ending_before={second['id']}").json()["data"] == [first]
    assert api.get(f"{DUPLICATE}?offset=1").json()["data"] == [second]
    assert api.get(f"{CUSTOMER}/{weak[0]}/duplicate").json()["data"] == [second]
    assert api.get(f"{CUSTOMER}/{weak[0]}/duplicate?level=nearly_certain").json()["total"] == 0


@pytest.mark.slow
def test_dismisses_and_reopens(api: Api) -> None:
    pair(api)
    finding.find_all()
    (one,) = api.get(DUPLICATE).json()["data"]
    assert api.post(f"{DUPLICATE}/{one['id']}/dismiss", {}).json() == one | {"state": "dismissed"}
    assert api.get(f"{DUPLICATE}?state=open").json()["total"] == 0
    assert api.get(f"{DUPLICATE}?state=dismissed").json()["data"] == [one | {"state": "dismissed"}]
    assert api.post(f"{DUPLICATE}/{one['id']}/dismiss", {}).status_code == 200
    assert api.post(f"{DUPLICATE}/{one['id']}/reopen", {}).json() == one
    kept, other = one["customers"]
    assert api.post(f"{CUSTOMER}/{kept}/merge", {"from": [other]}).status_code == 200
    (merged,) = api.get(f"{CUSTOMER}/{kept}/duplicate").json()["data"]
    assert merged["state"] == "merged"
    assert api.post(f"{DUPLICATE}/{one['id']}/dismiss", {}).json()["state"] == "merged"
    answer = api.get(f"{CUSTOMER}/{other}/duplicate")
    assert (answer.status_code, answer.json()["error"]["merged_into"]) == (404, kept)


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [
        ("?level=sure", 400, ["parameter_invalid"]),
        ("?state=gone", 400, ["parameter_invalid"]),
        ("?levle=likely", 400, ["parameter_unknown"]),
        ("?starting_after=pair_none", 400, ["resource_missing"]),
        ("?limit=0", 400, ["parameter_invalid_range"]),
    ],
)
def test_what_is_wrong_in_the_query(api: Api, call: str, status: int, code: list[str]) -> None:
    answer = api.get(DUPLICATE + call)
    assert (answer.status_code, list(codes(answer).values())) == (status, code)


def test_what_is_not_there_is_missing(api: Api) -> None:
    assert api.get(f"{CUSTOMER}/customer_none/duplicate").status_code == 404
    for act in ("dismiss", "reopen"):
        assert api.post(f"{DUPLICATE}/pair_none/{act}", {}).status_code == 404
    assert not DuplicatePair.objects.exists()


@pytest.mark.slow
def test_a_key_that_only_reads_judges_nothing(api: Api, read_only_api: Api) -> None:
    pair(api)
    finding.find_all()
    (one,) = read_only_api.get(DUPLICATE).json()["data"]
    assert read_only_api.get(f"{CUSTOMER}/{one['customers'][0]}/duplicate").json()["data"] == [one]
    for act in ("dismiss", "reopen"):
        answer = read_only_api.post(f"{DUPLICATE}/{one['id']}/{act}", {})
        assert (answer.status_code, list(codes(answer).values())) == (403, ["key_read_only"])
