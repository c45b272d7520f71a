"""Reading a body, whatever becomes of it on its way. (The same over real sockets is in test_gunicorn.)"""

from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.body import Body, ChunkedReader, LengthReader
from gunicorn.http.unreader import IterUnreader

from tests.api.errors import refused
from tests.conftest import CUSTOMER, ROW, Api

GOOD = b'{"customer_name": "Acme"}'


def sent_as(api: Api, body: Body, method: str = "POST", path: str = CUSTOMER, **environ: Any) -> Any:
    headers = {"authorization": f"Bearer {api.key}"}
    return api.client.generic(
        method, path, content_type="application/json", headers=headers,
        **{"wsgi.input": body, "wsgi.input_terminated": True} | environ,
    )  # fmt: skip


def chunked(*pieces: bytes) -> Body:
    return Body(ChunkedReader(Config(), IterUnreader(pieces)))


@pytest.mark.parametrize(
    "pieces",
    [
        (b"zz\r\n" + GOOD,),
        (b"19\r\n", GOOD[:10]),
        (b"19\r\n", GOOD, b"\r\n"),
        (b"19\r\n", GOOD, b"xx0\r\n\r\n"),
        (),
    ],
)
@pytest.mark.parametrize("key", [{}, {"HTTP_IDEMPOTENCY_KEY": "k"}])
def test_broken_chunks(api: Api, pieces: tuple[bytes, ...], key: dict[str, str]) -> None:
    customer = api.create()
    for method, path in [
        ("POST", CUSTOMER), ("PATCH", f"{CUSTOMER}/{customer['id']}"), ("POST", f"{CUSTOMER}/batch"), ("POST", ROW),
        ("PATCH", f"{ROW}/reorder"),
    ]:  # fmt: skip
        answer = sent_as(api, chunked(*pieces), method, path, HTTP_TRANSFER_ENCODING="chunked", **key)
        refused(answer, 400, "json_invalid")
    assert api.get(CUSTOMER).json()["total"] == 1


def test_a_broken_body_is_not_remembered_under_its_key(api: Api) -> None:
    key = {"HTTP_IDEMPOTENCY_KEY": "k", "HTTP_TRANSFER_ENCODING": "chunked"}
    refused(sent_as(api, chunked(b"19\r\n", GOOD[:10]), **key), 400, "json_invalid")
    assert sent_as(api, chunked(b"19\r\n", GOOD, b"\r\n0\r\n\r\n"), **key).status_code == 201


def test_fewer_bytes_than_announced(api: Api) -> None:
    body = Body(LengthReader(IterUnreader([GOOD]), 100))
    answer = sent_as(api, body, CONTENT_LENGTH="100")
    refused(answer, 400, "json_invalid")
    assert "25 bytes" in answer.json()["error"]["message"]
    assert api.get(CUSTOMER).json()["total"] == 0


def test_who_is_gone_is_the_more_important_news(api: Api) -> None:
    answer = sent_as(api, chunked(b"zz"), "PATCH", f"{CUSTOMER}/nobody", HTTP_TRANSFER_ENCODING="chunked")
    refused(answer, 404, "resource_missing")


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "identity, gzip", "x" * 500, "\x7f"])
def test_a_content_coding_is_refused_by_its_name(api: Api, coding: str) -> None:
    path = f"{CUSTOMER}/{api.create()['id']}"
    for answer in (
        api.call("POST", CUSTOMER, GOOD, Content_Encoding=coding),
        api.call("PATCH", path, GOOD, Content_Encoding=coding),
        api.call("POST", f"{CUSTOMER}/batch", GOOD, Content_Encoding=coding, Idempotency_Key="k"),
    ):
        refused(answer, 415, "unsupported_media_type")
        assert coding.lower()[:90] in answer.json()["error"]["message"]
        assert len(answer.json()["error"]["message"]) < 250


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
def test_no_coding_is_taken(api: Api, coding: str) -> None:
    assert api.call("POST", CUSTOMER, GOOD, Content_Encoding=coding).status_code == 201
