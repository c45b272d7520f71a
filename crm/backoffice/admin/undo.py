"""What a page says after a change, with a button that takes it back."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from crm.backoffice import undo
from crm.backoffice.outcomes import apart, undo_texts
from crm.backoffice.starting import start_job
from crm.models import Customer
from overplane.backoffice.merging import Conflict
from overplane.backoffice.origin import actor_of, origin_of
from overplane.backoffice.outcomes import undo_button
from overplane.database.fields import field_of
from overplane.events.changes import people
from overplane.events.models import Event

TAKEN_BACK = "taken_back"  # the requests, in the session: a second tab has the same button
MOST_TAKEN_BACK = 20  # of them, as no button is there for long
NEWEST_EVENTS = 20  # among which the change of a cell is looked for that was made a moment ago


def job_message() -> str:
    text = gettext("These are many: a job does it now.")
    url = reverse("admin:overplane_jobs_job_changelist")
    return format_html('{} <a href="{}">{}</a>', text, url, gettext("See how far it is."))


class UndoAdmin(admin.ModelAdmin):
    """Changes of customers that can be taken back for a while."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.undo_view))
        return [path("undo/", view, name="crm_customer_undo"), *super().get_urls()]

    def message_with_undo(self, request: HttpRequest, text: str) -> None:
        request_id = origin_of(request).request_id
        button = undo_button(reverse("admin:crm_customer_undo"), undo.token(request_id or ""))
        self.message_user(request, format_html("{} {}", text, button), messages.SUCCESS)

    def undo_view(self, request: HttpRequest) -> HttpResponse:
        """The page is shown anew after it, and tells the outcome."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        request_id = undo.request_of(request.POST.get("token", ""))
        if not request_id:
            text = gettext("This can no longer be taken back here. The history of each customer has its old values.")
            self.message_user(request, text, messages.WARNING)
            return JsonResponse({})
        if request_id in (before := request.session.get(TAKEN_BACK, [])):
            self.message_user(request, gettext("This is taken back already."), messages.INFO)
            return JsonResponse({})
        request.session[TAKEN_BACK] = [*before, request_id][-MOST_TAKEN_BACK:]
        if undo.is_for_a_job(request_id, actor_of(request)):
            start_job(request, undo.KIND, {"request": request_id}, key=f"{undo.KIND} {request_id}")
            self.message_user(request, job_message(), messages.INFO)
            return JsonResponse({})
        back, left = undo_texts(undo.undo(request_id, origin_of(request)))
        if back:
            self.message_user(request, back, messages.SUCCESS)
        if left:
            self.message_user(request, left, messages.WARNING)
        return JsonResponse({})

    # What the editing of a cell tells, see `CellEditing`

    def cell_messages(self, request: HttpRequest, row: Model, form: ModelForm, sent: dict[str, str]) -> dict[str, Any]:
        if not form.changed_data:
            return {}
        label = capfirst(field_of(Customer, form.changed_data[0]).verbose_name)
        text = gettext("%(label)s of %(name)s is changed.") % {"label": label, "name": apart(str(row)[:60])}
        token = undo.token(origin_of(request).request_id or "")
        return {"message": text, "undo": token, "undo_url": reverse("admin:crm_customer_undo")}

    def who_wrote(self, row: Model, conflict: Conflict) -> str:
        newest = Event.objects.filter(subject=row.pk).defer("object", "previous").order_by("-seq")[:NEWEST_EVENTS]
        event = next((event for event in newest if conflict.name in event.changed.split()), None)
        return people([event])[event.actor] if event else ""
