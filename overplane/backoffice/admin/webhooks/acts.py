"""What is done with an endpoint: made, changed, tried, enabled, sent once more. The services do it."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from overplane.backoffice.admin.webhooks.forms import EndpointForm, NewEndpointForm, ReplayForm
from overplane.backoffice.admin.webhooks.pages import LookingPages, signs_twice
from overplane.compression import secret
from overplane.events.webhooks import rules, services
from overplane.events.webhooks.models import Endpoint
from overplane.problems import CursorExpired


class EndpointPages(LookingPages):
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
                path(f"<str:endpoint_id>/{name}/", view(require_POST(act)), name=f"{prefix}_{name.replace('-', '_')}")
                for name, act in posted.items()
            ),
            path("<str:endpoint_id>/delivery/<str:delivery_id>/", view(self.delivery), name=f"{prefix}_delivery"),
            path(
                "<str:endpoint_id>/delivery/<str:delivery_id>/resend/",
                view(require_POST(self.resend)),
                name=f"{prefix}_resend",
            ),
            *super().get_urls(),
        ]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = NewEndpointForm(_posted(request))
        if request.method == "POST" and form.is_valid():
            try:
                endpoint, new_secret = services.create_endpoint(form.values, start_at=form.start_at)
            except (ValidationError, CursorExpired) as refusal:  # changed since the form looked
                form.add_error(None, getattr(refusal, "messages", [str(refusal)]))
            else:
                self.log_addition(request, endpoint, "Created")
                return self._show_secret(request, endpoint, new_secret)
        title = _("New webhook endpoint")
        return self.render(request, "form", {"title": title, "form": form, "button": _("Create the endpoint")})

    def edit(self, request: HttpRequest, endpoint_id: str) -> HttpResponse:
        endpoint = self.get_endpoint(request, endpoint_id)
        initial = {name: getattr(endpoint, name) for name in rules.NAMES}
        form = EndpointForm(_posted(request), initial=initial)
        if request.method == "POST" and form.is_valid():
            try:
                services.update_endpoint(endpoint.pk, form.values)
            except ValidationError as refusal:
                form.add_error(None, refusal.messages)
            else:
                self.log_change(request, endpoint, f"Changed: {', '.join(form.changed_data) or 'nothing'}")
                messages.success(request, _("The endpoint is saved."))
                return self.back_to(request, endpoint)
        return self.render(
            request, "form",
            {"title": _("Edit the endpoint"), "original": endpoint, "form": form, "button": _("Save")},
        )  # fmt: skip

    def roll(self, request: HttpRequest, endpoint_id: str) -> HttpResponse:
        endpoint = self.get_endpoint(request, endpoint_id)
        if request.method != "POST":
            context = {"title": _("Roll the secret"), "original": endpoint, "signs_twice": signs_twice(endpoint)}
            return self.render(request, "roll", context)
        endpoint, new_secret = services.roll_secret(endpoint.pk)
        self.log_change(request, endpoint, "Secret rolled")
        return self._show_secret(request, endpoint, new_secret)

    def _show_secret(self, request: HttpRequest, endpoint: Endpoint, new_secret: str) -> HttpResponse:
        # In this very answer: a message or a redirect would write the secret into the session.
        context = {"title": _("Secret of the endpoint"), "original": endpoint, "secret": new_secret}
        return secret(self.render(request, "secret", context))

    # What is done by one click

    def ping(self, request: HttpRequest, endpoint_id: str) -> HttpResponse:
        endpoint = self.get_endpoint(request, endpoint_id)
        services.ping(endpoint.pk)
        messages.success(request, _("A test event is on its way."))
        return self.back_to(request, endpoint)

    def enable(self, request: HttpRequest, endpoint_id: str) -> HttpResponse:
        endpoint = services.enable(self.get_endpoint(request, endpoint_id).pk)
        return self._switched(request, endpoint, "Enabled", _("Enabled. It goes on where it stopped."))

    def enable_from_now(self, request: HttpRequest, endpoint_id: str) -> HttpResponse:
        endpoint = services.enable(self.get_endpoint(request, endpoint_id).pk, from_now=True)
        return self._switched(
            request, endpoint, "Enabled from now on", _("Enabled. What happened until now is left out.")
        )

    def disable(self, request: HttpRequest, endpoint_id: str) -> HttpResponse:
        endpoint = services.disable(self.get_endpoint(request, endpoint_id).pk)
        return self._switched(request, endpoint, "Disabled", _("Disabled. Nothing is sent until you enable it again."))

    def _switched(self, request: HttpRequest, endpoint: Endpoint, logged: str, said: str | Promise) -> HttpResponse:
        self.log_change(request, endpoint, logged)
        messages.success(request, str(said))
        return self.back_to(request, endpoint)

    def resend(self, request: HttpRequest, endpoint_id: str, delivery_id: str) -> HttpResponse:
        endpoint = self.get_endpoint(request, endpoint_id)
        again = services.resend(endpoint.pk, self.get_delivery(endpoint, delivery_id).public_id)
        messages.success(request, _("The event is sent once more: this is its new delivery."))
        return self.back_to(request, endpoint, "delivery", again.public_id)

    def replay(self, request: HttpRequest, endpoint_id: str) -> HttpResponse:
        endpoint = self.get_endpoint(request, endpoint_id)
        form = ReplayForm(_posted(request))
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
                return self.back_to(request, endpoint)
        return self.render(request, "replay", {"title": _("Replay events"), "original": endpoint, "form": form})


def _posted(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None
