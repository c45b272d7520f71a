"""If-Match and If-None-Match, as callers, proxies and mistakes send them."""

import pytest

from tests.conftest import CUSTOMER, ROW, Api, codes

NAMES_ONE = [
    '"1"', ' "1" ', 'W/"1"', '"7", "1"', '"7",W/"1","9"', '"1", "abc"', '"a,b", "1"', '"7",, "1",', '"1-gzip"', '"1;gzip"',
    'W/"1-br"', '"1--gzip"', "*",
]  # fmt: skip
NAMES_ANOTHER = [
    '"2"',
    'W/"2"',
    '"abc"',
    '""',
    '"01"',
    '"+1"',
    '"1.0"',
    '"１"',
    '"*"',
    '"2", W/"3"',
    '"1-x"',
    '"99999999999"',
]
UNREADABLE = [
    "1",
    "garbage",
    "",
    " ",
    ",",
    '"1',
    '1"',
    "'1'",
    "W/1",
    'w/"1"',
    '"1" "2"',
    '"1", 2',
    '*, "1"',
    '"1"x',
    "W/",
]


def addresses(api: Api) -> list[str]:
    customer_id = api.create()["id"]
    return [f"{ROW}/{api.add_row(customer_id)['id']}", f"{CUSTOMER}/{customer_id}"]


@pytest.mark.parametrize("tag", NAMES_ONE)
def test_if_match_that_names_the_version(api: Api, tag: str) -> None:
    for address in addresses(api):
        assert api.patch(address, {}, If_Match=tag).status_code == 200
        assert api.delete(address, If_Match=tag).status_code == 200


@pytest.mark.parametrize("tag", NAMES_ANOTHER)
def test_if_match_that_names_another(api: Api, tag: str) -> None:
    for address in addresses(api):
        for answer in (api.patch(address, {}, If_Match=tag), api.delete(address, If_Match=tag)):
            assert answer.status_code == 412
            assert answer.json()["error"]["code"] == "precondition_failed"


@pytest.mark.parametrize("tag", UNREADABLE)
def test_if_match_that_is_none(api: Api, tag: str) -> None:
    for address in addresses(api):
        for answer in (
            api.patch(address, {}, If_Match=tag),
            api.patch(address, {"disabled": 5, "idx": "x"}, If_Match=tag),
            api.patch(address, b"{", If_Match=tag),
            api.delete(address, If_Match=tag, Idempotency_Key="k"),
        ):
            assert answer.status_code == 400
            assert codes(answer) == {"If-Match": "parameter_invalid"}
            assert '"3"' in answer.json()["error"]["message"]
        assert api.get(address).status_code == 200


def test_a_key_a_replay_and_a_404_come_first(api: Api) -> None:
    first, second = addresses(api)
    for address in (first, second):
        assert Api("").patch(address, {}, If_Match="1").status_code == 401
        done = api.patch(address, {}, Idempotency_Key=address)
        again = api.patch(address, {}, Idempotency_Key=address, If_Match="1")
        assert (again.status_code, again["Idempotent-Replayed"]) == (done.status_code, "true")
        assert api.patch(f"{address}x", {}, If_Match="1").status_code == 404
        assert api.patch(f"{address}x", b"{", If_Match="1").status_code == 404
        assert api.delete(f"{address}x", If_Match="1").status_code == 404


def test_the_version_of_a_row_is_judged_before_what_is_asked_of_it(api: Api) -> None:
    row, _ = addresses(api)
    assert api.patch(row, {"customer_id": "customer_other"}, If_Match='"9"').status_code == 412
    assert codes(api.patch(row, {"customer_id": "customer_other"})) == {"customer_id": "parameter_immutable"}


@pytest.mark.parametrize("tag", NAMES_ONE)
def test_if_none_match_that_names_the_version(api: Api, tag: str) -> None:
    for address in addresses(api):
        answer = api.get(address, If_None_Match=tag)
        assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", '"1"')


@pytest.mark.parametrize("tag", [*NAMES_ANOTHER, *UNREADABLE])
def test_if_none_match_that_does_not(api: Api, tag: str) -> None:
    for address in addresses(api):
        answer = api.get(address, If_None_Match=tag)
        # '"1" "2"' and the like cannot be read, but name it in their first part.
        assert answer.status_code == (304 if tag.startswith('"1", ') else 200)
