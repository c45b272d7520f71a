"""The pages of one endpoint: what state it is in, its deliveries, and what can be done. The services do it."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from overplane.backoffice.admin.webhooks import words
from overplane.backoffice.admin.webhooks.deliveries import line, log_of
from overplane.backoffice.admin.webhooks.forms import EndpointForm, NewEndpointForm, ReplayForm
from overplane.backoffice.scripts import media_of
from overplane.backoffice.templatetags.backoffice import KEPT
from overplane.compression import secret
from overplane.events.feed import Log
from overplane.events.webhooks import clock, rules, services
from overplane.events.webhooks.models import Delivery, DeliveryStatus, Endpoint
from overplane.problems import CursorExpired, ObjectMissing

TEMPLATES = "backoffice/webhooks"


class EndpointPages(admin.ModelAdmin):
    """Each checks what the person may do, then calls one service."""

    def get_urls(self) -> list[URLPattern]:
        view, prefix = self.admin_site.admin_view, f"{self.opts.app_label}_{self.opts.model_name}"
        posted = {
            "ping": self.ping, "enable": self.enable, "enable-from-now": self.enable_from_now, "disable": self.disable,
        }  # fmt: skip
        return [
            path("<str:endpoint_id>/edit/", view(self.edit), name=f"{prefix}_edit"),
            path("<str:endpoint_id>/roll/", view(self.roll), name=f"{prefix}_roll"),
            path("<str:endpoint_id>/replay/", view(self.replay), name=f"{prefix}_replay"),
            *(
                path(f"<str:endpoint_id>/{name}/", view(require_POST(page)), name=f"{prefix}_{name.replace('-', '_')}")
                for name, page in posted.items()
            ),
            path("<str:endpoint_id>/delivery/<str:delivery_id>/", view(self.delivery), name=f"{prefix}_delivery"),
            path(
                "<str:endpoint_id>/delivery/<str:delivery_id>/resend/",
                view(require_POST(self.resend)),
                name=f"{prefix}_resend",
            ),
            *super().get_urls(),
        ]

    def _found(self, request: HttpRequest, endpoint_id: str, *, may_change: bool = True) -> Endpoint:
        if not (self.has_change_permission(request) if may_change else self.has_view_permission(request)):
            raise PermissionDenied
        try:
            return services.find(endpoint_id.replace("\0", ""))
        except ObjectMissing:
            raise Http404 from None

    def _show(self, request: HttpRequest, template: str, context: dict[str, Any]) -> TemplateResponse:
        known = self.admin_site.each_context(request) | {"opts": self.opts}
        return TemplateResponse(request, f"{TEMPLATES}/{template}.html", known | context)

    def _back_to(self, request: HttpRequest, endpoint: Endpoint, page: str = "change", *more: str) -> HttpResponse:
        """To a page of the endpoint, which goes on knowing the list's filters."""
        url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}", args=[endpoint.pk, *more])
        kept = self._kept(request)
        return redirect(f"{url}?{urlencode(kept)}" if kept else url)

    @staticmethod
    def _kept(request: HttpRequest) -> dict[str, str]:
        return {KEPT: request.GET[KEPT]} if request.GET.get(KEPT) else {}

    # Looking

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        endpoint = self._found(request, object_id, may_change=False)
        log = log_of(endpoint, request.GET, self._kept(request))
        succeeded = Delivery.objects.filter(endpoint=endpoint, status=DeliveryStatus.SUCCEEDED).order_by("-id")
        context = {
            "title": self.opts.verbose_name,
            "endpoint": endpoint,
            "state": words.state_mark(endpoint),
            "reason": words.reason_text(endpoint.disabled_reason),
            "lag": words.lag_text(endpoint),
            "kinds": words.kinds_text(endpoint, len(endpoint.event_types)),
            "last_success": succeeded.values_list("last_at", flat=True).first(),
            "cursor": Log.now().cursor(endpoint.position),
            "signs_twice": endpoint.previous_until is not None and clock.now() < endpoint.previous_until,
            "log": log,
            "may_change": self.has_change_permission(request),
            "may_delete": self.has_delete_permission(request),
            "media": media_of("backoffice/again.js") if log.is_under_way else forms.Media(),
        }
        return self._show(request, "endpoint", context)

    def delivery(self, request: HttpRequest, endpoint_id: str, delivery_id: str) -> HttpResponse:
        endpoint = self._found(request, endpoint_id, may_change=False)
        one = self._delivery(endpoint, delivery_id)
        context = {
            "title": _("Delivery"),
            "original": endpoint,
            "line": line(endpoint, one),
            "attempts": one.attempt_log.all(),
            "may_change": self.has_change_permission(request),
            "may_see_log": request.user.has_perm("overplane_events.view_event"),
        }
        return self._show(request, "delivery", context)

    @staticmethod
    def _delivery(endpoint: Endpoint, delivery_id: str) -> Delivery:
        try:
            return services.find_delivery(endpoint.pk, delivery_id)
        except ObjectMissing:
            raise Http404 from None

    # Making and changing

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = NewEndpointForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                endpoint, new_secret = services.create_endpoint(form.values, start_at=form.start_at)
            except (ValidationError, CursorExpired) as refusal:  # changed since the form looked
                form.add_error(None, getattr(refusal, "messages", [str(refusal)]))
            else:
                self.log_addition(request, endpoint, "Created")
                return self._show_secret(request, endpoint, new_secret)
        title = _("New webhook endpoint")
        return self._show(request, "form", {"title": title, "form": form, "button": _("Create the endpoint")})

    def edit(self, request: HttpRequest, endpoint_id: str) -> HttpResponse:
        endpoint = self._found(request, endpoint_id)
        initial = {name: getattr(endpoint, name) for name in rules.NAMES}
        form = EndpointForm(request.POST or None, initial=initial)
        if request.method == "POST" and form.is_valid():
            try:
                services.update_endpoint(endpoint.pk, form.values)
            except ValidationError as refusal:
                form.add_error(None, refusal.messages)
            else:
                self.log_change(request, endpoint, f"Changed: {', '.join(form.changed_data) or 'nothing'}")
                messages.success(request, _("The endpoint is saved."))
                return self._back_to(request, endpoint)
        return self._show(
            request, "form",
            {"title": _("Edit the endpoint"), "original": endpoint, "form": form, "button": _("Save")},
        )  # fmt: skip

    def roll(self, request: HttpRequest, endpoint_id: str) -> HttpResponse:
        endpoint = self._found(request, endpoint_id)
        if request.method != "POST":
            return self._show(request, "roll", {"title": _("Roll the secret"), "original": endpoint})
        endpoint, new_secret = services.roll_secret(endpoint.pk)
        self.log_change(request, endpoint, "Secret rolled")
        return self._show_secret(request, endpoint, new_secret)

    def _show_secret(self, request: HttpRequest, endpoint: Endpoint, new_secret: str) -> HttpResponse:
        # In this very answer: a message or a redirect would write the secret into the session.
        context = {"title": _("Secret of the endpoint"), "original": endpoint, "secret": new_secret}
        return secret(self._show(request, "secret", context))

    # What is done by one click

    def ping(self, request: HttpRequest, endpoint_id: str) -> HttpResponse:
        endpoint = self._found(request, endpoint_id)
        services.ping(endpoint.pk)
        messages.success(request, _("A test event is on its way."))
        return self._back_to(request, endpoint)

    def enable(self, request: HttpRequest, endpoint_id: str) -> HttpResponse:
        endpoint = services.enable(self._found(request, endpoint_id).pk)
        self.log_change(request, endpoint, "Enabled")
        messages.success(request, _("Enabled. It goes on where it stopped."))
        return self._back_to(request, endpoint)

    def enable_from_now(self, request: HttpRequest, endpoint_id: str) -> HttpResponse:
        endpoint = services.enable(self._found(request, endpoint_id).pk, from_now=True)
        self.log_change(request, endpoint, "Enabled from now on")
        messages.success(request, _("Enabled. What happened until now is left out."))
        return self._back_to(request, endpoint)

    def disable(self, request: HttpRequest, endpoint_id: str) -> HttpResponse:
        endpoint = services.disable(self._found(request, endpoint_id).pk)
        self.log_change(request, endpoint, "Disabled")
        messages.success(request, _("Disabled. Nothing is sent until you enable it again."))
        return self._back_to(request, endpoint)

    def resend(self, request: HttpRequest, endpoint_id: str, delivery_id: str) -> HttpResponse:
        endpoint = self._found(request, endpoint_id)
        again = services.resend(endpoint.pk, self._delivery(endpoint, delivery_id).public_id)
        messages.success(request, _("The event is sent once more: this is its new delivery."))
        return self._back_to(request, endpoint, "delivery", again.public_id)

    def replay(self, request: HttpRequest, endpoint_id: str) -> HttpResponse:
        endpoint = self._found(request, endpoint_id)
        form = ReplayForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            sent = form.cleaned_data | {"after": form.cleaned_data["after"] or None}
            try:
                count = services.replay(endpoint.pk, **sent)
            except (ValidationError, CursorExpired) as refusal:  # changed since the form looked
                form.add_error(None, getattr(refusal, "messages", [str(refusal)]))
            else:
                self.log_change(request, endpoint, f"Replayed: {count} events")
                text = ngettext("%(count)d event is sent once more.", "%(count)d events are sent once more.", count)
                messages.success(request, text % {"count": count} if count else gettext("No event fits."))
                return self._back_to(request, endpoint)
        return self._show(request, "replay", {"title": _("Replay events"), "original": endpoint, "form": form})
