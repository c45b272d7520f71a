"""The form of one line item, of any kind. It parses; `rules` judge."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm import rules
from crm.backoffice.admin.forms import LONG
from crm.line_items import POSITION, LineItem
from overplane.backoffice.merging import MergingForm
from overplane.backoffice.row_names import NUMBER, named
from overplane.database.attributes import Attribute
from overplane.problems import Code, invalid

HIGHEST_POSITION = 2**31 - 1  # what an integer column of PostgreSQL holds
INPUT_MODES = {"number": "decimal", "integer": "numeric"}


class LineItemForm(MergingForm):
    idx = forms.IntegerField(required=False, min_value=1, max_value=HIGHEST_POSITION, label=_("position"))
    unmerged = (POSITION,)
    kind: LineItem

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_gone = False  # somebody else deleted it while the page was open
        number = self[POSITION].value() or _("new")
        for name, field in self.fields.items():
            field.widget.attrs |= named(f"{field.label}, {NUMBER}", number)
            attribute = self.kind.attributes.get(name)
            if attribute and attribute.kind in INPUT_MODES:
                field.widget.attrs["inputmode"] = INPUT_MODES[attribute.kind]

    def has_changed(self) -> bool:
        """A new line item in which nobody typed does not count, though the page has given it a position."""
        return bool(self.changed_data) if self.instance.pk else self.has_changed_attributes()

    def has_changed_attributes(self) -> bool:
        return any(name in self.kind.attributes for name in self.changed_data)

    def clean_idx(self) -> int:
        # An empty one only has to pass the column's own check; the services give the positions.
        return self.cleaned_data[POSITION] or 1

    @property
    def requested_position(self) -> int | None:
        """Where the line item is to stand, if this person said so."""
        is_requested = POSITION in self.changed_data and self.data.get(self.add_prefix(POSITION), "").strip()
        return self.cleaned_data[POSITION] if is_requested else None

    def changed_values(self) -> dict[str, Any]:
        """From the instance, where full_clean has made Python values. Emptied attributes get their default."""
        known = self.kind.attributes
        values = {name: getattr(self.instance, name) for name in self.changed_data if name in known}
        return {name: known[name].default if value is None else value for name, value in values.items()}

    def clean(self) -> dict[str, Any] | None:
        if self.is_gone and self.has_changed_attributes():
            raise forms.ValidationError(_("This row was removed by somebody else. Remove it here too, or add it anew."))
        return super().clean()

    def _post_clean(self) -> None:
        super()._post_clean()
        if self.has_changed_attributes():  # stored values may be older than a rule: whoever leaves them alone may save
            self._judge()

    def _judge(self) -> None:
        values = {name: getattr(self.instance, name) for name in self.kind.names if name not in self.errors}
        for name, errors in rules.line_item_errors(self.kind.name, values).items():
            self.add_error(name, errors)
        for name, attribute in self.kind.attributes.items():
            if name in values and values[name] in (None, "") and self._needs_value(attribute):
                self.add_error(name, invalid(Code.PARAMETER_INVALID_EMPTY, gettext("Must not be empty.")))

    def _needs_value(self, attribute: Attribute) -> bool:
        """Text fields leave this to the rules. But a column without null cannot store an empty value."""
        return (
            attribute.name in self.fields
            and attribute.required
            and not self.kind.model._meta.get_field(attribute.name).null
        )


def form_of(kind: LineItem) -> type[LineItemForm]:
    meta = type("Meta", (), {"model": kind.model, "fields": (POSITION, *kind.names), "widgets": _widgets(kind)})
    return type(f"{kind.schema}Form", (LineItemForm,), {"Meta": meta, "kind": kind})


def _widgets(kind: LineItem) -> dict[str, forms.Widget]:
    """Only where the field's own widget does not fit: closed choices and long texts."""
    long = {
        name: forms.Textarea(attrs={"rows": 2, "cols": 40})
        for name, attribute in kind.attributes.items()
        if (attribute.max_length or 0) > LONG
    }
    return long | {
        name: forms.Select(choices=[(value, value) for value in ("", *choices)])
        for name, choices in rules.LINE_ITEM_CHOICES.get(kind.name, {}).items()
    }
