"""What was merged into a customer: shown on its page, and taken back from there. The way from a merged customer to its survivor."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST

from crm import merged, unmerging
from crm.backoffice.wording import all_labels
from crm.line_items import BY_NAME
from crm.models import Customer
from overplane.backoffice.origin import origin_of
from overplane.database.attributes import attributes
from overplane.events.changes import people
from overplane.problems import ObjectMissing, UnmergeExpired

MAY_MERGE = ("crm.change_customer", "crm.delete_customer")
MAX_ENTRIES = 20  # merged customers on the page, the newest; for each it is worked out what would stay


@dataclass(frozen=True, slots=True)
class MergeEntry:
    """`stays`: what taking it back now would leave as it is, as people call it."""

    id: str
    name: str
    merged_at: datetime
    who: str
    can_be_restored: bool
    stays: list[str]


def entries(customer: Customer, *, may_merge: bool) -> list[MergeEntry]:
    """The customers that are part of this one, the newest first."""
    parts = merged.part_of(customer.pk)
    newest = parts[: -MAX_ENTRIES - 1 : -1]
    who = people(newest)
    values = {field.attname: getattr(customer, field.attname) for field in customer._meta.concrete_fields}
    listed = []
    for one in newest:
        is_possible = may_merge and one.can_be_restored
        stays = labels(unmerging.changed_since(values, parts, one)) if is_possible else []
        name = one.values.get("customer_name") or one.id
        listed.append(MergeEntry(one.id, name, one.merged_at, who[one.actor], is_possible, stays))
    return listed


def labels(paths: Sequence[str]) -> list[str]:
    """What stays, in words: the names of attributes, and of the kinds whose line items were changed."""
    known = {name: capfirst(label) for name, label in all_labels().items() if name in attributes(Customer)}
    kinds = {name: capfirst(str(kind.label_plural)) for name, kind in BY_NAME.items()}
    return list(dict.fromkeys(known.get(path) or kinds.get(path.partition("[")[0], path) for path in paths))


class MergesAdmin(admin.ModelAdmin):
    """Customers that were merged are still reached by their old addresses, and can be taken back."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.unmerge))
        return [path("<path:object_id>/unmerge/", view, name="crm_customer_unmerge"), *super().get_urls()]

    def unmerge(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not request.user.has_perms(MAY_MERGE):
            raise PermissionDenied
        customer_id = unquote(object_id)
        try:
            done = unmerging.unmerge_customers(customer_id, request.POST.getlist("restore"), origin=origin_of(request))
        except ObjectMissing:
            return self.to_survivor(request, customer_id) or redirect("admin:crm_customer_changelist")
        except (UnmergeExpired, ValidationError) as error:
            text = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
            self.message_user(request, text, messages.ERROR)
        else:
            count = len(done.restored)
            text = ngettext("%s customer is back.", "%s customers are back.", count) % count
            self.message_user(request, text, messages.SUCCESS)
            if done.not_reverted:
                text = gettext("Changed since the merge, and left as it is: %(labels)s.")
                self.message_user(request, text % {"labels": ", ".join(labels(done.not_reverted))}, messages.WARNING)
        return redirect("admin:crm_customer_change", customer_id)

    def to_survivor(self, request: HttpRequest, customer_id: str) -> HttpResponse | None:
        """None if it is no merged customer."""
        survivor = merged.survivors_of([customer_id]).get(customer_id)
        if survivor is None:
            return None
        self.message_user(request, gettext("That customer was merged into this one."), messages.INFO)
        return redirect("admin:crm_customer_change", survivor)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        """What was typed into its form is still shown, beside the way to the survivor."""
        customer_id = unquote(object_id)
        if request.method == "POST":
            if survivor := merged.survivors_of([customer_id]).get(customer_id):
                address = reverse("admin:crm_customer_change", args=[survivor])
                text = gettext("This customer was merged into another one.")
                link = format_html('{} <a href="{}">{}</a>', text, address, gettext("Open that one"))
                self.message_user(request, link, messages.WARNING)
        elif response := self.to_survivor(request, customer_id):
            return response
        return super()._get_obj_does_not_exist_redirect(request, opts, object_id)  # type: ignore[misc]  # not in the stubs

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            return self.history_of(request, object_id)
        except Http404:
            if response := self.to_survivor(request, unquote(object_id)):
                return response
            raise

    def history_of(self, request: HttpRequest, object_id: str) -> HttpResponse:
        raise NotImplementedError
