"""Safe retries: key row, change and events commit in one transaction, so a crash loses all or nothing.

A second request with the same key is refused while the first one runs (PostgreSQL: an advisory lock of the
transaction). SQLite has one writer at a time, so there the second waits, and then gets the stored answer.

A request that can say its answer before anything is written, under a key that is new, needs one round trip for key, change
and events instead of six (`KeyedRequest.run_in_one_trip`): creates with a key were 0.53 of those without one, and are 0.83
(`python -m bench requests`).
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from overplane.api.errors import IDEMPOTENCY, error
from overplane.api.models import IdempotentAnswer, IdempotentSubject
from overplane.database import purging, statements
from overplane.database.dialect import is_postgresql, trying_lock
from overplane.database.encoding import dumps
from overplane.database.rows import SqlTable
from overplane.database.statements import Statement
from overplane.problems import Code

RETENTION = timedelta(hours=24)  # by the contract
STORED_HEADERS = ("ETag", "Location")
ANSWERS, SUBJECTS = (SqlTable(model, generated=["id"]) for model in (IdempotentAnswer, IdempotentSubject))
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


@dataclass(frozen=True, slots=True)
class Planned:
    """An answer, and the statements that make it true: nothing of it is done yet.

    They are as `statements.update_then` wants them: none reads what another one writes, and the last inserts a row.
    """

    response: HttpResponse
    statements: Sequence[Statement]


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """One request with a key. `scope`: within which its keys are its own.

    An answer's `subjects` are the objects whose values it shows; if they are None its body is not kept, only that the work
    was done. An answer with a secret has a `sealed` text, which is kept instead.
    """

    scope: str
    key: str
    fingerprint: str

    def run_once(
        self,
        work: Callable[[], HttpResponse],
        *,
        opened: Callable[[bytes], bytes | None] = lambda stored: stored,
    ) -> HttpResponse:
        """Does the work once, and repeats its answer for the same key. `opened` makes the answer of what was kept."""
        with transaction.atomic():
            if not statements.try_lock(self._number):
                message = "A request with this Idempotency-Key is still being worked on. Send it again in a moment."
                raise error(409, Code.IDEMPOTENCY_KEY_IN_USE, message, type_=IDEMPOTENCY, Retry_After="1")
            for row in ANSWERS.fetch("WHERE scope = %s AND key = %s", [self.scope, self.key]):
                stored = ANSWERS.values(row)
                if stored["created_at"] > timezone.now() - RETENTION:
                    return _replay(stored, self.fingerprint, opened)
                IdempotentAnswer.objects.filter(pk=stored["id"])._raw_delete(using=connection.alias)
            response = work()
            if 200 <= response.status_code < 300:
                statements.update_then(self._insertion(response), *self._subject_statements(response), returning="id")
            return response

    def run_in_one_trip(self, planned: Planned) -> bool:
        """Keeps the answer and makes it true. False, and nothing is done, if the key is known or in use."""
        insertion, free = self._insertion(planned.response), trying_lock(self._number)
        sql = f"{insertion.sql} WHERE {free.sql} ON CONFLICT (scope, key) DO NOTHING"
        claim = Statement(sql, [*insertion.parameters, *free.parameters])
        return statements.update_then(
            claim, *self._subject_statements(planned.response), *planned.statements, returning="id"
        )

    @property
    def _number(self) -> int:
        """Of the lock that says that the key is in use."""
        digest = hashlib.sha256(f"{self.scope}\0{self.key}".encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)

    def _insertion(self, response: HttpResponse) -> Statement:
        is_kept = getattr(response, "subjects", ()) is not None
        return ANSWERS.insertion({
            "scope": self.scope,
            "key": self.key,
            "fingerprint": self.fingerprint,
            "status": response.status_code,
            "headers": dumps({name: response[name] for name in STORED_HEADERS if name in response}).decode(),
            "body": (getattr(response, "sealed", None) or response.content) if is_kept else None,
            "created_at": timezone.now(),
        })  # fmt: skip

    def _subject_statements(self, response: HttpResponse) -> list[Statement]:
        """What says which objects the answer shows, to be run after its insertion."""
        subjects = list(getattr(response, "subjects", ()) or ())
        into = f"INSERT INTO {SUBJECTS.name} (answer_id, subject)"
        if not subjects:
            return []
        if is_postgresql():
            return [Statement(f"{into} SELECT id, unnest(%s::text[]) FROM change", [subjects])]
        sql = (
            f"{into} SELECT {ANSWERS.name}.id, value FROM {ANSWERS.name}, json_each(%s)"
            f" WHERE scope = %s AND {ANSWERS.name}.key = %s"
        )
        return [Statement(sql, [dumps(subjects).decode(), self.scope, self.key])]


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


def erase_answers(subjects: Sequence[str]) -> Statement:
    """Erases the stored answers that show one of these objects. The record that the work was done stays."""
    answers, output = IdempotentAnswer._meta.db_table, IdempotentSubject._meta.db_table
    sql = (
        f"UPDATE {answers} SET body = NULL, headers = '{{}}' WHERE id IN"
        f" (SELECT answer_id FROM {output} WHERE subject IN ({statements.marks(subjects)}))"
    )
    return Statement(sql, subjects)


def old_answers() -> Iterator[int]:
    """Drops what is older than a replay may be; how much, after each step."""
    return purging.delete(IdempotentAnswer.objects.filter(created_at__lte=timezone.now() - RETENTION))


def purge() -> int:
    return sum(old_answers())
