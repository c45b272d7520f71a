"""Endpoints and deliveries, and the pages of both as a test client sees them."""

import re
from datetime import timedelta
from typing import Any

from django.contrib.admin.utils import quote
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from overplane.events.webhooks import clock, services
from overplane.events.webhooks.models import Cause, Delivery, Endpoint

URL = "https://hooks.example.com/crm"
NAME = "admin:overplane_webhooks_endpoint"
FILTERS_KEY = "_changelist_filters"


def new_endpoint(**values: Any) -> Endpoint:
    return services.create_endpoint({"url": URL} | values)[0]


def address(page: str, *args: object, **query: str) -> str:
    """`args`: the endpoint's key first, which Django writes in its own way."""
    return reverse(f"{NAME}_{page}", args=[quote(args[0]), *args[1:]] if args else (), query=query)


def content_of(client: Client, page: str, *args: object, **query: str) -> str:
    answer = client.get(address(page, *args, **query))
    assert answer.status_code == 200, answer
    return answer.content.decode()


def sent(client: Client, page: str, *args: object, **form: Any) -> HttpResponse:
    return client.post(address(page, *args), form)


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def now(endpoint: Endpoint) -> Endpoint:
    return Endpoint.objects.get(pk=endpoint.pk)


def fail(endpoint: Endpoint, **since: int) -> None:
    Endpoint.objects.filter(pk=endpoint.pk).update(failing_since=clock.now() - timedelta(**since), failures=3)


def delivered(endpoint: Endpoint, **values: Any) -> Delivery:
    """A delivery with one attempt. Its event need not be there any more."""
    attempt = {"last_at": timezone.now(), "last_milliseconds": 120, "attempts": 1}
    event = {"epoch": 1, "seq": 1, "event_type": "customer.updated", "subject": "customer_1", "cause": Cause.FEED}
    return Delivery.objects.create(endpoint=endpoint, created_at=timezone.now(), **event | attempt | values)


def row(page: str, endpoint: Endpoint) -> str:
    """The endpoint's line of the list."""
    return text_of(page.partition(f'value="{endpoint.pk}"')[2].partition("</tr>")[0])
