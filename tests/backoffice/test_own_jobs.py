"""The list of jobs: everybody's own, with a way to the page that belongs to each, and all for those who look after them."""

from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.utils import quote
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.backoffice.jobs import CHECKING, EXPORTING, IMPORTING
from overplane.jobs import files, kinds, purging, queue
from overplane.jobs.models import Job, JobFile, State
from overplane.jobs.owners import NOBODY
from tests.backoffice.people import member, person, signed_in

LIST = reverse("admin:overplane_jobs_job_changelist")
pytestmark = pytest.mark.django_db


def enqueued(kind: str, name: str, **values: Any) -> Job:
    job = queue.enqueue(kind, {"name": "a.csv"}, f"user:{name}", owner=person(name).pk)
    Job.objects.filter(pk=job.pk).update(**values)
    return job


def rows(client: Client, **query: str) -> str:
    page = client.get(LIST, query).content.decode()
    return page.partition('<tbody id="rows"')[2].partition("</tbody>")[0]


def cancel(client: Client, *jobs: Job) -> None:
    client.post(LIST, {"action": "cancel", "_selected_action": [job.pk for job in jobs], "index": 0})


def is_open(job: Job) -> bool:
    return Job.objects.get(pk=job.pk).is_open


@pytest.mark.slow
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


@pytest.mark.slow
def test_who_gets_the_name_of_a_deleted_person_gets_nothing_else_of_him(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    member("Manager")
    ended = {"state": State.DONE, "finished_at": timezone.now()}
    job = enqueued(EXPORTING.name, "anna", **ended)
    file = files.store(ContentFile(b"secret"), "customers.csv", "user:anna", job).pk
    upload = files.store(ContentFile(b"customer_name\nA\n"), "a.csv", "user:anna", owner=job.owner_id).pk
    check = enqueued(CHECKING.name, "anna", **ended)
    user = person("anna")
    answer = signed_in(user).get(reverse("job_file", args=[file]))
    assert b"".join(answer) == b"secret"
    user.delete()
    for client in (member("Manager"), member("Manager", "chief")):
        assert job.pk not in rows(client)
        assert "customers.csv" not in client.get(reverse("export")).content.decode()
        assert client.get(reverse("job_file", args=[file])).status_code == 404
        assert client.get(reverse("import_mapping", args=[upload])).status_code == 404
        assert client.get(reverse("import_job", args=[check.pk])).status_code == 403
        assert client.post(reverse("import_apply", args=[check.pk])).status_code == 404
        assert client.get(reverse("admin:overplane_jobs_job_change", args=[job.pk])).status_code == 302
        cancel(client, enqueued(EXPORTING.name, "somebody"))
    boss = person("boss")
    boss.is_staff = boss.is_superuser = True
    boss.save()
    assert job.pk in rows(signed_in(boss))
    assert signed_in(boss).get(reverse("job_file", args=[file])).status_code == 404  # files are for their owner alone
    purging.purge(timezone.now() + purging.RETENTION * 2)
    assert not JobFile.objects.exists()


def test_jobs_from_before_belong_to_who_had_the_name_then() -> None:
    anna, later = person("anna"), person("later")
    type(anna).objects.filter(pk=anna.pk).update(date_joined=timezone.now() - timedelta(days=1))
    jobs = {name: queue.enqueue(EXPORTING.name, {}, f"user:{name}").pk for name in ("anna", "later", "nobody")}
    Job.objects.filter(pk=jobs["later"]).update(created_at=timezone.now() - timedelta(days=2))
    jobs["service"] = queue.enqueue(EXPORTING.name, {}, "system:worker").pk
    uploaded = files.store(ContentFile(b""), "a.csv", "user:anna").pk
    migration = import_module("overplane.jobs.migrations.0003_owners")
    migration.find_owners(apps, None)
    owners = {name: Job.objects.get(pk=pk).owner_id for name, pk in jobs.items()}
    assert owners == {"anna": anna.pk, "later": NOBODY, "nobody": NOBODY, "service": None}
    assert JobFile.objects.get(pk=uploaded).owner_id == anna.pk
    manager = rows(member("Manager", "chief"))
    assert jobs["anna"] in manager
    assert jobs["service"] in manager
    assert jobs["nobody"] not in manager
    assert later.pk not in owners.values()
