"""API keys for administrators: created, rolled and revoked, never edited; the key itself is shown once."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from overplane.api import keys
from overplane.api.models import ApiKey
from overplane.backoffice.filters import ColumnField, Filters
from overplane.backoffice.lists import BigTableAdmin
from overplane.compression import secret

TEMPLATES = "admin/overplane_api/apikey"


class RollForm(forms.Form):
    hours = forms.IntegerField(label=_("Hours that the old key lives on"), min_value=0, max_value=24 * 365, initial=24)


@admin.register(ApiKey)
class ApiKeyAdmin(BigTableAdmin):
    columns = list_display = ("name", "last_four", "access", "created_at", "expires_at", "last_used_at", "revoked_at")
    search_fields = ("name", "last_four")
    search_placeholder = _("Name, last four characters")
    filters = Filters.of(
        [
            ColumnField("name", _("name"), "text"),
            ColumnField("read_only", _("read only"), "boolean"),
            ColumnField("created_at", _("created"), "timestamp"),
            ColumnField("expires_at", _("expires"), "timestamp", is_nullable=True),
            ColumnField("last_used_at", _("last used"), "timestamp", is_nullable=True),
            ColumnField("revoked_at", _("revoked"), "timestamp", is_nullable=True),
        ]
    )
    order_fields = ()
    has_stored_count = False
    actions = primary_actions = ("revoke",)
    fields = ("name", "read_only", "expires_at")
    # One field with one label, instead of a day and a time without.
    formfield_overrides = {
        models.DateTimeField: {
            "form_class": forms.DateTimeField,
            "widget": forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
            "help_text": _("In UTC. Empty: it does not expire."),
        }
    }

    @admin.display(description=_("access"), ordering="read_only")
    def access(self, key: ApiKey) -> str:
        return gettext("read only") if key.read_only else gettext("read and write")

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return self.fields if obj is None else self.list_display

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return () if obj is None else self.list_display

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """A key is revoked; its record stays, for the log names it."""
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: forms.ModelForm, change: bool) -> None:
        if change:
            return  # nothing on that page can be edited
        record, obj.plain_key = keys.mint(obj.name, read_only=obj.read_only, expires_at=obj.expires_at)
        obj.pk = record.pk

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        return self._show(request, obj, obj.plain_key)

    def _show(self, request: HttpRequest, record: ApiKey, key: str) -> HttpResponse:
        # In this very answer: a message or a redirect would write the key into the session.
        context = self.admin_site.each_context(request) | {"title": _("API key"), "record": record, "key": key}
        return secret(TemplateResponse(request, f"{TEMPLATES}/made.html", context))

    def get_urls(self) -> list[URLPattern]:
        roll = path("<path:key_id>/roll/", self.admin_site.admin_view(self.roll), name="overplane_api_apikey_roll")
        return [roll, *super().get_urls()]

    def roll(self, request: HttpRequest, key_id: str) -> HttpResponse:
        record = get_object_or_404(ApiKey, pk=key_id, revoked_at__isnull=True)
        if not self.has_change_permission(request, record):
            raise PermissionDenied
        form = RollForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            successor, key = keys.roll(record, grace=timedelta(hours=form.cleaned_data["hours"]))
            self.log_change(request, record, f"Rolled: successor {successor.pk}")
            return self._show(request, successor, key)
        context: dict[str, Any] = self.admin_site.each_context(request)
        return TemplateResponse(
            request, f"{TEMPLATES}/roll.html", context | {"title": _("Roll API key"), "record": record, "form": form}
        )

    @admin.action(description=_("Revoke selected keys"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset:
            keys.revoke(key)
            self.log_change(request, key, "Revoked")
        self.message_user(request, _("Revoked. The keys stop working within 5 seconds."), messages.SUCCESS)
