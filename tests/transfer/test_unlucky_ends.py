"""Runs that another one overtakes, or whose process dies at the worst moment: what is said of them, and what is kept."""

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError
from django.urls import reverse
from django.utils import timezone
from python_calamine import CalamineWorkbook

from crm.backoffice import jobs as pages_jobs
from crm.models import Customer, ImportRun, RunState
from crm.transfer import announcements, pipeline
from crm.transfer.refused_files import RefusedRows
from overplane.events.models import Event
from overplane.files.sources import Source
from overplane.jobs.models import Job, JobFile, State
from overplane.jobs.worker import Worker
from tests.backoffice.import_pages import GOOD, check
from tests.backoffice.people import member
from tests.conftest import Api
from tests.transfer.workbooks import workbook

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
IMPORT = "/api/crm/import"
TEXT = "name,email_id,tax_id\nOne,a@b,1\nTwo,nobody,2\n"


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"


def send(api: Api, content: str | bytes, query: str = "") -> str:
    data = content if isinstance(content, bytes) else content.encode()
    kind = "text/csv" if isinstance(content, str) else XLSX
    headers = {"authorization": f"Bearer {api.key}"}
    answer = api.client.generic("POST", IMPORT + query, data, content_type=kind, headers=headers)
    assert answer.status_code == 202, answer.content
    return answer.json()["id"]


XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def work_again() -> None:
    """Without the pause before another attempt."""
    Job.objects.filter(state=State.QUEUED).update(run_after=timezone.now())
    Worker().run(until_idle=True)


def told(run_id: str) -> list[str]:
    events = Event.objects.filter(subject=run_id, type="import.finished").order_by("seq")
    return [json.loads(one.object or "")["status"] for one in events]


def command(path: Path, option: str) -> None:
    with pytest.raises(CommandError, match="1 customer refused"):
        call_command("import_customers", str(path), option, "--quiet", stderr=io.StringIO())


def test_a_run_that_another_overtakes_says_so(live_api: Api, tmp_path: Path) -> None:
    first, canceled = send(live_api, TEXT), send(live_api, TEXT, "?again=true")
    assert live_api.post(f"{IMPORT}/{canceled}/cancel", None).status_code == 200
    ImportRun.objects.update(state=RunState.CHECKING)  # as if a worker had begun with both
    path = tmp_path / "a.csv"
    path.write_text(TEXT)
    command(path, "--skip-errors")
    shown = live_api.get(f"{IMPORT}/{first}").json()
    assert (shown["status"], shown["finished_at"] is None) == ("refused", False)
    assert shown["error"].startswith("Another import of this file was begun")
    assert told(first) == ["refused"]
    assert live_api.get(f"{IMPORT}/{canceled}").json()["status"] == "canceled"
    Worker().run(until_idle=True)
    assert (told(first), told(canceled), Customer.objects.count()) == (["refused"], [], 1)


def test_refused_rows_of_a_workbook_outlive_who_dies_before_the_end(
    live_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished, times = announcements.finished, iter([1])

    def dies_once(*args: Any) -> None:
        if next(times, None):
            raise OperationalError("the server closed the connection")
        finished(*args)

    monkeypatch.setattr(announcements, "finished", dies_once)
    run_id = send(live_api, workbook(), "?skip_errors=true")
    Worker().run(until_idle=True)
    assert live_api.get(f"{IMPORT}/{run_id}").json()["status"] == "writing"
    work_again()
    shown = live_api.get(f"{IMPORT}/{run_id}").json()
    assert (shown["status"], shown["counts"]["refused"], shown["warnings"]) == ("done", 1, [])
    content = b"".join(live_api.get(f"{IMPORT}/{run_id}/refused"))
    rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    assert [row[2:] for row in rows] == [["name", "mail", "tax_id"], ["Müller; Söhne", "nobody", "00123"]]


def test_refused_rows_of_a_page_s_import_outlive_who_dies_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    client = member("Editor")
    report = check(client, GOOD.replace("a@b", "nobody"))
    store, times = pages_jobs.files.store, iter([1])

    def dies_once(*args: Any) -> JobFile:
        if next(times, None):
            raise OperationalError("the server closed the connection")
        return store(*args)

    page = client.post(f"{report}apply/", {"skip_errors": "1"})["Location"]
    monkeypatch.setattr(pages_jobs.files, "store", dies_once)
    Worker().run(until_idle=True)
    work_again()
    job = Job.objects.get(kind="crm.import_customers")
    assert (job.state, job.result["created"]) == (State.DONE, 1)
    assert b"nobody" in client.get(reverse("job_file", args=[job.result["report"]])).getvalue()
    assert "refused" in client.get(page).content.decode()
    assert JobFile.objects.filter(pk=ImportRun.objects.get().refused_id).exists()


def break_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pipeline.WritePass, "execute", full)


def break_off_after_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pipeline, "analyze_if_grown", full)


