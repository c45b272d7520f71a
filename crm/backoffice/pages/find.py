"""What the dialog of `Ctrl K` asks for: customers by words; and before anything is typed, those opened last, views and actions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.utils import quote, unquote
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from crm import search
from crm.backoffice.admin import listing, matched
from crm.models import Customer
from overplane.backoffice.lists import BigTableAdmin
from overplane.backoffice.templatetags.backoffice import hue, initials
from overplane.database.text import fold

MAY_FIND = "crm.view_customer"
MAX_RESULTS = 8  # as many as fit below the field on a small screen
# Of a common word the database gives the first ones that it meets; the best of these are shown. 200 are read in 2 ms.
CANDIDATES = 200
SHORTEST = 2  # letters; one alone is in nearly every customer
LIST = "admin:crm_customer_changelist"


@require_GET
@permission_required(MAY_FIND, raise_exception=True)
def find(request: HttpRequest) -> HttpResponse:
    """Two statements: the customers, and line items if one of them is why a customer was found."""
    words = " ".join(request.GET.get("q", "").replace("\0", "")[: search.MAX_LENGTH].split())
    if len(words) < SHORTEST:
        return JsonResponse({"records": []})
    candidates = listing.searched(Customer.objects.order_by(), words).only(*search.SEARCHED)[:CANDIDATES]
    best = sorted(candidates, key=lambda customer: _rank(fold(customer.customer_name), fold(words)))[:MAX_RESULTS]
    return JsonResponse({"records": _records(best, matched.of_page(best, words))})


def _rank(name: str, words: str) -> tuple[int, str]:
    """Names that begin with the words come first, then names that hold them, then what was found by something else."""
    if name.startswith(words):
        return 0, name
    return (1 if all(word in name for word in words.split()) else 2), name


def _records(customers: Iterable[Customer], matches: Mapping[str, Sequence[matched.Match]]) -> list[dict[str, Any]]:
    return [
        {
            "title": customer.customer_name,
            "note": " · ".join(f"{match.label} {match.text}" for match in matches.get(customer.pk, ())),
            "url": reverse("admin:crm_customer_change", args=[quote(customer.pk)]),
            "letters": initials(str(customer.customer_name)),
            "hue": hue(str(customer.customer_name)),
        }
        for customer in customers
    ]


@require_GET
@permission_required(MAY_FIND, raise_exception=True)
def start(request: HttpRequest) -> HttpResponse:
    """Two statements. `opened` are the customers' ids as this browser keeps them; it keeps no names."""
    ids = [unquote(one)[:100].replace("\0", "") for one in request.GET.get("opened", "").split(",")[:MAX_RESULTS]]
    customers = Customer.objects.filter(pk__in=list(filter(None, ids))).order_by().only("customer_name")
    opened = sorted(customers, key=lambda customer: ids.index(customer.pk))
    model_admin = cast("BigTableAdmin", admin.site.get_model_admin(Customer))
    views = [
        {"title": view.name, "url": f"{reverse(LIST)}?{model_admin.query_of(view)}"}
        for view in model_admin.saved_views(request)
        if view.name
    ]
    actions = []
    if model_admin.has_add_permission(request):
        actions.append({"title": _("New customer"), "url": reverse("admin:crm_customer_add"), "icon": "plus"})
    return JsonResponse({"opened": _records(opened, {}), "views": views, "actions": actions})
