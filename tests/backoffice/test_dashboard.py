"""The admin's first page: exact total, plots of the last count with their age, and only what one may see."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from crm import services
from crm.backoffice import dashboard
from crm.models import Customer, DuplicatePair, ImportRun, RunState
from overplane.api import keys
from overplane.events.models import Event
from overplane.events.per_day import first_number_since
from overplane.jobs import queue
from overplane.origin import Origin
from tests.backoffice.people import member, person

ORIGIN = Origin("user:setup")


def make(name: str = "Acme", **values: Any) -> str:
    return services.create_customer({"customer_name": name} | values, origin=ORIGIN).output["id"]


def page(client: Client) -> str:
    answer = client.get(reverse("admin:index"))
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.django_db
def test_counts_by_week_type_group_and_territory() -> None:
    ids = [make(territory="North" if i % 3 else None, customer_group="<b>Big</b>") for i in range(9)]
    make(customer_type="Individual")
    weeks_ago = timezone.now() - timedelta(weeks=3)
    Customer.objects.filter(pk__in=ids[:4]).update(created_at=weeks_ago)
    counted = dashboard.count_customers()
    assert (counted["total"], counted["customer_type"]) == (10, [("Company", 9), ("Individual", 1)])
    assert counted["territory"] == [("North", 6), (None, 4)]
    assert len(counted["new_per_week"]) == dashboard.WEEKS
    assert [n for _, n in counted["new_per_week"]][-4:] == [4, 0, 0, 6]
    bars = dashboard.bars("territory", [["North", 6], [None, 2]], 10)
    assert [(bar.label, bar.n, bar.percent) for bar in bars] == [
        ("North", 6, 100),
        ("(none)", 2, 33.3),
        ("(others)", 2, 33.3),
    ]


@pytest.mark.django_db
def test_what_one_customer_alone_has_is_not_kept_beyond_its_erasure() -> None:
    for territory in ("North", "North", "house of Anna", None):
        make(territory=territory)
    counted = dashboard.count_customers()
    assert sorted(counted["territory"], key=str) == [("North", 2), (None, 1)]
    assert "Anna" not in str(counted)
    bars = dashboard.bars("territory", [("North", 2), (None, 1)], counted["total"])
    assert [(bar.label, bar.n) for bar in bars] == [("North", 2), ("(none)", 1), ("(others)", 1)]


@pytest.mark.django_db
def test_shows_the_last_count_and_its_age_but_the_total_of_now() -> None:
    client = member("Viewer")
    for _ in range(2):
        make(customer_group="<b>Big</b>")
    assert "Not counted yet" in page(client)
    job = queue.enqueue(dashboard.KIND, {}, "system:worker")
    counted = dashboard.count_customers()
    counted["counted_at"] = (timezone.now() - timedelta(hours=3, minutes=1)).isoformat()
    claimed = queue.claim("worker")
    queue.finish(claimed, counted, 0, None)
    make("Another")
    output = page(client)
    assert claimed.pk == job.pk
    assert ">3</a>" in output
    assert f'datetime="{counted["counted_at"][:19]}Z"' in output
    assert "&lt;b&gt;Big&lt;/b&gt;" in output
    assert "<b>Big" not in output
    assert output.count("<rect") >= dashboard.WEEKS
    assert " style=" not in output


@pytest.mark.django_db
def test_never_reads_the_whole_table() -> None:
    client = member("Administrator")
    make()
    queue.enqueue(dashboard.KIND, {}, "system:worker")
    queue.finish(queue.claim("worker"), dashboard.count_customers(), 0, None)
    page(client)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        page(client)
    statements = [query["sql"] for query in queries if "crm_customer" in query["sql"]]
    assert all("LIMIT" in sql or " IN (" in sql or "overplane_row_count" in sql for sql in statements), statements
    assert len(queries) <= 14


@pytest.mark.django_db
def test_each_sees_what_he_may() -> None:
    make("Zenith")
    keys.mint("soon", expires_at=timezone.now() + timedelta(days=3))
    keys.mint("key-of-next-year", expires_at=timezone.now() + timedelta(days=300))
    administrator, viewer = page(member("Administrator", "chief")), page(member("Viewer"))
    assert "soon" in administrator
    assert "key-of-next-year" not in administrator
    assert "API keys about to expire" not in viewer
    assert "Zenith" in viewer
    assert "<td>created</td>" in viewer
    nobody = get_user_model().objects.create_user("new", is_staff=True)
    client = Client()
    client.force_login(nobody)
    assert "Zenith" not in page(client)


@pytest.mark.django_db(transaction=True)
def test_the_worker_counts_by_itself() -> None:
    make()
    call_command("run_worker", until_idle=True)
    assert dashboard.last_count()["total"] == 1


def done(kind: str, result: dict[str, Any], actor: str = "user:anna", **payload: Any) -> str:
    role, _, name = actor.partition(":")
    queue.enqueue(kind, payload, actor, owner=person(name).pk if role == "user" else None)
    job = queue.claim("worker")
    assert job is not None
    queue.finish(job, result, 0, None)
    return job.pk


@pytest.mark.slow
@pytest.mark.django_db
def test_refused_rows_wait_no_more_once_they_are_imported_or_all_is_taken_back() -> None:
    done("crm.import_customers", {"problem_count": 2, "report": "file_refused"}, name="mended.csv")
    job = done("crm.import_customers", {"problem_count": 2}, name="back.csv")
    done("crm.import_customers", {"problem_count": 2, "report": "file_other"}, name="waits.csv")
    client = member("Editor")
    assert all(f"{name}.csv: 2 problems" in page(client) for name in ("mended", "back", "waits"))
    done("crm.import_customers", {"problem_count": 0}, name="refused.csv", file="file_refused")
    run = ImportRun(id=job.replace("job_", "run_"), created_at=timezone.now(), settings={}, state=RunState.UNDONE)
    run.save(force_insert=True)
    assert "waits.csv: 2 problems" in page(client)
    assert not any(f"{name}.csv" in page(client) for name in ("mended", "back"))


@pytest.mark.slow
@pytest.mark.django_db
def test_says_what_waits_for_whom() -> None:
    make("Nordlicht", tax_id="DE 1", email_id="a@b.example")
    make("Sued")
    keys.mint("shop", expires_at=timezone.now() + timedelta(days=3))
    done(dashboard.KIND, dashboard.count_customers(), "system:worker")
    mine = done("crm.import_customers", {"problem_count": 3}, name="mine.csv")
    done("crm.import_customers", {"problem_count": 1}, "user:bert", name="others.csv")
    done("crm.import_customers", {"problem_count": 0}, name="good.csv")
    DuplicatePair.objects.create(
        id="pair_1", first_id="customer_a", second_id="customer_b", score=0.9, reasons=[], compared_at=timezone.now(),
        first_hash=1, second_hash=2,
    )  # fmt: skip
    seen = {
        role: page(member(role, name))
        for role, name in [("Editor", "anna"), ("Administrator", "boss"), ("Viewer", "eva")]
    }
    for role, text, is_seen in [
        ("Editor", f'href="/admin/import/jobs/{mine}/"', True),
        ("Editor", "mine.csv: 3 problems", True),
        ("Editor", "others.csv", False),
        ("Editor", "good.csv", False),
        ("Editor", "1 customer without tax ID", True),
        ("Editor", "1 customer without e-mail", True),
        ("Editor", "likely duplicates", False),  # they may not merge them
        ("Editor", "“shop”", False),
        ("Administrator", "others.csv: 1 problem", True),
        ("Administrator", "1 pair of likely duplicates", True),
        ("Administrator", "“shop”", True),
        ("Viewer", "without tax ID", False),
        ("Viewer", "Nothing waits for you.", True),
    ]:
        assert (text in seen[role]) is is_seen, (role, text)


@pytest.mark.django_db
def test_shows_whom_one_changed_last_and_changes_by_door() -> None:
    ids = [make(f"C{i}") for i in range(9)]
    client = member("Editor")
    for one in (ids[1], ids[7], ids[1]):
        client.post(f"/admin/crm/customer/{one}/cell/", {"field": "territory", "value": "x", "was": ""})
    services.delete_customer(ids[7], origin=ORIGIN)
    done(dashboard.KIND, dashboard.count_customers(), "system:worker")
    output = page(client).split("Changed by you")[1].split("</section>")[0]
    assert "C1" in output
    assert "C7" not in output
    counted = dashboard.last_count()
    assert counted is not None
    day, doors = counted["changes"][-1]
    assert (day, doors) == (timezone.now().date().isoformat(), {"user": 12})
    assert len(counted["changes"]) == dashboard.DAYS


@pytest.mark.django_db
def test_the_first_event_of_a_day_is_found_without_reading_the_log() -> None:
    ids = [make(f"C{i}") for i in range(40)]
    numbers = list(Event.objects.order_by("seq").values_list("seq", flat=True))
    now = timezone.now()
    for i, number in enumerate(numbers):
        Event.objects.filter(seq=number).update(created_at=now - timedelta(hours=len(ids) - i))
    Event.objects.filter(seq__in=numbers[5:9]).delete()  # purged, or numbers that were never given
    assert first_number_since(now - timedelta(hours=20)) == numbers[20]
    assert first_number_since(now - timedelta(days=30)) == numbers[0]
    start = first_number_since(now + timedelta(days=1))
    assert start is not None
    assert start >= numbers[-1]
    Event.objects.all().delete()
    assert first_number_since(now) is None
