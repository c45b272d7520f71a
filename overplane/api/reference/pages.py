"""The page itself: made once a process, the same for everybody."""

import json

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.views.decorators.http import require_safe

from overplane.api.error_codes import MEANINGS
from overplane.api.openapi import ERRORS, OTHER_STATUSES, TOPIC_WORDS
from overplane.api.pages import description
from overplane.api.reference import limits
from overplane.api.reference.samples import output
from overplane.api.reference.schemas import prose
from overplane.api.reference.sections import Reference
from overplane.caching import computed_once

# The files of templates/reference/topics/, in the order of the contents.
TOPICS = {
    "top": "Introduction",
    "authentication": "Authentication",
    "errors": "Errors",
    "input": "Input",
    "pagination": "Pagination",
    "filters": "Filters and search",
    "retries": "Safe retries",
    "versions": "Versions",
    "line-items": "Line items in one write",
    "batches": "Batches",
    "sync": "Keeping a copy",
    "webhooks": "Webhooks",
    "imports": "Imports",
    "transport": "Compression and browsers",
    "limits": "Limits",
}


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    return HttpResponse(page())


@computed_once
def page() -> str:
    described = json.loads(description())
    reference = Reference(described, base_url=settings.BASE_URL)
    error = reference.error()
    content = TOPIC_WORDS | {
        "base_url": settings.BASE_URL,
        "topics": [(anchor, title, f"reference/topics/{anchor}.html") for anchor, title in TOPICS.items()],
        "chapters": reference.chapters(),
        "statuses": [(status, prose(text)) for status, text in sorted((ERRORS | OTHER_STATUSES).items())],
        "codes": [(code, prose(meaning)) for code, meaning in MEANINGS.items()],
        "error": reference.schemas.inside(error, "errors"),
        "error_sample": output(reference.schemas.sample(error)),
        "limits": limits.output(limits.limits(described)),
    }
    with translation.override(settings.LANGUAGE_CODE):  # English, as the answers are
        return render_to_string("reference/docs.html", content)
