"""How the list of customers is filtered: by the page, and by a job that somebody started on it."""

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext_lazy as _

from crm import rules, search
from crm.models import Customer
from overplane.backoffice.filters import choice_filter, date_filter, value_filter

TYPES = {"Company": _("Company"), "Individual": _("Individual"), "Partnership": _("Partnership")}
CONDITIONS = {
    "active": (_("active"), Q(disabled=False, is_frozen=False)),
    "disabled": (_("disabled"), Q(disabled=True)),
    "frozen": (_("frozen"), Q(is_frozen=True)),
    "internal": (_("internal customer"), Q(is_internal_customer=True)),
}
FILTERS = (
    choice_filter("customer_type", _("type"), {t: (TYPES[t], Q(customer_type=t)) for t in rules.CUSTOMER_TYPES}),
    choice_filter("status", _("status"), CONDITIONS),
    value_filter("customer_group", _("group")),
    value_filter("territory", _("territory")),
    value_filter("account_manager", _("account manager")),
    date_filter("created_at", _("created")),
    date_filter("updated_at", _("updated")),
)


def searched(queryset: QuerySet, words: str) -> QuerySet:
    """The search of the API."""
    words = words.replace("\0", "")[: search.MAX_LENGTH].strip()
    return search.filter_by_words(queryset, words) if words else queryset


def filtered(query: str, until: datetime) -> QuerySet:
    """The customers of a list's address, as it was then: none that came later."""
    sent = QueryDict(query)
    queryset = searched(Customer.objects.filter(created_at__lte=until), sent.get("q", ""))
    params: dict[str, Any] = dict(sent.lists())
    request = HttpRequest()  # Django's filters take one; ours look at the parameters only
    for filter_class in FILTERS:
        queryset = filter_class(request, params, Customer, None).queryset(request, queryset)
    return queryset