def broken_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a command that ended in the middle of it."""
    path = folder / "a.csv"
    path.write_text(TEXT)
    with monkeypatch.context() as broken:
        break_off(broken)
        with pytest.raises(CommandError, match="broke off"):
            call_command("import_customers", str(path), "--skip-errors", "--quiet")
    return path


def test_a_command_s_run_that_broke_off_has_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = broken_off(tmp_path, monkeypatch)
    run = ImportRun.objects.get()
    job = Job.objects.get(pk=run.job_id)
    assert (job.state, run.state) == (State.FAILED, RunState.WRITING)
    client = member("Administrator")
    page = client.get(reverse("import_job", args=[job.pk])).content.decode()
    assert "No space left on device" in page
    assert "Go on" not in page  # with a file that only the command has
    command(path, "--resume")
    run.refresh_from_db()
    page = client.get(reverse("import_job", args=[run.job_id])).content.decode()
    assert (run.state, "broken" in page) == (RunState.DONE, False)


def test_a_person_s_refused_rows_stay_hers_if_a_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = member("Editor")
    text = GOOD.replace("a@b", "nobody")
    report = check(client, text)
    client.post(f"{report}apply/", {"skip_errors": "1"})
    with monkeypatch.context() as broken:
        break_off(broken)
        Worker().run(until_idle=True)
    path = tmp_path / "customers.csv"
    path.write_text(text)
    command(path, "--resume")
    run = ImportRun.objects.get()
    page = reverse("import_job", args=[run.job_id])
    assert "refused rows" in client.get(page).content.decode()
    address = reverse("import_refused", args=[run.job_id])
    assert b"nobody" in client.get(address).getvalue()
    assert member("Administrator", "ada").get(address).status_code == 403


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.CHECKING, RunState.CHECKED])
def test_a_command_goes_on_with_what_wrote_and_never_with_a_dry_run(
    live_api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: RunState
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(TEXT)
    dry = send(live_api, TEXT, "?dry_run=true&skip_errors=true")
    ImportRun.objects.update(state=state)
    with pytest.raises(CommandError, match="No run of this file broke off"):
        call_command("import_customers", str(path), "--resume", "--quiet")
    with monkeypatch.context() as broken:
        break_off(broken)
        with pytest.raises(CommandError, match="broke off"):
            call_command("import_customers", str(path), "--skip-errors", "--quiet")
    ImportRun.objects.exclude(pk=dry).update(created_at=ImportRun.objects.get(pk=dry).created_at - timedelta(hours=1))
    command(path, "--resume")
    assert Customer.objects.count() == 1
    assert (ImportRun.objects.get(pk=dry).state, ImportRun.objects.exclude(pk=dry).get().state) == (state, "done")


def test_a_run_that_waits_does_not_keep_a_command_from_going_on(
    live_api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = broken_off(tmp_path, monkeypatch)
    waiting = send(live_api, TEXT, "?skip_errors=true")
    command(path, "--resume")
    Worker().run(until_idle=True)
    assert live_api.get(f"{IMPORT}/{waiting}").json()["status"] == "refused"
    assert Customer.objects.count() == 1


def test_who_is_overtaken_leaves_the_refused_rows_of_who_overtook(
    live_api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, times, execute = tmp_path / "a.csv", iter([1]), pipeline.WritePass.execute
    path.write_text(TEXT)

    def overtaken_once(writing: Any) -> None:
        if next(times, None):
            command(path, "--resume")
        execute(writing)

    monkeypatch.setattr(pipeline.WritePass, "execute", overtaken_once)
    run_id = send(live_api, TEXT, "?skip_errors=true")
    Worker().run(until_idle=True)
    assert Customer.objects.count() == 1
    assert b"nobody" in (tmp_path / "files" / f"{run_id}.refused").read_bytes()  # where the command said it is
    assert b"nobody" in b"".join(live_api.get(f"{IMPORT}/{run_id}/refused"))


def test_who_comes_beside_a_run_cuts_nothing_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, errors, imitate = tmp_path / "a.csv", tmp_path / "a.csv.errors.csv", RefusedRows.imitate
    path.write_text(TEXT)
    with monkeypatch.context() as broken:
        break_off_after_a_batch(broken)
        with pytest.raises(CommandError, match="broke off"):
            call_command("import_customers", str(path), "--skip-errors", "--quiet")
    left = errors.read_bytes()

    def beside_a_batch(refused: RefusedRows, source: Source) -> None:
        imitate(refused, source)
        errors.write_bytes(left + b"more\n")
        ImportRun.objects.update(position=4, refused_bytes=len(left) + 5)

    monkeypatch.setattr(RefusedRows, "imitate", beside_a_batch)
    with pytest.raises(CommandError, match="Somebody else is at work"):
        call_command("import_customers", str(path), "--resume", "--quiet")
    assert errors.read_bytes() == left + b"more\n"


def test_what_is_taken_back_leaves_no_refused_rows(live_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = send(live_api, workbook(), "?skip_errors=true")
    with monkeypatch.context() as broken:
        break_off_after_a_batch(broken)
        Worker().run(until_idle=True)
    assert live_api.get(f"{IMPORT}/{run_id}").json()["status"] == "broken_off"
    left = [one.name for one in kept_files() if run_id in one.name]
    assert left == [f"{run_id}.refused.part"]
    assert live_api.post(f"{IMPORT}/{run_id}/undo", None).status_code == 202
    Worker().run(until_idle=True)
    assert live_api.get(f"{IMPORT}/{run_id}").json()["status"] == "undone"
    assert not [one for one in kept_files() if run_id in one.name]


def kept_files() -> list[Path]:
    return list(Path(settings.MEDIA_ROOT).iterdir())
