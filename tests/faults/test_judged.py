"""What the judge makes of upserts, of refusals, of imports by tax id and of the service's log, on evidence of a few lines."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from faults.history import OK, REFUSED, Call
from faults.judging import acknowledged, erasure, imports
from faults.judging.evidence import Evidence
from faults.judging.unanswered import UnansweredChanges

WORD = "tok" + "a" * 12
Feed = list[dict[str, Any]]


def event(
    what: str, customer_id: str, *, actor: str = "api_key:k", request: str = "req_1", **values: Any
) -> dict[str, Any]:
    data = {"object": {"id": customer_id, **values}, "previous_attributes": dict.fromkeys(values)}
    return {
        "id": "evt_1", "type": f"customer.{what}", "actor": actor, "object_version": 2, "request": {"id": request}, "data": data,
    }  # fmt: skip


def evidence(*calls: Call, feed: Feed = [], **more: Any) -> Evidence:  # noqa: B006 (nobody changes it)
    def of(*verbs: str) -> list[Call]:
        return [call for call in calls if call.verb in verbs]

    tokens = {"one": WORD, "two": WORD}
    return cast("Evidence", SimpleNamespace(calls=calls, feed=feed, of=of, tokens=tokens, upserted={WORD}, **more))


CREATED, DELETED, AGAIN = event("created", "one"), event("deleted", "one"), event("created", "two")


@pytest.mark.parametrize(("feed", "count"), [([CREATED, DELETED, AGAIN], 0), ([CREATED, AGAIN, DELETED], 1)])
def test_one_customer_at_a_time_has_a_tax_id(feed: Feed, count: int) -> None:
    assert len(list(acknowledged.upserts(evidence(feed=feed)))) == count


@pytest.mark.parametrize(("request_id", "count"), [("req_1", 1), ("req_2", 0)])
def test_what_was_refused_left_no_event(request_id: str, count: int) -> None:
    call = Call("c0", "patch", "/", outcome=REFUSED, request_id=request_id)
    assert len(list(acknowledged.refused(evidence(call, feed=[CREATED])))) == count


@pytest.mark.parametrize(("rows", "count"), [([WORD], 0), ([WORD, "other"], 1)])
def test_each_row_of_an_import_is_written_once(rows: list[str], count: int) -> None:
    call = Call("http", "http_upserts", "/", sent=rows, outcome=OK, answer="run_1")
    assert len(list(imports.upserted(evidence(call, feed=[event("updated", "one", actor="import:run_1")])))) == count


@pytest.mark.parametrize(("outcome", "count"), [(OK, 0), (REFUSED, 1)])
def test_one_that_broke_off_goes_on_only_when_somebody_asks(outcome: str, count: int) -> None:
    seen = [
        Call("http", "poll", "/run", outcome=OK, answer={"status": one}, end=at)
        for at, one in ((1, "broken_off"), (3, "done"))
    ]
    resumed = Call("http", "resume_import", "/run/resume", outcome=outcome, end=2)
    assert len(list(imports.broken_off(evidence(*seen, resumed)))) == count


@pytest.mark.parametrize(("text", "count"), [("nothing", 0), (f"deleted {WORD} c1", 1)])
def test_an_erased_word_in_a_log_is_seen(
    text: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "web.log").write_text(text)
    monkeypatch.setattr(erasure, "_words_of_erased", lambda _: {WORD: "one"})
    assert len(list(erasure.logged(evidence(folder=tmp_path)))) == count


def test_what_no_answer_tells_is_taken_from_the_log() -> None:
    answered = Call("office0", "office_cell", "/", outcome=OK, request_id="req_1", start=1, end=2)
    undone = Call("office0", "office_undo", "/", outcome=OK, request_id="req_2", start=3, end=4)
    values = dict.fromkeys(("customer_name", "first_name", "territory", "industry"), "x")
    feed = [
        event("updated", "one", actor="user:admin", request="req_1", **values),
        event("updated", "one", actor="user:admin", request="req_2", **values),
        event("updated", "two", actor="import:run_1", request=""),
    ]
    told = UnansweredChanges(evidence(answered, undone, feed=feed))
    assert [(one.customer_id, one.start, one.end) for one in told.changes] == [("one", 3, 4)]
    assert told.erased == {"two"}
