"""The pages of the second factor: set it up, show a code, make new recovery codes, turn it off."""

from io import BytesIO
from typing import Any

import segno
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from overplane.compression import secret
from overplane.people import posted_form, recovery, second_factor
from overplane.people.forms import CodeForm, SignInCodeForm


def _page(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    return TemplateResponse(request, f"people/{template}.html", admin.site.each_context(request) | context)


def _must_not_bypass(request: HttpRequest) -> None:
    """Who has a second factor and has not shown it must not set up another."""
    if not second_factor.is_verified(request.user) and second_factor.confirmed(request.user):
        raise PermissionDenied


@never_cache
@require_http_methods(["GET", "POST"])
def set_up(request: HttpRequest) -> HttpResponse:
    if second_factor.is_verified(request.user):
        left, is_required = recovery.left(request.user), settings.REQUIRE_SECOND_FACTOR
        return _page(request, "on", title=_("Second factor"), is_required=is_required, left=left, count=recovery.COUNT)
    if second_factor.confirmed(request.user):
        return redirect("second_factor_code")
    device = second_factor.pending(request.user)
    form = CodeForm(request.user, device, request.POST or None)
    if request.method == "POST" and form.is_valid():
        second_factor.confirm(request, device)
        messages.success(request, _("The second factor is on. From now on you are asked for a code when you log in."))
        return _codes(request)
    key = device.config_url.partition("secret=")[2].partition("&")[0]
    return secret(_page(request, "set_up", title=_("Set up a second factor"), form=form, secret=key))


def _codes(request: HttpRequest) -> HttpResponse:
    """In this very answer: a redirect would have to store them somewhere."""
    codes = recovery.renew(request.user)
    return secret(_page(request, "recovery_codes", title=_("Recovery codes"), codes=codes))


@never_cache
@require_http_methods(["GET", "POST"])
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Makes new ones. Whoever comes by the address, as by Back, is shown the page that says how many are left."""
    if request.method != "POST" or not second_factor.is_verified(request.user):
        return redirect("second_factor")
    second_factor.record(request.user, "Recovery codes made anew")
    return _codes(request)


@require_POST
def turn_off(request: HttpRequest) -> HttpResponse:
    _must_not_bypass(request)
    if settings.REQUIRE_SECOND_FACTOR:
        raise PermissionDenied
    second_factor.reset(request.user, session=request.session.session_key)
    second_factor.record(request.user, "Second factor turned off")
    messages.success(request, _("The second factor is off."))
    return redirect("admin:index")


@never_cache
@require_safe
def qr(request: HttpRequest) -> HttpResponse:
    _must_not_bypass(request)
    drawn = BytesIO()
    address = second_factor.pending(request.user).config_url
    segno.make(address, error="m").save(drawn, kind="svg", scale=5, dark="#000", light="#fff", xmldecl=False)
    return secret(HttpResponse(drawn.getvalue(), content_type="image/svg+xml"))


@never_cache
@require_http_methods(["GET", "POST"])
@transaction.atomic
def code(request: HttpRequest) -> HttpResponse:
    device = second_factor.confirmed(request.user, lock=request.method == "POST")
    if device is None or second_factor.is_verified(request.user):
        return redirect("admin:index")
    form = SignInCodeForm(request.user, device, request.POST or None)
    if request.method == "POST" and form.is_valid():
        second_factor.accept(request, device, form)
        return posted_form.after_signing_in(request) or redirect("admin:index")
    return posted_form.show_code_form(request, form, posted_form.carried(request))
