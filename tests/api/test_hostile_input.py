"""Bad input never gives a 5xx or HTML: always the error envelope."""

import json
from urllib.parse import quote, urlencode

import pytest
from django.test import Client

from overplane.api.body import MOST_TEXTS_REPORTED
from overplane.problems import MOST_REPORTED
from tests.api.errors import refused
from tests.conftest import CUSTOMER, ROW, Api

DEEP = b'{"customer_name":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "json_invalid"),
        (b"{", "json_invalid"),
        (b"null", "body_not_object"),
        (b"[]", "body_not_object"),
        (b'"x"', "body_not_object"),
        (b'{"customer_name": NaN}', "json_invalid"),
        (b'{"default_commission_rate": Infinity}', "json_invalid"),
        (b'{"default_commission_rate": -Infinity}', "json_invalid"),
        (b'{"customer_name": "a", "customer_name": "b"}', "parameter_duplicate"),
        (b'{"customer_name": "\xff"}', "json_invalid"),
        (b'{"customer_name": "\\ud800"}', "characters_not_allowed"),
        (b'{"customer_name": "a\\u0000b"}', "characters_not_allowed"),
        (b'{"\\udfff": 1}', "characters_not_allowed"),
        (b'{"\\u0000": 1, "\\ud800": {"\\ud801": 1}}', "characters_not_allowed"),
        (b'{"\\ud800": 1, "\\ud800": 2}', "parameter_duplicate"),
        (b'{"customer_name": "a\x00b"}', "json_invalid"),
        (DEEP, "json_too_deep"),
        (b'{"customer_name":' + b"[" * 40 + b"]" * 40 + b"}", "json_too_deep"),
        (b'{"customer_name":' + b'{"a":' * 40 + b"1" + b"}" * 40 + b"}", "json_too_deep"),
        (b'{"default_commission_rate": 1e999999999}', "parameter_invalid_range"),
        (b'{"customer_name": "x", "default_commission_rate": 1e999999999}', "parameter_invalid_range"),
        (b'{"customer_name": "x", "default_commission_rate": 1e-999999999}', "parameter_invalid"),
        (b'{"customer_name": "x", "default_commission_rate": 1e99999999999999999999}', "parameter_invalid_range"),
        (b'{"customer_name": "x", "default_commission_rate": 1E-99999999999999999999}', "parameter_invalid"),
        (b'{"customer_name": "x", "default_commission_rate": ' + b"9" * 5000 + b"}", "parameter_invalid_range"),
        (b'{"customer_name": "x", "idx": 1}', "parameter_unknown"),
        (b'{"customer_name": {"a": 1}}', "parameter_invalid_type"),
        (json.dumps({"x" * 50_000: 1, "customer_name": "y"}).encode(), "parameter_unknown"),
    ],
)
def test_bad_bodies(api: Api, body: bytes, code: str) -> None:
    refused(api.post(CUSTOMER, body), 400, code)


@pytest.mark.parametrize("sign", ["\x01", "\x1f", "\x7f", "\x85", "\ufdd0", "\ufffe", "\U0001ffff"])
def test_a_control_character_is_named_wherever_it_comes_from(api: Api, sign: str) -> None:
    named = f"The text holds U+{ord(sign):04X}, "
    escaped = json.dumps({"customer_name": f"Müller{sign}", "lines": "a\tb\r\nc"}).encode()
    raw = json.dumps({"customer_name": f"Müller{sign}"}, ensure_ascii=sign < " ").encode()
    for body in (escaped, raw, b"\n  " + raw):
        answer = api.post(CUSTOMER, body)
        refused(answer, 400, "characters_not_allowed")
        assert answer.json()["error"]["param"] == "customer_name"
        assert answer.json()["error"]["message"].startswith(named)
    answer = api.get(f"{CUSTOMER}?{urlencode({'territory': 'a' + sign})}")
    refused(answer, 400, "characters_not_allowed")
    assert answer.json()["error"]["message"].startswith(named)
    refused(api.get(f"{CUSTOMER}/{quote(sign)}"), 404, "resource_missing")


@pytest.mark.parametrize(
    "number", ["1e999999999", "-1e999999999", "1e99999999999999999999", "1e-999999999", "9" * 5000]
)
def test_numbers_beyond_measure(api: Api, number: str) -> None:
    parent = api.create()["id"]
    answer = api.post(ROW, f'{{"customer_id": "{parent}", "idx": {number}}}'.encode())
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "idx"
    assert api.get(f"{CUSTOMER}?default_commission_rate[gt]={number}").status_code == 400
    assert api.get(f"{ROW}?parent_id={parent}&idx={number}").status_code == 400


@pytest.mark.parametrize("number", ["1_0", "%D9%A5", "--1", "0x1", "NaN", "Infinity", "1e"])
def test_what_only_python_takes_for_a_number(api: Api, number: str) -> None:
    parent = api.create()["id"]
    refused(api.get(f"{CUSTOMER}?default_commission_rate={number}"), 400, "parameter_invalid_type")
    refused(api.get(f"{ROW}?parent_id={parent}&idx={number}"), 400, "parameter_invalid_integer")


