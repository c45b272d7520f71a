"""What the walks of the generated client need. `run` copies this file beside it."""

import os
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
from overplane_client import AuthenticatedClient
from overplane_client.models import ErrorCode, ErrorResponse
from overplane_client.types import Response

T = TypeVar("T")
sent: list[tuple[str, str]] = []
PATIENCE = 60.0  # seconds for what a worker does
URL, KEY = os.environ["SERVICE_URL"], os.environ["API_KEY"]


def connected(key: str) -> AuthenticatedClient:
    def note(request: httpx.Request) -> None:
        sent.append((request.method, request.url.path))

    hooks = {"event_hooks": {"request": [note]}}
    return AuthenticatedClient(URL, key, raise_on_unexpected_status=True, httpx_args=hooks)


client = connected(KEY)


def ok(kind: type[T], answer: Response[Any], status: int = 200) -> T:
    """The answer, parsed as what it is described to be; anything but this status fails."""
    assert answer.status_code == HTTPStatus(status), answer.content
    assert isinstance(answer.parsed, kind), answer.parsed
    return answer.parsed


def refused(answer: Response[Any], status: int) -> ErrorCode:
    return ok(ErrorResponse, answer, status).error.code


def until(ask: Callable[[], T], wanted: Callable[[T], bool]) -> T:
    """Asks until the answer is the wanted one: a worker makes it so."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        answer = ask()
        if wanted(answer):
            return answer
        time.sleep(0.1)
    raise SystemExit(f"The worker has not done it within {PATIENCE:.0f} seconds.")
