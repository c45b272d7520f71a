"""All jobs, for those who look after them: read, and cancelled, never edited."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from overplane.jobs import kinds, queue
from overplane.jobs.models import Job


@admin.register(Job)
class JobAdmin(admin.ModelAdmin):
    list_display = ("label", "state", "progress", "actor", "created_at", "finished_at")
    list_filter = ("state",)
    actions = ("cancel",)
    show_full_result_count = False
    fields = (
        "label",
        "id",
        "state",
        "progress",
        "actor",
        "created_at",
        "started_at",
        "finished_at",
        "attempts",
        "error",
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Job | None = None) -> tuple[str, ...]:
        return self.fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    @admin.display(description=_("job"))
    def label(self, job: Job) -> str:
        kind = kinds.known.get(job.kind)
        return str(kind.label) if kind else job.kind

    @admin.display(description=_("progress"))
    def progress(self, job: Job) -> str:
        if job.total:
            return f"{job.done:,} / {job.total:,} ({job.done * 100 // job.total} %)"
        return f"{job.done:,}" if job.done else ""

    @admin.action(description=_("Cancel selected jobs"), permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        count = sum(queue.cancel(job) for job in queryset)
        message = ngettext("%(count)d job cancelled.", "%(count)d jobs cancelled.", count) % {"count": count}
        self.message_user(request, message, messages.SUCCESS)
