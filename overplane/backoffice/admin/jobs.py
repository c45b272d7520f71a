"""Jobs: everybody sees and cancels their own, those who look after them all; none is edited."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import formats
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from overplane.backoffice.changelist import BigChangeList
from overplane.backoffice.filters import ColumnField, Field, Filters, Text
from overplane.backoffice.lists import BigTableAdmin
from overplane.backoffice.scripts import media_of
from overplane.database.ordering import Order
from overplane.jobs import kinds, queue
from overplane.jobs.models import OPEN, Job, State
from overplane.jobs.owners import owned_by, visible_to


class KindField(Field):
    """By what a job does."""

    @property
    def choices(self) -> Mapping[str, Text]:
        return {kind.name: kind.label for kind in kinds.known.values()}

    def filter_queryset(self, queryset: QuerySet, operator: str, values: Sequence[str]) -> QuerySet:
        return queryset.exclude(kind__in=values) if operator == "not" else queryset.filter(kind__in=values)


class JobList(BigChangeList):
    def url_for_result(self, result: Any) -> str:  # a Job
        """To the page where one started it, which shows what came out. Others' outcomes are theirs."""
        is_own = result.owner_id == self.request.user.pk
        return (is_own and kinds.page_of(result)) or super().url_for_result(result)


@admin.register(Job)
class JobAdmin(BigTableAdmin):
    columns = list_display = ("label", "state_mark", "progress", "who", "created_at", "finished_at")
    filters = Filters.of(
        [
            ColumnField("state", _("state"), "choice", choices=dict(State.choices)),
            KindField("kind", _("job"), "choice"),
            ColumnField("actor", _("by"), "text"),
            ColumnField("created_at", _("created"), "timestamp"),
            ColumnField("finished_at", _("finished"), "timestamp", is_nullable=True),
        ]
    )
    default_order = Order("created_at", descending=True)
    order_fields = ()
    has_stored_count = False
    actions = ("cancel",)
    primary_actions = ("cancel",)
    fields = (
        "label", "its_page", "id", "state_mark", "progress", "who", "created_at", "started_at", "finished_at", "attempts", "error",
    )  # fmt: skip

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BigChangeList]:
        return JobList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        return super().get_queryset(request).filter(visible_to(request.user))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """What goes on is looked at again, unless somebody is about to do something with the list."""
        is_open = request.method == "GET" and self.get_queryset(request).filter(state__in=OPEN).exists()
        media = {"media": self.list_media + media_of("backoffice/again.js")} if is_open else {}
        return super().changelist_view(request, media | (extra_context or {}))

    def get_readonly_fields(self, request: HttpRequest, obj: Job | None = None) -> tuple[str, ...]:
        return self.fields

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True

    def has_view_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        """Everybody whom the site lets in: `get_queryset` says which."""
        return True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    @admin.display(description=_("job"))
    def label(self, job: Job) -> str:
        kind = kinds.known.get(job.kind)
        return str(kind.label) if kind else job.kind

    @admin.display(description=_("page"))
    def its_page(self, job: Job) -> str:
        url = kinds.page_of(job)
        return format_html('<a href="{}">{}</a>', url, self.label(job)) if url else "–"

    @admin.display(description=_("state"), ordering="state")
    def state_mark(self, job: Job) -> str:
        return format_html('<span class="status bo-{}">{}</span>', job.state, State(job.state).label)

    @admin.display(description=_("progress"))
    def progress(self, job: Job) -> str:
        so_far = job.total if job.total and job.state == State.DONE else job.done  # no handler tells of its last step
        done, total = (formats.number_format(one or 0, force_grouping=True) for one in (so_far, job.total))
        if not job.total:
            return done if so_far else ""
        bar = format_html('<progress max="{}" value="{}" aria-hidden="true"></progress>', str(job.total), str(so_far))
        return format_html("{} {} / {} ({}\N{NO-BREAK SPACE}%)", bar, done, total, so_far * 100 // job.total)

    @admin.display(description=_("by"), ordering="actor")
    def who(self, job: Job) -> str:
        return job.actor.partition(":")[2] or job.actor

    @admin.action(description=_("Cancel selected jobs"))
    def cancel(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Others' jobs for those who may change jobs."""
        if not request.user.has_perm("overplane_jobs.change_job"):
            queryset = queryset.filter(owned_by(request.user))
        count = sum(queue.cancel(job) for job in queryset)
        message = ngettext("%(count)d job cancelled.", "%(count)d jobs cancelled.", count) % {"count": count}
        self.message_user(request, message, messages.SUCCESS)
