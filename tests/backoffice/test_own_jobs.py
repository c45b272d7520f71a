"""The list of jobs: everybody's own, with a way to the page that belongs to each, and all for those who look after them."""

from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import reverse

from crm.backoffice.jobs import EXPORTING, IMPORTING
from overplane.jobs import kinds, queue
from overplane.jobs.models import Job, State
from tests.backoffice.people import member

LIST = reverse("admin:overplane_jobs_job_changelist")
pytestmark = pytest.mark.django_db


def enqueued(kind: str, name: str, **values: Any) -> Job:
    job = queue.enqueue(kind, {"name": "a.csv"}, f"user:{name}")
    Job.objects.filter(pk=job.pk).update(**values)
    return job


def rows(client: Client, **query: str) -> str:
    page = client.get(LIST, query).content.decode()
    return page.partition('<tbody id="rows"')[2].partition("</tbody>")[0]


def cancel(client: Client, *jobs: Job) -> None:
    client.post(LIST, {"action": "cancel", "_selected_action": [job.pk for job in jobs], "index": 0})


def is_open(job: Job) -> bool:
    return Job.objects.get(pk=job.pk).is_open


def test_an_editor_sees_state_and_progress_of_his_own_jobs_alone() -> None:
    own = enqueued(IMPORTING.name, "anna", state=State.RUNNING, done=1234, total=5000)
    other = enqueued(IMPORTING.name, "bert")
    editor = member("Editor")
    output = rows(editor)
    assert own.pk in output
    assert other.pk not in output
    assert "running" in output
    assert "1,234 / 5,000 (24\N{NO-BREAK SPACE}%)" in output
    assert LIST in editor.get(reverse("admin:index")).content.decode()
    assert editor.get(reverse("admin:overplane_jobs_job_change", args=[own.pk])).status_code == 200
    assert editor.get(reverse("admin:overplane_jobs_job_change", args=[other.pk])).status_code == 302
    assert other.pk not in rows(editor, actor="user:bert")
    assert own.pk in rows(member("Manager", "chief"))
    assert other.pk in rows(member("Manager", "boss"))


def test_a_job_that_is_done_is_done_as_a_whole() -> None:
    enqueued(IMPORTING.name, "anna", state=State.DONE, done=350, total=1000)
    enqueued(EXPORTING.name, "anna", state=State.FAILED, done=20, total=2000)
    output = rows(member("Editor"))
    assert "1,000 / 1,000 (100\N{NO-BREAK SPACE}%)" in output
    assert "20 / 2,000 (1\N{NO-BREAK SPACE}%)" in output


def test_a_line_leads_to_the_page_that_belongs_to_the_job() -> None:
    imported, exported = enqueued(IMPORTING.name, "anna"), enqueued(EXPORTING.name, "anna")
    other = enqueued(IMPORTING.name, "bert")
    output = rows(member("Manager"))
    assert f'href="{reverse("import_job", args=[imported.pk])}' in output
    assert f'href="{reverse("export")}' in output
    assert f'href="{quote(other.pk)}/change/"' in output
    assert kinds.page_of(exported) == reverse("export")
    assert kinds.page_of(Job(kind="crm.count_customers")) == kinds.page_of(Job(kind="gone")) == ""


def test_one_cancels_ones_own_and_a_manager_all() -> None:
    own, other = enqueued(IMPORTING.name, "anna"), enqueued(EXPORTING.name, "bert")
    cancel(member("Editor"), own, other)
    assert (is_open(own), is_open(other)) == (False, True)
    cancel(member("Manager", "chief"), other)
    assert not is_open(other)


def test_the_list_is_looked_at_again_while_something_goes_on() -> None:
    client, job = member("Editor"), enqueued(IMPORTING.name, "anna")
    assert "again.js" in client.get(LIST).content.decode()
    queue.cancel(job)
    assert "again.js" not in client.get(LIST).content.decode()
