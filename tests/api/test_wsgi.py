"""The service as a server calls it: the shorter way to the API minds the database's connection as Django's own does."""

from io import BytesIO
from typing import Any

import pytest
from django.db import connection

from overplane.wsgi import application
from tests.conftest import CUSTOMER, Api
from tests.threads import concurrently


def call(path: str, key: str = "") -> tuple[str, dict[str, str], bytes]:
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": "", "HTTP_HOST": "localhost", "SERVER_NAME": "localhost",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(), "HTTP_AUTHORIZATION": f"Bearer {key}", "HTTP_X_FORWARDED_PROTO": "https",
    }  # fmt: skip
    started: list[Any] = []
    answer = application(environ, lambda *head: started.extend(head))
    content = b"".join(answer)
    getattr(answer, "close", lambda: None)()
    return started[0], dict(started[1]), content


def by_thread(work: Any) -> Any:
    return concurrently(lambda _: work(), 1)[0]


@pytest.mark.parametrize("path", [CUSTOMER, f"{CUSTOMER}/export"], ids=["whole", "streamed"])
def test_a_connection_that_is_too_old_is_not_used_again(live_api: Api, path: str) -> None:
    live_api.create()

    def work() -> bool:
        assert call(path, live_api.key)[0] == "200 OK"
        before = connection.connection
        assert before is not None
        assert call(path, live_api.key)[0] == "200 OK"
        assert connection.connection is before
        connection.close_at = 0
        assert call(path, live_api.key)[0] == "200 OK"
        return connection.connection is before

    assert by_thread(work) is False


def test_a_connection_that_broke_is_replaced(live_api: Api) -> None:
    def work() -> list[str]:
        call(CUSTOMER, live_api.key)
        if connection.vendor == "postgresql":  # a file does not go away
            connection.connection.close()
            connection.errors_occurred = True
        return [call(CUSTOMER, live_api.key)[0] for _ in range(2)]

    assert by_thread(work) == ["200 OK", "200 OK"]


def test_an_answer_is_the_same_by_either_way(live_api: Api) -> None:
    status, headers, content = by_thread(lambda: call(f"{CUSTOMER}/none", live_api.key))
    usual = live_api.get(f"{CUSTOMER}/none")
    assert status == "404 Not Found"
    assert headers.keys() == usual.headers.keys()
    assert content.partition(b"request_id")[0] == usual.content.partition(b"request_id")[0]


def test_pages_go_django_s_way(live_api: Api) -> None:
    status, headers, _ = by_thread(lambda: call("/admin/login/"))
    assert status == "200 OK"
    assert "Content-Security-Policy" in headers
