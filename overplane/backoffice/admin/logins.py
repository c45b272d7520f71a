"""Logins, as axes writes them down: who came in, who did not, and who is locked out."""

from ipaddress import ip_address
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from overplane.backoffice.filters import ColumnField, Filters, Unreadable
from overplane.backoffice.lists import BigTableAdmin
from overplane.database.ordering import Order

for _model in (AccessAttempt, AccessLog, AccessFailureLog):
    admin.site.unregister(_model)


class AddressField(ColumnField):
    def read_one(self, text: str) -> str:
        try:
            return str(ip_address(text))
        except ValueError:
            raise Unreadable from None


WHO = [
    ColumnField("username", _("username"), "text", is_nullable=True),
    AddressField("ip_address", _("IP address"), "key", is_nullable=True),
    ColumnField("attempt_time", _("time"), "timestamp"),
]


class LoginsAdmin(BigTableAdmin):
    """Read and deleted, never made or changed."""

    filters = Filters.of(WHO)
    order_fields = ()
    default_order = Order("attempt_time", descending=True)
    has_stored_count = False
    search_fields = ("username", "ip_address", "user_agent")
    search_placeholder = _("Username, IP address, browser")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.fields  # type: ignore[return-value]  # each of them names its own

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(AccessLog)
class LoginAdmin(LoginsAdmin):
    columns = list_display = ("username", "attempt_time", "logout_time", "ip_address", "user_agent")
    fields = (*columns, "path_info", "http_accept")


@admin.register(AccessFailureLog)
class FailureAdmin(LoginsAdmin):
    columns = list_display = ("username", "attempt_time", "ip_address", "user_agent", "locked_out")
    fields = (*columns, "path_info", "http_accept")


@admin.register(AccessAttempt)
class AttemptAdmin(LoginsAdmin):
    """Deleting one lets the person try again at once."""

    columns = list_display = ("username", "attempt_time", "status", "ip_address", "user_agent")
    fields = (*columns, "failures_since_start", "path_info", "http_accept", "get_data", "post_data")

    @admin.display(description=_("status"), ordering="failures_since_start")
    def status(self, attempt: AccessAttempt) -> SafeString:
        left = settings.AXES_FAILURE_LIMIT - attempt.failures_since_start
        if left <= 0:
            return format_html('<span class="status bo-failed">{}</span>', _("locked"))
        return format_html(
            '<span class="status bo-queued">{}</span>', ngettext("%d try left", "%d tries left", left) % left
        )
