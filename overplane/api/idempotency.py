"""Safe retries: key row, change and events commit in one transaction, so a crash loses all or nothing.

A second request with the same key is refused while the first one runs (PostgreSQL: an advisory lock of the
transaction). SQLite has one writer at a time, so there the second waits, and then gets the stored answer.
"""

import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from overplane.api.errors import IDEMPOTENCY, error
from overplane.api.models import IdempotentAnswer, IdempotentSubject
from overplane.database import statements
from overplane.database.dialect import is_postgresql
from overplane.database.encoding import dumps
from overplane.database.rows import Table
from overplane.database.statements import Statement
from overplane.problems import Code

RETENTION = timedelta(hours=24)
STORED_HEADERS = ("ETag", "Location")
ANSWERS, SUBJECTS = (Table(model, generated=["id"]) for model in (IdempotentAnswer, IdempotentSubject))
PRINTABLE = re.compile(r"[\x20-\x7e]{1,255}")


def key_of(request: HttpRequest) -> str | None:
    """The request's Idempotency-Key, if it has one."""
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is not None and len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]  # as the draft standard writes it
    if key is not None and not PRINTABLE.fullmatch(key):
        message = "An Idempotency-Key is 1 to 255 printable ASCII characters."
        raise error(400, Code.IDEMPOTENCY_KEY_INVALID, message, type_=IDEMPOTENCY)
    return key


def request_fingerprint(method: str, path: str, payload: Any) -> str:
    """What makes two requests the same: method, path and the parsed body, whatever its spacing or order."""
    text = json.dumps([method, path.rstrip("/"), payload], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def run_once(
    scope: str,
    key: str,
    fingerprint: str,
    work: Callable[[], tuple[HttpResponse, Collection[str] | None]],
    *,
    opened: Callable[[bytes], bytes | None] = lambda stored: stored,
) -> HttpResponse:
    """Does the work once, and repeats its answer for the same key. `work` also says which objects its answer shows.

    If that is None, the answer itself is not kept, only that the work was done. An answer with a secret has a `sealed`
    text, which is kept instead; `opened` makes the answer of it.
    """
    with transaction.atomic():
        _claim(scope, key)
        for row in ANSWERS.fetch("WHERE scope = %s AND key = %s", [scope, key]):
            stored = ANSWERS.values(row)
            if stored["created_at"] > timezone.now() - RETENTION:
                return _replay(stored, fingerprint, opened)
            IdempotentAnswer.objects.filter(pk=stored["id"])._raw_delete(using=connection.alias)
        response, subjects = work()
        if 200 <= response.status_code < 300:
            _store({"scope": scope, "key": key, "fingerprint": fingerprint}, response, subjects)
        return response


def _claim(scope: str, key: str) -> None:
    number = int.from_bytes(hashlib.sha256(f"{scope}\0{key}".encode()).digest()[:8], "big", signed=True)
    if not statements.try_lock(number):
        message = "A request with this Idempotency-Key is still being worked on. Send it again in a moment."
        raise error(409, Code.IDEMPOTENCY_KEY_IN_USE, message, type_=IDEMPOTENCY, Retry_After="1")


def _replay(stored: Mapping[str, Any], fingerprint: str, opened: Callable[[bytes], bytes | None]) -> HttpResponse:
    if stored["fingerprint"] != fingerprint:
        message = "This Idempotency-Key was used for another request. Use a new key for a new request."
        raise error(400, Code.IDEMPOTENCY_KEY_MISMATCH, message, type_=IDEMPOTENCY)
    body = opened(bytes(stored["body"])) if stored["body"] is not None else None
    if body is None:
        message = "This request was done, but what it answered has been deleted since. It is not done again."
        raise error(400, Code.IDEMPOTENCY_ANSWER_ERASED, message, type_=IDEMPOTENCY)
    headers = json.loads(stored["headers"]) | {"Idempotent-Replayed": "true"}
    return HttpResponse(body, status=stored["status"], headers=headers, content_type="application/json")


def _store(request: Mapping[str, str], response: HttpResponse, subjects: Collection[str] | None) -> None:
    answer = {
        "status": response.status_code,
        "headers": dumps({name: response[name] for name in STORED_HEADERS if name in response}).decode(),
        "body": None if subjects is None else getattr(response, "sealed", None) or response.content,
        "created_at": timezone.now(),
    }
    insertion = ANSWERS.insertion({**request, **answer})
    if not subjects:
        statements.run(*insertion)
    elif is_postgresql():  # in one round trip
        sql = (
            f"WITH answer AS ({insertion.sql} RETURNING id) INSERT INTO {SUBJECTS.name} (answer_id, subject)"
            " SELECT id, unnest(%s::text[]) FROM answer"
        )
        statements.run(sql, [*insertion.parameters, list(subjects)])
    else:
        statements.run(*insertion)
        sql = (
            f"INSERT INTO {SUBJECTS.name} (answer_id, subject) SELECT {ANSWERS.name}.id, value"
            f" FROM {ANSWERS.name}, json_each(%s) WHERE scope = %s AND {ANSWERS.name}.key = %s"
        )
        statements.run(sql, [dumps(list(subjects)).decode(), request["scope"], request["key"]])


def erase_answers(subjects: Sequence[str]) -> Statement:
    """Erases the stored answers that show one of these objects. The record that the work was done stays."""
    answers, output = IdempotentAnswer._meta.db_table, IdempotentSubject._meta.db_table
    sql = (
        f"UPDATE {answers} SET body = NULL, headers = '{{}}' WHERE id IN"
        f" (SELECT answer_id FROM {output} WHERE subject IN ({statements.marks(subjects)}))"
    )
    return Statement(sql, subjects)


def purge() -> int:
    """Drops what is older than a replay may be."""
    return IdempotentAnswer.objects.filter(created_at__lte=timezone.now() - RETENTION)._raw_delete(
        using=connection.alias
    )
