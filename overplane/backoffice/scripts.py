"""Pages of ours bring the scripts they need, and none of Django's: those need jQuery, which nothing of ours does."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.db import models
from django.forms.widgets import Script


def deferred(*paths: str) -> list[Script]:
    """Scripts that run once the page is there."""
    return [Script(name, defer=True) for name in paths]


def media_of(*paths: str) -> forms.Media:
    return forms.Media(js=deferred(*paths))  # type: ignore[arg-type]  # the stubs know paths only


class OwnScriptsAdmin(admin.ModelAdmin):
    """A subclass names its own in `class Media`; `list_scripts` are those that only its list needs."""

    list_scripts: tuple[str, ...] = ()
    change_form_template = "backoffice/form.html"
    delete_confirmation_template = delete_selected_confirmation_template = "backoffice/delete.html"
    formfield_overrides = {models.ManyToManyField: {"widget": forms.CheckboxSelectMultiple}}

    def formfield_for_dbfield(self, db_field: models.Field, request: Any, **kwargs: Any) -> Any:
        """Without the links beside a choice: they open a window by a script of Django's."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field

    @property
    def media(self) -> forms.Media:
        return forms.Media()

    @property
    def list_media(self) -> forms.Media:
        return self.media + media_of(*self.list_scripts)
