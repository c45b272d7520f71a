"""The pages that show one endpoint: what state it is in, its deliveries, one of them with its attempts."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from overplane.backoffice.admin.webhooks import words
from overplane.backoffice.admin.webhooks.deliveries import is_awaited, line, log_of
from overplane.backoffice.scripts import media_of
from overplane.backoffice.templatetags.backoffice import PRESERVED_FILTERS
from overplane.events.feed import Log
from overplane.events.webhooks import clock, lag, services, wording
from overplane.events.webhooks.models import Delivery, DeliveryStatus, Endpoint
from overplane.problems import ObjectMissing

TEMPLATES = "backoffice/webhooks"


class LookingPages(admin.ModelAdmin):
    """What an endpoint and a delivery look like, and what all their pages need."""

    def get_endpoint(self, request: HttpRequest, endpoint_id: str, *, may_change: bool = True) -> Endpoint:
        if not (self.has_change_permission(request) if may_change else self.has_view_permission(request)):
            raise PermissionDenied
        try:
            return services.find(unquote(endpoint_id).replace("\0", ""))
        except ObjectMissing:
            raise Http404 from None

    def render(self, request: HttpRequest, template: str, context: dict[str, Any]) -> TemplateResponse:
        known = self.admin_site.each_context(request) | {"opts": self.opts}
        return TemplateResponse(request, f"{TEMPLATES}/{template}.html", known | context)

    def back_to(self, request: HttpRequest, endpoint: Endpoint, page: str = "change", *more: str) -> HttpResponse:
        """To a page of the endpoint, which goes on knowing the list's filters."""
        url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}", args=[quote(endpoint.pk), *more])
        preserved = self._preserved_filters(request)
        return redirect(f"{url}?{urlencode(preserved)}" if preserved else url)

    @staticmethod
    def _preserved_filters(request: HttpRequest) -> dict[str, str]:
        return {PRESERVED_FILTERS: request.GET[PRESERVED_FILTERS]} if request.GET.get(PRESERVED_FILTERS) else {}

    # Looking

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        endpoint = self.get_endpoint(request, object_id, may_change=False)
        log = log_of(endpoint, request.GET, self._preserved_filters(request))
        succeeded = Delivery.objects.filter(endpoint=endpoint, status=DeliveryStatus.SUCCEEDED).order_by("-id")
        context = {
            "title": self.opts.verbose_name,
            "endpoint": endpoint,
            "state": words.state_mark(endpoint),
            "reason": wording.translated(endpoint.disabled_reason),
            "lag": words.lag_text(lag.seconds(endpoint)),
            "kinds": words.kinds_text(endpoint, len(endpoint.event_types)),
            "last_success": succeeded.values_list("last_at", flat=True).first(),
            "cursor": Log.now().cursor(endpoint.position),
            "signs_twice": signs_twice(endpoint),
            "log": log,
            "may_change": self.has_change_permission(request),
            "may_delete": self.has_delete_permission(request),
            "media": _looking_again(log.is_under_way),
        }
        return self.render(request, "endpoint", context)

    def delivery(self, request: HttpRequest, endpoint_id: str, delivery_id: str) -> HttpResponse:
        endpoint = self.get_endpoint(request, endpoint_id, may_change=False)
        one = self.get_delivery(endpoint, delivery_id)
        context = {
            "title": _("Delivery"),
            "original": endpoint,
            "line": line(endpoint, one),
            "attempts": one.attempt_log.all(),
            "may_change": self.has_change_permission(request),
            "media": _looking_again(is_awaited(endpoint, one)),
            "may_see_log": request.user.has_perm("overplane_events.view_event"),
        }
        return self.render(request, "delivery", context)

    @staticmethod
    def get_delivery(endpoint: Endpoint, delivery_id: str) -> Delivery:
        try:
            return services.find_delivery(endpoint.pk, delivery_id)
        except ObjectMissing:
            raise Http404 from None


def signs_twice(endpoint: Endpoint) -> bool:
    return endpoint.previous_until is not None and clock.now() < endpoint.previous_until


def _looking_again(is_under_way: bool) -> forms.Media:
    return media_of("backoffice/again.js") if is_under_way else forms.Media()
