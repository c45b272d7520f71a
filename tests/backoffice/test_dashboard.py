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
from crm.models import Customer
from overplane.api import keys
from overplane.jobs import queue
from overplane.origin import Origin
from tests.backoffice.people import member

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
    bars = dashboard.bars([["North", 6], [None, 2]], 10)
    assert [(bar.label, bar.n, bar.percent) for bar in bars] == [
        ("North", 6, 100),
        ("(none)", 2, 33.3),
        ("(others)", 2, 33.3),
    ]


@pytest.mark.django_db
def test_shows_the_last_count_and_its_age_but_the_total_of_now() -> None:
    client = member("Viewer")
    make(customer_group="<b>Big</b>")
    assert "Not counted yet" in page(client)
    job = queue.enqueue(dashboard.KIND, {}, "system:worker")
    counted = dashboard.count_customers()
    counted["counted_at"] = (timezone.now() - timedelta(hours=3, minutes=1)).isoformat()
    claimed = queue.claim("worker")
    queue.finish(claimed, counted, 0, None)
    make("Second")
    output = page(client)
    assert claimed.pk == job.pk
    assert ">2</a>" in output
    assert "3\xa0hours" in output
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
    asked = [query["sql"] for query in queries if "crm_customer" in query["sql"]]
    assert all("LIMIT" in sql or " IN (" in sql or "overplane_row_count" in sql for sql in asked), asked
    assert len(queries) <= 14


@pytest.mark.django_db
def test_each_sees_what_he_may() -> None:
    make("Zenith")
    keys.mint("soon", expires_at=timezone.now() + timedelta(days=3))
    keys.mint("later", expires_at=timezone.now() + timedelta(days=300))
    administrator, viewer = page(member("Administrator", "chief")), page(member("Viewer"))
    assert "soon" in administrator
    assert "later" not in administrator
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
