"""Samples in the prose of the reference: `{% call "Title" "GET" "/api/…?…" %}` and `{% program "Title" "name" %}`."""

from django import template
from django.conf import settings

from overplane.api.reference.calls import Call
from overplane.api.reference.samples import Sample, of_call, of_texts

register = template.Library()
WRITTEN_FOR = "https://api.overplane.dev"  # the address in the programs, so that they are programs as they lie there
ENDINGS = {"curl": "sh", "python": "py", "javascript": "js"}


@register.inclusion_tag("reference/sample.html")
def call(title: str, method: str, address: str, header: str = "", body: str = "") -> dict[str, Sample]:
    return {"sample": of_call(title, Call.to(settings.BASE_URL, method, address, header=header, body=body))}


@register.inclusion_tag("reference/sample.html")
def program(title: str, name: str) -> dict[str, Sample]:
    """What takes more than one call is written by hand, in `templates/reference/programs/`."""
    texts = {language: _source(f"reference/programs/{name}.{ending}") for language, ending in ENDINGS.items()}
    return {"sample": of_texts(title, texts)}


def _source(name: str) -> str:
    return template.Engine.get_default().get_template(name).source.replace(WRITTEN_FOR, settings.BASE_URL).rstrip("\n")
