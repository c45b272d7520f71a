"""Which of the values of several customers a merge should keep, and why: the fuller one, else the one that was changed last, else its own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from crm.models import Customer
from overplane.database.attributes import attributes
from overplane.events.models import Event

MOST_EVENTS = 1000  # of all of them, the newest: what was changed before those counts as never changed


class Proposal(NamedTuple):
    customer_id: str
    why: str


def changed_at(customers: Sequence[Customer]) -> dict[tuple[str, str], datetime]:
    """When each attribute of each customer was changed last, by the log."""
    moments: dict[tuple[str, str], datetime] = {}
    ids = [customer.pk for customer in customers]
    events = Event.objects.filter(subject__in=ids, object_id__in=ids, type="customer.updated").order_by("-seq")
    for customer_id, names, moment in events.values_list("subject", "changed", "created_at")[:MOST_EVENTS]:
        for name in names.split():
            moments.setdefault((customer_id, name), moment)
    return moments


def proposals(customers: Sequence[Customer], survivor_id: str) -> dict[str, Proposal]:
    """For each attribute whose value it takes. The kept customer's own, unless another has a better one."""
    ordered = sorted(customers, key=lambda customer: customer.pk != survivor_id)
    moments = changed_at(customers)
    return {name: _proposal(name, ordered, moments) for name in attributes(Customer)}


def _proposal(name: str, ordered: Sequence[Customer], moments: dict[tuple[str, str], datetime]) -> Proposal:
    kept = ordered[0]
    filled = [customer for customer in ordered if getattr(customer, name) not in (None, "")]
    values = {getattr(customer, name) for customer in filled}
    if not filled or len(values) == 1:
        why = _("the only value") if filled and len(filled) < len(ordered) else ""
        return Proposal((filled or [kept])[0].pk, why)

    fullest = [one for one in filled if all(_holds(getattr(one, name), value) for value in values)]
    if fullest:
        return Proposal(fullest[0].pk, _("the most complete"))
    changed = [(moments[customer.pk, name], customer.pk) for customer in filled if (customer.pk, name) in moments]
    if not changed:
        return Proposal(filled[0].pk, "")
    moment, newest = max(changed)
    return Proposal(newest, _("changed last, %(day)s") % {"day": date_format(moment, "SHORT_DATE_FORMAT")})


def _holds(value: Any, other: Any) -> bool:
    """Whether a text has all words of another one, and so says at least as much."""
    if not isinstance(value, str) or not isinstance(other, str):
        return False
    return set(other.casefold().split()) <= set(value.casefold().split())
