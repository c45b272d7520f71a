"""Changing many customers at once. A few are changed at once; many by a job, so that no page waits for them.

Each customer is changed by the service that changes one, with an event of its own, as from the form.
The job is not one transaction: when it is run again it does the rest.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import islice
from tempfile import TemporaryFile
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from crm import services
from crm.backoffice import outcomes, undo
from crm.backoffice.admin import listing
from crm.backoffice.admin.undo import UndoAdmin, job_message
from crm.backoffice.pages.merge import MAY_MERGE, merge_selected
from crm.backoffice.starting import start_job
from crm.backoffice.wording import counted, kinds
from crm.line_items import LINE_ITEMS
from crm.models import Customer, MergedCustomer
from crm.transfer import exports
from crm.transfer.selection import Selection
from overplane.backoffice.origin import origin_of
from overplane.backoffice.sorting import MOST_SORTED
from overplane.database.attributes import attributes
from overplane.database.fields import field_of
from overplane.jobs.kinds import Kind, Run, register
from overplane.origin import Origin
from overplane.problems import ObjectMissing

# More customers than this are changed by a job: a page waits about two seconds for 500.
MAX_INLINE = 500
STEP = 200  # customers of one statement that deletes; the progress is reported after each
SAMPLES = 10  # names to recognize the choice by
MAX_EXPORTED_INLINE = 20_000  # more would keep the page waiting, and the job of the export is there for them
KIND = "crm.change_many"


def change(customer_id: str, values: dict[str, Any], origin: Origin) -> None:
    try:
        services.update_customer(customer_id, values, origin=origin)
    except ObjectMissing:
        pass  # deleted in the meantime


def apply(ids: Iterable[str], values: dict[str, Any] | None, origin: Origin, progress: Callable[[int], None]) -> int:
    """Sets these values; without values deletes. Says of how many customers that was a change."""
    done, deleted, rest = 0, 0, iter(ids)
    while step := list(islice(rest, STEP)):
        if values is None:
            deleted += services.delete_customers(step, origin=origin)
        else:
            for customer_id in step:
                change(customer_id, values, origin)
        done += len(step)
        progress(done)
    return deleted if values is None else undo.count(origin)


def run(job: Run) -> dict[str, Any]:
    payload = job.payload
    if "ids" in payload:
        ids: list[str] = payload["ids"]
    else:
        chosen = listing.filtered(payload["query"], datetime.fromisoformat(payload["until"]))
        ids = list(chosen.order_by().values_list("pk", flat=True))
    return {"customers": apply(ids, payload["values"], job.origin, lambda done: job.progress(done, len(ids)))}


register(
    Kind(
        KIND,
        run,
        _("Change many customers"),
        atomic=False,
        outcome=outcomes.changed,
        stays=outcomes.changed_by_then,
    )
)


def _what_goes_along(customers: QuerySet) -> list[str]:
    """How many line items of each kind these customers have, and how many were merged into them, in words."""
    chosen = customers.order_by().values("pk")
    items = [counted(kind, kind.model._default_manager.filter(customer__in=chosen).count()) for kind in LINE_ITEMS]
    parts = MergedCustomer.objects.filter(customer__in=chosen).count()
    return items + ([ngettext("%s merged customer", "%s merged customers", parts) % parts] if parts else [])


def _old_values(customers: QuerySet, name: str) -> list[tuple[str | None, int]]:
    """What they have now and how many have it, the most frequent first; one more than are shown."""
    if customers.order_by().values("pk")[: MOST_SORTED + 1].count() > MOST_SORTED:
        return []  # grouping a million would keep the page waiting
    counts = customers.order_by().values_list(name).annotate(n=Count("pk")).order_by("-n", name)
    return list(counts[: SAMPLES + 1])


class DeletionPage(UndoAdmin):
    """What is said before one customer is deleted."""

    def render_delete_form(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        """The page for many says it for one, too."""
        customer = context["object"]
        context |= {
            "title": gettext("Delete the customer?"),
            "original": customer,
            "count": 1,
            "is_deletion": True,
            "line_items": _what_goes_along(Customer.objects.filter(pk=customer.pk)),
            "kinds": kinds(),
            "samples": [str(customer)],
            "button": gettext("Yes, delete it"),
            "back": reverse("admin:crm_customer_change", args=[customer.pk]),
        }
        return TemplateResponse(request, "backoffice/bulk.html", context)


class BulkActions(DeletionPage):
    """The actions of the customer list."""

    actions = (
        "disable", "enable", "freeze", "unfreeze", "set_customer_group", "set_territory", "set_account_manager",
        "export_selected", merge_selected, "delete_selected",
    )  # fmt: skip

    def has_merge_permission(self, request: HttpRequest) -> bool:
        """All of what a merge needs: Django offers an action to those who have one of its permissions."""
        return request.user.has_perms(MAY_MERGE)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("crm.export_customer")

    @admin.action(description=_("Disable"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        return self._flag(request, queryset, {"disabled": True}, gettext("Disable"))

    @admin.action(description=_("Enable"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        return self._flag(request, queryset, {"disabled": False}, gettext("Enable"))

    @admin.action(description=_("Freeze"), permissions=["change"])
    def freeze(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        return self._flag(request, queryset, {"is_frozen": True}, gettext("Freeze"))

    @admin.action(description=_("Unfreeze"), permissions=["change"])
    def unfreeze(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        return self._flag(request, queryset, {"is_frozen": False}, gettext("Unfreeze"))

    @admin.action(description=_("Set the group …"), permissions=["change"])
    def set_customer_group(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        return self._set(request, queryset, "customer_group")

    @admin.action(description=_("Set the territory …"), permissions=["change"])
    def set_territory(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        return self._set(request, queryset, "territory")

    @admin.action(description=_("Set the account manager …"), permissions=["change"])
    def set_account_manager(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        return self._set(request, queryset, "account_manager")

    @admin.action(description=_("Delete …"), permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        if request.POST.get("post") == "yes":
            self._change(request, queryset, None)
            return None
        title, button = gettext("Delete customers?"), gettext("Yes, delete them")
        return self._ask(request, queryset, title=title, button=button, is_deletion=True)

    @admin.action(description=_("Export as CSV"), permissions=["export"])
    def export_selected(self, request: HttpRequest, queryset: QuerySet) -> HttpResponseBase | None:
        if queryset.order_by().values("pk")[: MAX_EXPORTED_INLINE + 1].count() > MAX_EXPORTED_INLINE:
            text = gettext("More than %s customers are too many for one page; use the export.") % MAX_EXPORTED_INLINE
            self.message_user(request, text, messages.ERROR)
            return None
        file = TemporaryFile()  # noqa: SIM115 (the response closes it)
        exports.export(Selection(queryset, is_marked=True), "csv", file)
        file.seek(0)
        response = FileResponse(file, as_attachment=True, filename=f"customers-{timezone.now():%Y-%m-%d}.csv")
        response["Cache-Control"] = "no-store"
        return response

    def _flag(
        self, request: HttpRequest, queryset: QuerySet, values: dict[str, Any], button: str
    ) -> HttpResponse | None:
        """If these are more customers than the page shows, a page in between says how many."""
        if request.POST.get("select_across") == "1" and request.POST.get("post") != "yes":
            return self._ask(request, queryset, title=gettext("Change customers?"), button=button)
        self._change(request, queryset, values)
        return None

    def _set(self, request: HttpRequest, queryset: QuerySet, name: str) -> HttpResponse | None:
        field, error = field_of(Customer, name), ""
        is_clearing = "value" in request.POST and not request.POST["value"].strip() and "clear" not in request.POST
        if "value" in request.POST and not is_clearing:
            try:
                value = attributes(Customer)[name].from_text(request.POST["value"])
            except ValidationError as refused:
                error = " ".join(refused.messages)
            else:
                self._change(request, queryset, {name: value})
                return None
        return self._ask(
            request,
            queryset,
            title=gettext("Set: %s") % field.verbose_name,
            field=field,
            error=error,
            is_clearing=is_clearing,
            old_values=_old_values(queryset, name),
            suggest_url=reverse("admin:crm_customer_values", args=[name]),
            button=gettext("Yes, clear it") if is_clearing else gettext("Set it"),
        )

    def _ask(self, request: HttpRequest, queryset: QuerySet, **context: Any) -> HttpResponse:
        """Says how many and shows some of them before anything is done."""
        hidden = [
            (name, value)
            for name in ("action", "select_across", ACTION_CHECKBOX_NAME)
            for value in request.POST.getlist(name)
        ]
        count = queryset.order_by().count()
        context |= self.admin_site.each_context(request) | {
            "opts": self.opts,
            "count": count,
            # Counting the line items of a million customers would keep the page waiting.
            "line_items": _what_goes_along(queryset) if count <= MAX_INLINE else [],
            "kinds": kinds(),
            "is_job": count > MAX_INLINE,
            "samples": list(queryset.values_list("customer_name", flat=True)[:SAMPLES]),
            "hidden": hidden,
        }
        return TemplateResponse(request, "backoffice/bulk.html", context)

    def _change(self, request: HttpRequest, queryset: QuerySet, values: dict[str, Any] | None) -> None:
        ids = list(queryset.order_by().values_list("pk", flat=True)[: MAX_INLINE + 1])
        if len(ids) <= MAX_INLINE:
            done = apply(ids, values, origin_of(request), lambda _done: None)
            if values is None:
                text = ngettext("%s customer is deleted.", "%s customers are deleted.", done) % done
                self.message_user(request, text, messages.SUCCESS)
            elif done:
                self.message_with_undo(request, outcomes.changed_text(done))
            else:
                self.message_user(request, outcomes.changed_text(done), messages.INFO)
            return
        payload = {"values": values, "query": request.GET.urlencode(), "until": timezone.now().isoformat()}
        start_job(request, KIND, payload)
        self.message_user(request, job_message(), messages.INFO)
