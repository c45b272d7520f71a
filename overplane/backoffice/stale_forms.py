"""The answer to a form whose token is stale: the form again, with what it held and a token that is valid.

Only for a form of our own pages, by the browser's word. A forged one is refused as ever, and never shown: one click
in a page that looks like ours would send it.
"""

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from overplane.api import pages
from overplane.backoffice.site import Site
from overplane.people import posted_form


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
