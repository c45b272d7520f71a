"""The answers to forms that cannot be served: what was typed comes back with them.

A form whose token is stale comes back with a valid one; only a form of our own pages, by the browser's word. A forged one
is refused as ever, and never shown: one click in a page that looks like ours would send it.
"""

import logging
import sys

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from overplane.api import pages
from overplane.api.errors import LATER
from overplane.backoffice.site import Site
from overplane.database.troubles import Trouble, trouble
from overplane.people import posted_form

log = logging.getLogger("overplane.backoffice")


def handler500(request: HttpRequest) -> HttpResponse:
    """Of a failure that is handled just now. Where the database works and only this took too long, the form comes back."""
    reason = trouble(sys.exc_info()[1])
    if reason is None:
        return pages.handler500(request)
    is_page = "text/html" in request.headers.get("accept", "")
    # A form whose token nobody has looked at yet may be forged.
    is_checked = getattr(request, "csrf_processing_done", False)
    response: HttpResponse | None = None
    if is_page and is_checked and reason not in (Trouble.AWAY, Trouble.READ_ONLY, Trouble.BEHIND):
        try:
            response = _with_form(request, reason)
        except Exception:
            log.exception("the page with the form failed, too")
    response = response or pages.busy(request)
    response["Retry-After"] = LATER
    return response


def _with_form(request: HttpRequest, reason: Trouble) -> HttpResponse | None:
    title = _("Somebody else is changing this just now") if reason is not Trouble.SLOW else _("This took too long")
    form = posted_form.posted(request)
    return posted_form.page(request, form, title=title, status=503).render() if form else None


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    is_page = "text/html" in request.headers.get("accept", "")
    form = posted_form.posted(request) if is_page and is_own(request) else None
    if form is None:
        return pages.csrf_failure(request, reason)
    site = admin.site
    if not site.has_permission(request):
        assert isinstance(site, Site)
        return site.sign_in_page(request, form)
    return posted_form.page(request, form, title=_("This form is no longer valid"), status=403)


def is_own(request: HttpRequest) -> bool:
    """Whether the browser says that the form came from this site. No page elsewhere can forge these headers."""
    own = {f"{request.scheme}://{request.get_host()}", *settings.CSRF_TRUSTED_ORIGINS}
    return (
        request.path.startswith("/admin/")
        and request.headers.get("origin") in own
        and request.headers.get("sec-fetch-site", "same-origin") == "same-origin"  # browsers send it over HTTPS only
    )
