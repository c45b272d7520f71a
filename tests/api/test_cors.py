"""OPTIONS, and pages of other origins."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from overplane.checks import Environment
from tests.conftest import CUSTOMER, ROW, Api

PAGE = "https://app.example.com"
EXPOSED = {
    "Request-Id", "ETag", "Link", "Location", "Idempotent-Replayed", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining",
    "RateLimit-Reset",
}  # fmt: skip


def words(header: str) -> set[str]:
    return {word.strip().lower() for word in header.split(",")}


@pytest.fixture
def allowed(settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = [PAGE, "http://127.0.0.1:3000"]


def of_cors(answer: Any) -> set[str]:
    return {name.lower() for name in answer.headers if name.lower().startswith("access-control-")}


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        (CUSTOMER, {"get", "head", "post", "options"}),
        (f"{CUSTOMER}/anything", {"get", "head", "patch", "delete", "options"}),
        (f"{CUSTOMER}/batch", {"post", "options"}),
        (f"{ROW}/reorder", {"post", "put", "patch", "options"}),
        ("/api/openapi.json", {"get", "head", "options"}),
    ],
)
def test_options_tells_what_a_route_knows_and_needs_no_key(db: None, path: str, allow: set[str]) -> None:
    answer = Client().options(path)
    assert (answer.status_code, answer.content, words(answer["Allow"])) == (204, b"", allow)
    assert not {"Content-Type", "Content-Length"} & set(answer.headers)
    assert answer["Request-Id"]


def test_options_of_no_route(db: None) -> None:
    answer = Client().options("/api/crm/nothing")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "route_unknown")


def test_no_page_may_call_unless_it_is_named(api: Api) -> None:
    assert of_cors(api.get(CUSTOMER, Origin=PAGE)) == set()
    preflight = Client().options(CUSTOMER, headers={"Origin": PAGE, "Access-Control-Request-Method": "PATCH"})
    assert (preflight.status_code, of_cors(preflight)) == (204, set())


@pytest.mark.slow
@pytest.mark.parametrize("path", [CUSTOMER, f"{CUSTOMER}/x", f"{CUSTOMER}/export", "/api/crm/event", "/api/nothing"])
def test_a_preflight_of_a_named_page(allowed: None, db: None, path: str) -> None:
    headers = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization,content-type"}
    answer = Client().options(path, headers={"Origin": PAGE} | headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["Access-Control-Allow-Origin"] == PAGE
    assert words(answer["Access-Control-Allow-Methods"]) == {"get", "head", "post", "put", "patch", "delete", "options"}
    names = {"authorization", "content-type", "idempotency-key", "if-match", "if-none-match"}
    assert words(answer["Access-Control-Allow-Headers"]) == names
    assert int(answer["Access-Control-Max-Age"]) >= 600
    assert "Access-Control-Allow-Credentials" not in answer
    assert "origin" in words(answer["Vary"])


def test_every_answer_to_a_named_page_can_be_read(allowed: None, api: Api) -> None:
    address = f"{CUSTOMER}/{api.create()['id']}"
    for answer, status in (
        (api.get(address, Origin=PAGE), 200),
        (api.get(address, Origin=PAGE, If_None_Match='"1"'), 304),
        (api.patch(address, {"disabled": 5}, Origin=PAGE), 400),
        (Api("").get(CUSTOMER, Origin=PAGE), 401),
        (api.get(f"{address}x", Origin=PAGE), 404),
        (api.call("PUT", CUSTOMER, {}, Origin=PAGE), 405),
        (api.get("/api/nothing", Origin=PAGE), 404),
        (api.get(CUSTOMER, Origin=PAGE, Host="evil.example"), 400),
        (api.get(f"{CUSTOMER}/export", Origin=PAGE), 200),
    ):
        assert answer.status_code == status
        assert answer["Access-Control-Allow-Origin"] == PAGE
        assert words(answer["Access-Control-Expose-Headers"]) >= {name.lower() for name in EXPOSED}
        assert "Access-Control-Allow-Credentials" not in answer
        assert words(answer["Vary"]) == {"origin", "accept-encoding"}


@pytest.mark.parametrize(
    "origin", ["https://evil.example", f"{PAGE}.evil.example", "http://app.example.com", f"{PAGE}:8443", "null", "x["]
)
def test_other_pages_may_not_and_caches_know_it(allowed: None, api: Api, origin: str) -> None:
    answer = api.get(CUSTOMER, Origin=origin)
    assert (answer.status_code, of_cors(answer)) == (200, set())
    assert words(answer["Vary"]) == {"origin", "accept-encoding"}
    preflight = Client().options(CUSTOMER, headers={"Origin": origin, "Access-Control-Request-Method": "GET"})
    assert (preflight.status_code, of_cors(preflight)) == (204, set())


def test_pages_of_the_site_are_not_the_api(allowed: None, client: Client) -> None:
    assert of_cors(client.get("/healthz", headers={"Origin": PAGE})) == set()


def test_origins_as_browsers_send_them() -> None:
    text = " https://App.Example.com ,http://localhost:3000,https://a.example:443,http://[::1]:8080"
    origins = Environment({"O": text}).origins("O")
    assert origins == [PAGE, "http://localhost:3000", "https://a.example", "http://[::1]:8080"]
    assert Environment({}).origins("O") == []


@pytest.mark.parametrize(
    "text",
    ["*", "null", "app.example.com", "https://*.example.com", f"{PAGE}/", f"{PAGE}/path", "ftp://a.example", "https://a@b.example",
     "https://", "https://a.example:port", "https://münchen.example", f"{PAGE} {PAGE}"],
)  # fmt: skip
def test_what_is_no_origin_stops_the_start(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^O is .*https://app\.example\.com"):
        Environment({"O": f"{PAGE},{text}"}).origins("O")
