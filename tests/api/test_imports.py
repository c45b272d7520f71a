"""Imports over HTTP: a file goes in, its problems and results come out, and it can be steered and taken back."""

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.http import HttpResponse
from django.test import Client
from django.test.client import MULTIPART_CONTENT, encode_multipart
from django.utils import timezone

from crm.models import Customer, ImportRun, RunState
from crm.transfer import runs
from overplane.api import keys
from overplane.events.models import Event
from overplane.jobs import purging
from overplane.jobs.models import Job, JobFile
from overplane.jobs.worker import Worker
from tests.conftest import Api

IMPORT = "/api/crm/import"
pytestmark = pytest.mark.django_db(transaction=True)
GOOD = "name,email_id,tax_id\nOne,a@b,1\nTwo,,2\n"
BAD = "name,email_id,tax_id\nOne,a@b,1\nTwo,nobody,2\nThree,,3\n"


def error_of(answer: Any) -> dict[str, Any]:
    return answer.json()["error"]


class Imports:
    """Sends files, and is the worker too."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def send(self, content: str | bytes, query: str = "", *, kind: str = "text/csv", **headers: str) -> HttpResponse:
        data = content if isinstance(content, bytes) else content.encode()
        sent = {"authorization": f"Bearer {self.api.key}"} | {n.replace("_", "-"): v for n, v in headers.items()}
        return self.api.client.generic("POST", IMPORT + query, data, content_type=kind, headers=sent)

    def work(self) -> None:
        Worker().run(until_idle=True)

    def ended(self, content: str | bytes, query: str = "", **more: str) -> dict[str, Any]:
        answer = self.send(content, query, **more)
        assert answer.status_code == 202, answer.content
        self.work()
        return self.get(answer.json()["id"])

    def get(self, run_id: str, rest: str = "") -> Any:
        answer = self.api.get(f"{IMPORT}/{run_id}{rest}")
        assert answer.status_code == 200, answer.content
        return answer.json()

    def act(self, run_id: str, action: str, body: Any = None) -> HttpResponse:
        return self.api.post(f"{IMPORT}/{run_id}/{action}", body)

    def file(self, run_id: str, name: str) -> tuple[HttpResponse, str]:
        answer = self.api.get(f"{IMPORT}/{run_id}/{name}")
        return answer, b"".join(answer).decode("utf-8-sig")  # type: ignore[call-overload]

    def rows(self, run_id: str) -> list[list[str]]:
        return list(csv.reader(io.StringIO(self.file(run_id, "result")[1])))


@pytest.fixture
def imports(live_api: Api, settings: Any, tmp_path: Path) -> Imports:
    settings.MEDIA_ROOT = tmp_path / "files"
    return Imports(live_api)


def test_a_file_goes_in(imports: Imports) -> None:
    answer = imports.send(GOOD, "?file_name=new.csv")
    assert answer.status_code == 202
    waiting = answer.json()
    assert answer["Location"] == f"{IMPORT}/{waiting['id']}"
    assert (waiting["status"], waiting["finished_at"], waiting["dry_run"]) == ("queued", None, False)
    assert waiting["file_hash"] == hashlib.sha256(GOOD.encode()).hexdigest()
    imports.work()
    done = imports.get(waiting["id"])
    assert (done["status"], done["file_name"], done["problem_count"]) == ("done", "new.csv", 0)
    assert done["counts"] | {"created": 2} == done["counts"]
    assert (done["progress"]["fraction"], done["progress"]["customers"]) == (1.0, 2)
    assert done["finished_at"]
    ids = dict(Customer.objects.values_list("customer_name", "id"))
    assert imports.rows(done["id"]) == [
        ["row", "customer_id", "outcome", "code", "message"],
        ["2", ids["One"], "created", "", ""],
        ["3", ids["Two"], "created", "", ""],
    ]
    (event,) = Event.objects.filter(type="import.finished")
    assert (event.subject, event.actor.partition(":")[0]) == (done["id"], "api_key")
    assert imports.api.get(IMPORT).json()["data"] == [done]


def test_as_a_form(imports: Imports) -> None:
    form = {"file": SimpleUploadedFile("form.csv", b"Firma;Gebiet\nOne;-\n"), "null": "-", "set[territory]": ""}
    form |= {"mapping": '{"Firma": "customer_name", "Gebiet": "industry"}', "dry_run": "true"}
    answer = imports.send(encode_multipart("BoUnDaRyStRiNg", form), kind=MULTIPART_CONTENT)
    assert answer.status_code == 202, answer.content
    imports.work()
    checked = imports.get(answer.json()["id"])
    assert (checked["status"], checked["file_name"], checked["counts"]["created"]) == ("checked", "form.csv", 1)
    assert checked["options"]["null"] == ["-"]
    assert not Customer.objects.exists()


@pytest.mark.parametrize("dry_run", ["true", "false"])
def test_what_it_replaces_is_not_kept_with_its_job(imports: Imports, dry_run: str) -> None:
    """It would stay there when the customer is deleted."""
    imports.api.create(tax_id="1", territory="Before")
    imports.ended("tax_id,territory\n1,After\n", f"?match_on=tax_id&mode=update&dry_run={dry_run}")
    (job,) = Job.objects.filter(kind="crm.import_file")
    assert job.result
    assert job.result["updated"] == 1
    assert "Before" not in json.dumps(job.result)


def test_one_that_ends_while_it_is_read_has_not_broken_off(imports: Imports, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = imports.send(GOOD).json()
    read_jobs, reads = runs.jobs_of, []

    def after_the_work(found: Any) -> Any:
        if not reads:
            reads.append(1)
            imports.work()
        return read_jobs(found)

    monkeypatch.setattr(runs, "jobs_of", after_the_work)
    assert imports.get(sent["id"])["status"] == "done"


def test_checked_then_applied(imports: Imports) -> None:
    checked = imports.ended(GOOD, "?dry_run=true")
    assert (checked["status"], checked["dry_run"], checked["counts"]["created"]) == ("checked", True, 2)
    assert [row[1:3] for row in imports.rows(checked["id"])[1:]] == [["", "created"], ["", "created"]]
    assert not Customer.objects.exists()
    answer = imports.act(checked["id"], "apply")
    assert (answer.status_code, answer.json()["status"], answer.json()["dry_run"]) == (202, "queued", False)
    imports.work()
    assert imports.get(checked["id"])["status"] == "done"
    assert Customer.objects.count() == 2
    statuses = [
        json.loads(e.object or "")["status"] for e in Event.objects.filter(type="import.finished").order_by("seq")
    ]
    assert statuses == ["checked", "done"]


@pytest.mark.slow
def test_problems_are_listed_and_mended(imports: Imports) -> None:
    refused = imports.ended(BAD, "?file_name=bad.csv")
    assert (refused["status"], refused["problem_count"], refused["counts"]["refused"]) == ("refused", 1, 1)
    assert refused["problem_kinds"] == [{"code": "parameter_invalid", "column": "email_id", "count": 1}]
    page = imports.get(refused["id"], "/problem")
    (problem,) = page["data"]
    assert (problem["row"], problem["column"], problem["value"], problem["code"]) == (
        3, "email_id", "nobody", "parameter_invalid",
    )  # fmt: skip
    assert (page["total"], page["has_more"]) == (1, False)
    assert [row[2:4] for row in imports.rows(refused["id"])[1:]] == [
        ["refused", ""],
        ["refused", "parameter_invalid"],
        ["refused", ""],
    ]
    assert not Customer.objects.exists()
    good = imports.ended(BAD, "?skip_errors=true&file_name=bad.csv")
    assert (good["status"], good["counts"]["created"], good["counts"]["refused"]) == ("done", 2, 1)
    answer, text = imports.file(good["id"], "refused")
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("application/octet-stream", "nosniff")
    assert answer["Content-Disposition"] == 'attachment; filename="bad.refused.csv"'
    mended = imports.ended(text.replace("nobody", "some@body"))
    assert (mended["status"], mended["counts"]["created"]) == ("done", 1)
    assert sorted(Customer.objects.values_list("customer_name", flat=True)) == ["One", "Three", "Two"]


def test_problems_page_by_page(imports: Imports) -> None:
    rows = "\n".join(f"c{i},nobody{i}" for i in range(25))
    refused = imports.ended(f"name,email_id\n{rows}\n")
    walked: list[int] = []
    query = "?limit=10"
    while True:
        page = imports.get(refused["id"], f"/problem{query}")
        walked += [one["row"] for one in page["data"]]
        if not page["has_more"]:
            break
        query = f"?limit=10&starting_after={page['data'][-1]['id']}"
    assert walked == list(range(2, 27))
    assert page["total"] == 25
    back = imports.get(refused["id"], f"/problem?limit=10&ending_before={page['data'][0]['id']}")
    assert [one["row"] for one in back["data"]] == list(range(12, 22))
    assert (
        error_of(imports.api.get(f"{IMPORT}/{refused['id']}/problem?starting_after=prob_x"))["code"]
        == "resource_missing"
    )


def test_taken_back(imports: Imports) -> None:
    done = imports.ended(GOOD)
    answer = imports.act(done["id"], "undo")
    assert (answer.status_code, answer.json()["status"]) == (202, "undoing")
    assert imports.act(done["id"], "undo").status_code == 202
    imports.work()
    undone = imports.get(done["id"])
    assert (undone["status"], undone["undone"]) == ("undone", {"deleted": 2, "restored": 0, "kept": 0, "gone": 0})
    assert not Customer.objects.exists()
    assert Event.objects.filter(type="import.undone", subject=done["id"]).count() == 1
    assert [one["id"] for one in imports.api.get(IMPORT).json()["data"]] == [done["id"]]
    again = imports.act(done["id"], "undo")
    assert (again.status_code, error_of(again)["code"], error_of(again)["status"]) == (409, "import_state", "undone")


def test_canceled_before_it_began_then_resumed(imports: Imports) -> None:
    run_id = imports.send(GOOD).json()["id"]
    canceled = imports.act(run_id, "cancel")
    assert (canceled.status_code, canceled.json()["status"]) == (200, "canceled")
    imports.work()
    assert not Customer.objects.exists()
    assert imports.act(run_id, "undo").status_code == 409
    assert imports.act(run_id, "resume").json()["status"] == "queued"
    imports.work()
    assert imports.get(run_id)["status"] == "done"
    for action in ("cancel", "resume", "apply"):
        refused = imports.act(run_id, action)
        assert (refused.status_code, error_of(refused)["code"], error_of(refused)["status"]) == (
            409, "import_state", "done",
        )  # fmt: skip


def test_what_has_not_ended_has_no_files(imports: Imports) -> None:
    run_id = imports.send(GOOD).json()["id"]
    for name in ("result", "refused"):
        answer = imports.api.get(f"{IMPORT}/{run_id}/{name}")
        assert (answer.status_code, error_of(answer)["status"]) == (409, "queued")
    imports.work()
    assert imports.api.get(f"{IMPORT}/{run_id}/refused").status_code == 404


@pytest.mark.parametrize(
    ("content", "query", "said"),
    [
        ("%PDF-1.4\n", "", "is a PDF"),
        ("Shoe size\n44\n", "", "mapping"),
        ("name,Shoe size\nOne,44\n", "", "leave them out (ignore_unknown=true)"),
        (GOOD, "?encoding=utf-16", "Name its encoding (encoding)"),
    ],
)
def test_a_file_that_cannot_be_imported_says_why(imports: Imports, content: str, query: str, said: str) -> None:
    refused = imports.ended(content, query)
    assert refused["status"] == "refused"
    assert said in refused["error"]
    assert "--" not in refused["error"]
    assert Event.objects.get(type="import.finished").subject == refused["id"]


def test_the_same_file_goes_in_once(imports: Imports) -> None:
    imports.ended(GOOD)
    refused = imports.ended(GOOD)
    assert refused["status"] == "refused"
    assert "To import it once more say so (again=true)" in refused["error"]
    assert imports.ended(GOOD, "?again=true")["status"] == "done"
    assert Customer.objects.count() == 4


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("?mode=replace", "parameter_invalid", "mode"),
        ("?mode=upsert", "parameter_missing", "match_on"),
        ("?mode=create&match_on=id", "parameter_conflict", "match_on"),
        ("?match_on=territory", "parameter_invalid", "match_on"),
        ("?mapping=[1]", "parameter_invalid_type", "mapping"),
        ("?mapping={", "json_invalid", "mapping"),
        (r"?mapping={%22\ud800%22:%22customer_name%22}", "characters_not_allowed", "mapping"),
        (r"?mapping={%22a%22:%22\ufffe%22}", "characters_not_allowed", "mapping"),
        ("?mapping={%22a%22:%22customer_name%22,%22a%22:%22email_id%22}", "parameter_duplicate", "mapping"),
        ("?set[shoes]=44", "parameter_unknown", "set[shoes]"),
        ("?dry_run=yes", "parameter_invalid", "dry_run"),
        ("?dryrun=true", "parameter_unknown", "dryrun"),
        ("?encoding=klingon", "parameter_invalid", "encoding"),
        ("?heading_row=0", "parameter_invalid_range", "heading_row"),
        ("?format=pdf", "parameter_invalid", "format"),
        ("?delimiter=ab", "parameter_invalid", "delimiter"),
    ],
)
def test_wrong_options_are_refused_before_the_file_is_stored(
    imports: Imports, query: str, code: str, param: str
) -> None:
    answer = imports.send(GOOD, query)
    assert answer.status_code == 400
    assert (error_of(answer)["code"], error_of(answer)["param"]) == (code, param)
    assert not JobFile.objects.exists()
    assert not ImportRun.objects.exists()


def test_what_is_no_file_is_refused(imports: Imports, settings: Any) -> None:
    assert error_of(imports.send(b""))["code"] == "parameter_missing"
    assert imports.send(GOOD, kind="text/html").status_code == 415
    assert imports.send(GOOD, Content_Encoding="gzip").status_code == 415
    form = encode_multipart("BoUnDaRyStRiNg", {"datei": SimpleUploadedFile("a.csv", b"name\n")})
    assert error_of(imports.send(form, kind=MULTIPART_CONTENT))["code"] == "parameter_unknown"
    for name in (b"", b"..", b"M\xfcller.csv"):
        form = b'--BB\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\nname\nA\r\n--BB--\r\n' % name
        missing = error_of(imports.send(form, kind="multipart/form-data; boundary=BB"))
        assert (missing["code"], "with a file name" in missing["message"]) == ("parameter_missing", True)
    assert error_of(imports.send(b""))["message"].startswith("The file is empty.")
    settings.IMPORT_MAX_BYTES = 20
    assert error_of(imports.send(GOOD))["code"] == "body_too_large"
    assert imports.send("name\nOne\n").status_code == 202
    big = encode_multipart("BoUnDaRyStRiNg", {"file": SimpleUploadedFile("a.csv", GOOD.encode())})
    assert error_of(imports.send(big, kind=MULTIPART_CONTENT))["code"] == "body_too_large"
    assert JobFile.objects.count() == 1
    assert not list(Path(settings.FILE_UPLOAD_TEMP_DIR).glob("*.upload*"))


def test_a_retry_begins_it_once(imports: Imports) -> None:
    first = imports.send(GOOD, Idempotency_Key="k")
    second = imports.send(GOOD, Idempotency_Key="k")
    assert (second.status_code, second.content, second["Idempotent-Replayed"]) == (202, first.content, "true")
    assert second["Location"] == first["Location"]
    other = imports.send(GOOD + "Three,,\n", Idempotency_Key="k")
    assert (other.status_code, error_of(other)["code"]) == (400, "idempotency_key_mismatch")
    other = imports.send(GOOD, kind="application/json", Idempotency_Key="k")  # which reads it in another way
    assert (other.status_code, error_of(other)["code"]) == (400, "idempotency_key_mismatch")
    assert (ImportRun.objects.count(), JobFile.objects.count(), Job.objects.count()) == (1, 1, 1)
    stored = [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]
    assert len(stored) == 1


def test_runs_of_the_command_are_listed_too(imports: Imports, imported: Any) -> None:
    run_id = imported(BAD, "--skip-errors").report["run"]
    shown = imports.get(run_id)
    assert (shown["status"], shown["counts"]["created"], shown["problem_count"]) == ("done", 2, 1)
    assert [row[2] for row in imports.rows(run_id)[1:]] == ["created", "refused", "created"]
    assert imports.get(run_id, "/problem")["total"] == 1
    answer, refused = imports.file(run_id, "refused")
    assert "nobody" in refused
    assert answer["Content-Disposition"] == 'attachment; filename="customers-0.refused.csv"'
    assert imports.act(run_id, "undo").status_code == 202
    imports.work()
    assert imports.get(run_id)["status"] == "undone"
    assert "nobody" in imports.file(run_id, "refused")[1]


def test_what_a_command_began_goes_on_there(imports: Imports, imported: Any) -> None:
    run_id = imported(GOOD).report["run"]
    ImportRun.objects.update(state=RunState.WRITING)  # as if it had been killed
    Job.objects.all().delete()
    ImportRun.objects.update(job_id=None, finished_at=None)
    answer = imports.act(run_id, "resume")
    assert (answer.status_code, error_of(answer)["code"]) == (409, "import_state")
    assert error_of(answer)["message"].startswith("It was begun elsewhere, by a command or a page")


def test_a_value_for_all_is_named_as_it_was_sent(imports: Imports) -> None:
    refused = imports.ended(GOOD, "?set[default_commission_rate]=much")
    assert {kind["column"] for kind in refused["problem_kinds"]} == {"set[default_commission_rate]"}
    (first, _second) = imports.get(refused["id"], "/problem")["data"]
    assert (first["column"], first["value"]) == ("set[default_commission_rate]", "much")
    assert "--" not in imports.file(refused["id"], "result")[1]


def test_for_full_keys_only(imports: Imports) -> None:
    done = imports.ended(GOOD)
    reader = Api(keys.mint("reader", read_only=True)[1])
    for path in ("", f"/{done['id']}", f"/{done['id']}/problem", f"/{done['id']}/result", f"/{done['id']}/refused"):
        assert reader.get(f"{IMPORT}{path}").status_code == 403
    assert Imports(reader).send(GOOD).status_code == 403
    assert Client().get(f"{IMPORT}/{done['id']}/result").status_code == 401


def test_what_is_kept_goes_after_a_month(imports: Imports) -> None:
    done = imports.ended(BAD, "?skip_errors=true")
    Job.objects.update(finished_at="2020-01-01T00:00:00Z")
    purging.purge()
    assert not JobFile.objects.exists()
    assert imports.get(done["id"])["status"] == "done"
    assert imports.api.get(f"{IMPORT}/{done['id']}/refused").status_code == 404


def test_results_are_kept_from_the_end_and_while_it_goes_on(imports: Imports) -> None:
    applied = imports.ended(BAD, "?dry_run=true&skip_errors=true")["id"]
    waiting = imports.ended(BAD + "Four,,\n", "?dry_run=true&skip_errors=true")["id"]
    old = imports.ended(BAD + "Five,,\n", "?dry_run=true&skip_errors=true")["id"]
    ImportRun.objects.update(created_at="2020-01-01T00:00:00Z")
    ImportRun.objects.filter(pk__in=[waiting, old]).update(finished_at="2020-01-01T00:00:00Z")
    assert imports.act(applied, "apply").status_code == 202
    imports.work()
    assert imports.act(waiting, "apply").status_code == 202
    call_command("purge_imports", stdout=io.StringIO())
    assert [imports.get(one, "/problem")["total"] for one in (applied, waiting, old)] == [1, 1, 0]


def test_purging_at_once_leaves_what_is_being_sent(imports: Imports) -> None:
    imports.ended(GOOD)
    sent = JobFile.objects.create(id="file_sent", name="a.csv", actor="user:1", created_at=timezone.now())
    call_command("purge_imports", "--days", "0", stdout=io.StringIO())
    assert JobFile.objects.get() == sent
    for days in ("-1", "999999999"):
        with pytest.raises(CommandError, match="from 0 to 36500"):
            call_command("purge_imports", "--days", days)


@pytest.mark.slow
def test_three_hundred_bad_rows_of_three_thousand_are_mended(imports: Imports) -> None:
    rows = [f"Customer {i},{'nobody' if i % 10 == 3 else f'c{i}@mail.example'}" for i in range(3000)]
    first = imports.ended("\n".join(["name,email_id", *rows, ""]), "?skip_errors=true")
    assert (first["counts"]["created"], first["counts"]["refused"], first["problem_count"]) == (2700, 300, 300)
    assert imports.get(first["id"], "/problem?limit=1000")["total"] == 300
    second = imports.ended(imports.file(first["id"], "refused")[1].replace("nobody", "some@body"))
    assert (second["status"], second["counts"]["created"], second["problem_count"]) == ("done", 300, 0)
    names = Customer.objects.values_list("customer_name", flat=True)
    assert sorted(names) == sorted(f"Customer {i}" for i in range(3000))
    assert len(imports.rows(first["id"])) == 3001
