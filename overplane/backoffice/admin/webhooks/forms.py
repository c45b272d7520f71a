"""The forms of endpoints. Each says beside a field what is wrong with it; the services judge once more."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from overplane.backoffice.event_words import grouped
from overplane.database.text import has_forbidden_characters
from overplane.events import feed, types
from overplane.events.feed import Log
from overplane.events.webhooks import guard, rules
from overplane.events.webhooks.models import URL_LENGTH, EndpointStatus, Payload
from overplane.problems import CursorExpired

NOW, CURSOR = "now", "cursor"
STARTS = {
    NOW: _("now: with what happens from here on"),
    feed.START: _("at the beginning: with all that the log still has"),
    CURSOR: _("at a cursor of the feed"),
}
PLAIN = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}


class TextField(forms.CharField):
    """Without characters that nothing of ours stores."""

    def validate(self, value: str) -> None:
        super().validate(value)
        if has_forbidden_characters(value):
            raise ValidationError(_("Holds characters that are not allowed."))


class CursorField(TextField):
    widget = forms.TextInput(attrs=PLAIN)

    def validate(self, value: str) -> None:
        super().validate(value)
        try:
            if value:
                feed.resolve(value, Log.now())
        except CursorExpired:
            raise ValidationError(_("The log does not have this cursor (any more).")) from None
        except ValidationError:
            raise ValidationError(_("This is no cursor of this feed.")) from None


class TypesField(forms.MultipleChoiceField):
    widget = forms.CheckboxSelectMultiple

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=_choices, required=False, **options)


def _choices() -> list[tuple[str, list[tuple[str, SafeString]]]]:
    """In people's words, and by the names that programs know."""
    return [
        (group, [(one, format_html("{} <code>{}</code>", title, one)) for one, title in of_group])
        for group, of_group in grouped(types.known)
    ]


class MomentField(forms.DateTimeField):
    widget = forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"})


class EndpointForm(forms.Form):
    url = TextField(
        label=_("URL"), max_length=URL_LENGTH, widget=forms.TextInput(attrs=PLAIN | {"inputmode": "url"}),
        help_text=_("Where events are sent, like https://example.com/webhooks."),
    )  # fmt: skip
    description = TextField(label=_("Description"), max_length=rules.DESCRIPTION_LENGTH, required=False)
    event_types = TypesField(
        label=_("Types of events"), help_text=_("Nothing ticked: all, also types that come with a later version.")
    )
    payload = forms.ChoiceField(label=_("Payload"), choices=Payload.choices)
    status = forms.ChoiceField(label=_("Status"), choices=EndpointStatus.choices)

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            guard.target(url)
        except guard.Refused as refusal:
            raise ValidationError(str(refusal)) from None
        return url

    @property
    def values(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in rules.NAMES}


class NewEndpointForm(EndpointForm):
    start = forms.ChoiceField(label=_("Begins"), choices=STARTS, initial=NOW, widget=forms.RadioSelect)
    cursor = CursorField(label=_("Cursor"), required=False, help_text=_("As an export or the feed gives it."))

    def clean(self) -> None:
        if self.cleaned_data.get("start") == CURSOR and not self.cleaned_data.get("cursor", "?"):
            self.add_error("cursor", _("Enter the cursor to begin at."))

    @property
    def start_at(self) -> str | None:
        start = self.cleaned_data["start"]
        return {NOW: None, CURSOR: self.cleaned_data["cursor"]}.get(start, start)


class ReplayForm(forms.Form):
    created_from = MomentField(label=_("Events from"), required=False, help_text=_("In UTC. This moment is included."))
    created_before = MomentField(label=_("Until before"), required=False, help_text=_("In UTC. Empty: until now."))
    after = CursorField(label=_("Or after a cursor"), required=False)
    event_types = TypesField(label=_("Types of events"), help_text=_("Nothing ticked: those of the endpoint."))

    def clean(self) -> None:
        first, end = (self.cleaned_data.get(name) for name in ("created_from", "created_before"))
        if not self.errors and not (first or end or self.cleaned_data["after"]):
            raise ValidationError(_("Say which events: enter a time or a cursor."))
        if first and end and first >= end:
            self.add_error("created_before", _("This must be later than the beginning."))
