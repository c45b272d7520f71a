"""Pages of ours bring the scripts they need, and none of Django's: those need jQuery, which nothing of ours does."""

from django import forms
from django.contrib import admin
from django.forms.widgets import Script


def deferred(*paths: str) -> list[Script]:
    """Scripts that run once the page is there."""
    return [Script(name, defer=True) for name in paths]


def media_of(*paths: str) -> forms.Media:
    return forms.Media(js=deferred(*paths))  # type: ignore[arg-type]  # the stubs know paths only


class OwnScriptsAdmin(admin.ModelAdmin):
    """A subclass names its own in `class Media`; `list_scripts` are those that only its list needs."""

    list_scripts: tuple[str, ...] = ()

    @property
    def media(self) -> forms.Media:
        return forms.Media()

    @property
    def list_media(self) -> forms.Media:
        return self.media + media_of(*self.list_scripts)