@pytest.mark.parametrize(
    ("operator", "at_the_end", "at_the_start"),
    [("", 0, 0), ("[in]", 0, 0), ("[ne]", 1, 1), ("[gt]", 0, 1), ("[gte]", 0, 1), ("[lt]", 1, 0), ("[lte]", 1, 0)],
)
def test_the_ends_of_time(api: Api, operator: str, at_the_end: int, at_the_start: int) -> None:
    api.create()
    filter_ = f"{CUSTOMER}?created_at{operator}"
    assert api.get(f"{filter_}=9999-12-31T23:59:59Z").json()["total"] == at_the_end
    assert api.get(f"{filter_}=9999-12-31T23:59:59.999999Z").json()["total"] == at_the_end
    assert api.get(f"{filter_}=0001-01-01T00:00:00Z").json()["total"] == at_the_start
    refused(api.get(f"{filter_}=9999-12-31T23:59:59-14:00"), 400, "parameter_invalid")


@pytest.mark.slow
def test_an_answer_is_not_longer_than_the_body(api: Api) -> None:
    """A body may hold more mistakes than anybody would read; the first are told, and quickly."""
    strangers = {f"attribute_{i}": i for i in range(20_000)}
    parent = api.create()["id"]
    for path, body in (
        (CUSTOMER, strangers),
        (CUSTOMER, {f"attribute_{i}": "\0" for i in range(20_000)}),
        (f"{CUSTOMER}/batch", {"operations": [{"op": "create", "data": strangers}]}),
        (f"{CUSTOMER}/batch", strangers),
        (f"{ROW}/reorder", {"parent_id": parent, "ordered_ids": [f"row_{i}" for i in range(20_000)]}),
        (f"{ROW}/reorder", {"parent_id": parent, "ordered_ids": list(range(20_000))}),
        (f"{ROW}/reorder", strangers),
    ):
        answer = api.post(path, body)
        assert answer.status_code == 400
        assert MOST_REPORTED <= len(answer.json()["error"]["errors"]) <= MOST_TEXTS_REPORTED


def test_a_large_body(api: Api) -> None:
    refused(api.post(CUSTOMER, b'{"customer_name": "' + b"x" * 5_000_000 + b'"}'), 413, "body_too_large")
    refused(api.post(f"{CUSTOMER}/batch", b" " * (17 * 1024 * 1024)), 413, "body_too_large")


def test_other_media_types(api: Api) -> None:
    headers = {"authorization": f"Bearer {api.key}"}
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "\x7f"):
        refused(
            api.client.generic("POST", CUSTOMER, b"{}", content_type=media_type, headers=headers),
            415,
            "unsupported_media_type",
        )
    good = api.client.generic("POST", CUSTOMER, b'{"customer_name":"x"}', content_type="", headers=headers)
    assert good.status_code == 201
    typed = api.client.generic(
        "POST", CUSTOMER, b'{"customer_name":"x"}', content_type="Application/JSON; charset=utf-8", headers=headers
    )
    assert typed.status_code == 201


@pytest.mark.parametrize(
    "path",
    ["/api/", "/api/x", "/api/crm", "/api/crm/customers", f"{CUSTOMER}//", f"{CUSTOMER}/a/b", "/api/crm/customer/a//"],
)
def test_unknown_routes(api: Api, path: str) -> None:
    refused(api.get(path), 404, "route_unknown")


@pytest.mark.parametrize(
    "object_id", ["%00", "customer_%00", "%ff", "%ed%a0%80", "..%2f", "a" * 4000, "'; drop table", "%F0%9F%92%A9"]
)
def test_weird_ids(api: Api, object_id: str) -> None:
    for base in (CUSTOMER, ROW):
        answer = api.get(f"{base}/{object_id}")
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] in ("resource_missing", "route_unknown")
        assert api.patch(f"{base}/{object_id}", {"company": "x"}).status_code == 404
        assert api.delete(f"{base}/{object_id}").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", CUSTOMER, "GET, POST"), ("TRACE", CUSTOMER, "GET, POST"),
        ("POST", f"{CUSTOMER}/x", "GET, PATCH, DELETE"), ("BREW", f"{CUSTOMER}/x", "GET, PATCH, DELETE"),
        ("GET", f"{CUSTOMER}/batch", "POST"), ("POST", "/api/openapi.json", "GET"), ("DELETE", "/api/crm/event", "GET"),
    ],
)  # fmt: skip
def test_wrong_methods(api: Api, method: str, path: str, allowed: str) -> None:
    answer = api.call(method, path)
    refused(answer, 405, "method_not_allowed")
    assert [one for one in answer["Allow"].split(", ") if one not in ("HEAD", "OPTIONS")] == allowed.split(", ")


def test_a_foreign_host(api: Api) -> None:
    refused(api.get(CUSTOMER, Host="evil.example"), 400, "host_invalid")
    refused(api.get(CUSTOMER, Host="a b"), 400, "host_invalid")
    elsewhere = Client().get("/admin/", headers={"host": "evil.example"})
    assert (elsewhere.status_code, elsewhere["Content-Type"]) == (400, "application/json")


def test_one_trailing_slash_is_served_the_same(api: Api) -> None:
    customer = api.create()
    assert api.get(f"{CUSTOMER}/").json() == api.get(CUSTOMER).json()
    assert api.get(f"{CUSTOMER}/{customer['id']}/").json() == customer
    assert api.post(f"{CUSTOMER}/", {"customer_name": "x"}).status_code == 201


def test_programs_get_no_html_outside_the_api_either(client: Client) -> None:
    assert client.get("/nosuch")["Content-Type"] == "application/json"
    assert client.get("/nosuch", headers={"accept": "text/html"})["Content-Type"].startswith("text/html")
