"""The deliveries of an endpoint as its page lists them: the newest first, each page from a delivery on."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from django.utils.safestring import SafeString
from django.utils.translation import gettext

from overplane.backoffice.admin.webhooks.words import status_mark
from overplane.backoffice.event_words import EventWords, words
from overplane.backoffice.filters import Text
from overplane.backoffice.moments import moment
from overplane.events.webhooks import clock
from overplane.events.webhooks.models import Delivery, DeliveryStatus, Endpoint, key_of

PER_PAGE = 50  # as they are read from the newest one down
SOON = timedelta(minutes=1)  # what is tried by then is waited for by whoever looks at the page


class ListedDelivery(NamedTuple):
    """A delivery in people's words."""

    delivery: Delivery
    status: SafeString
    words: EventWords
    next_attempt: SafeString | str


class Tab(NamedTuple):
    label: Text
    query: str
    is_current: bool


class Log(NamedTuple):
    """One page. `newer` and `older` are the addresses of its neighbours; empty if there are none."""

    lines: list[ListedDelivery]
    tabs: list[Tab]
    newer: str
    older: str
    is_under_way: bool


def log_of(endpoint: Endpoint, sent: Mapping[str, str], preserved: dict[str, str]) -> Log:
    """`preserved`: what each address goes on carrying. What no page of ours has written is left out of account."""
    status = sent.get("status", "")
    chosen = Delivery.objects.filter(endpoint=endpoint)
    if status in DeliveryStatus.values:
        chosen, preserved = chosen.filter(status=status), preserved | {"status": status}
    before, after = (key_of(sent.get(name, "")) for name in ("before", "after"))
    if after is not None:
        rows = list(chosen.filter(pk__gt=after).order_by("id")[: PER_PAGE + 1])
        has_newer, has_older = len(rows) > PER_PAGE, True
        rows = rows[:PER_PAGE][::-1]
    else:
        rows = list((chosen.filter(pk__lt=before) if before is not None else chosen).order_by("-id")[: PER_PAGE + 1])
        has_newer, has_older = before is not None, len(rows) > PER_PAGE
        rows = rows[:PER_PAGE]
    newer, older = (
        f"?{urlencode(preserved | {name: row.public_id})}" if row else ""
        for name, row in (
            ("after", rows[0] if rows and has_newer else None),
            ("before", rows[-1] if rows and has_older else None),
        )
    )
    lines = [line(endpoint, row) for row in rows]
    return Log(lines, _tabs(status, preserved), newer, older, any(is_awaited(endpoint, one) for one in rows))


def _tabs(status: str, preserved: dict[str, str]) -> list[Tab]:
    others = {name: value for name, value in preserved.items() if name != "status"}
    all_ = Tab(gettext("All"), f"?{urlencode(others)}", status not in DeliveryStatus.values)
    return [
        all_,
        *(
            Tab(label, f"?{urlencode(others | {'status': value})}", status == value)
            for value, label in DeliveryStatus.choices
        ),
    ]


def line(endpoint: Endpoint, delivery: Delivery) -> ListedDelivery:
    return ListedDelivery(
        delivery, status_mark(delivery), words(delivery.event_type), _next_attempt(endpoint, delivery)
    )


def _next_attempt(endpoint: Endpoint, delivery: Delivery) -> SafeString | str:
    if delivery.status != DeliveryStatus.PENDING:
        return ""
    if delivery.is_of_feed and not endpoint.is_enabled:
        return gettext("when the endpoint is enabled")
    if delivery.next_attempt_at is None:
        return gettext("after an earlier one")
    planned = _planned(endpoint, delivery, delivery.next_attempt_at)
    return moment(planned) if planned > clock.now() else gettext("now")


def _planned(endpoint: Endpoint, delivery: Delivery, own: datetime) -> datetime:
    """An endpoint that has failed often is tried with one event at a time."""
    return max(own, endpoint.probe_at) if delivery.is_of_feed and endpoint.probe_at else own


def is_awaited(endpoint: Endpoint, delivery: Delivery) -> bool:
    """Whether an attempt is made so soon that the page looks again by itself."""
    if delivery.status != DeliveryStatus.PENDING or delivery.next_attempt_at is None:
        return False
    is_tried = endpoint.is_enabled or not delivery.is_of_feed
    return is_tried and _planned(endpoint, delivery, delivery.next_attempt_at) <= clock.now() + SOON
