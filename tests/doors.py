"""A customer with its supplier numbers, and every door through which it is changed."""

from typing import Any, NamedTuple

from django.test import Client
from django.urls import reverse

from crm import merging
from overplane.events.models import Event
from overplane.origin import Origin
from tests.backoffice.merge_form import form
from tests.backoffice.people import member
from tests.conftest import CUSTOMER, Api
from tests.filled_forms import filled


class World(NamedTuple):
    """A customer with two numbers, and the doors."""

    api: Api
    imported: Any
    customer: str
    rows: dict[str, str]

    def batch(self, *operations: dict[str, Any]) -> None:
        answer = self.api.post(f"{CUSTOMER}/batch", {"operations": list(operations)})
        assert answer.status_code == 200, answer.content

    def file(self, *lines: str, arguments: str = "") -> str:
        """Imports a file and gives the run's id."""
        ran = self.imported("\n".join(lines) + "\n", *arguments.split())
        assert ran.code == 0, ran.said
        return ran.report["run"]

    def admin(self, changes: dict[str, str]) -> None:
        client: Client = member("Manager")
        url = reverse("admin:crm_customer_change", args=[self.customer])
        assert client.post(url, filled(client.get(url)) | changes).status_code == 302

    def restore(self) -> None:
        """The old name, from the history."""
        client: Client = member("Manager")
        self.api.patch(f"{CUSTOMER}/{self.customer}", {"customer_name": "Neustadt"})
        event = Event.objects.order_by("-seq")[0].pk
        answer = client.post(
            reverse("admin:crm_customer_restore", args=[self.customer]), {"event": event, "field": "customer_name"}
        )
        assert answer.status_code == 302

    def merge(self) -> None:
        other = self.api.create(customer_name="Neustadt", tax_id="N1")["id"]
        self.api.add_row(other, company="C", supplier_number="NEU-99")
        choices = {"customer_name": other, "tax_id": other}
        merging.merge_customers(self.customer, [other], choices=choices, origin=Origin("user:anna"))

    def merge_by_hand(self) -> None:
        other = self.api.create(customer_name="Neustadt")["id"]
        self.api.add_row(other, company="C", supplier_number="NEU-99")
        sent = form(self.customer, other, customer_name=other)
        assert member("Manager").post(reverse("merge"), sent).status_code == 302
