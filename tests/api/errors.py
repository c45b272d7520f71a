"""The error envelope, whole."""

from typing import Any

from overplane.problems import Code


def refused(answer: Any, status: int, code: str) -> None:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    error = answer.json()["error"]
    assert list(error) == ["type", "code", "message", "param", "doc_url", "request_id", "errors"]
    assert error["code"] == code
    assert error["code"] in set(Code)
    assert error["request_id"] == answer["Request-Id"]
