"""Forms that two people may have open at the same time.

Each field carries the value that it was rendered with. A field that a person did not change is not written, so
changes of different fields are both saved. A field that both changed is a conflict, shown on a page of its own.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Conflict:
    """One field that was changed on both sides since the form was opened. Texts are as a form sends them."""

    name: str  # of the attribute
    html_name: str
    initial_html_name: str
    label: str
    original: Any
    mine: Any
    theirs: Any
    mine_text: str
    theirs_text: str


class MergingForm(forms.ModelForm):
    """A model form with the original values beside the new ones."""

    unmerged: tuple[str, ...] = ()  # fields whose conflicts need no choice

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, value in self.initial.items():
            if isinstance(value, Decimal):
                self.initial[name] = plain(value)
        # As it stands now; cleaning writes into the instance.
        self.current = {f.name: getattr(self.instance, f.attname) for f in self.instance._meta.concrete_fields}
        self.conflicts: list[Conflict] = []
        if not self.instance._state.adding:
            for name, field in self.fields.items():
                field.show_hidden_initial = name in self.current and not field.disabled

    def _original(self, name: str) -> Any:
        """What the form was rendered with, as a value; without that, what is there now."""
        sent = self.data.get(self[name].html_initial_name)
        if sent is None:
            return self.current[name]
        try:
            return self._meta.model._meta.get_field(name).to_python(self.fields[name].to_python(sent))
        except ValidationError:
            return self.current[name]

    @cached_property
    def changed_data(self) -> list[str]:
        """What this person changed, whatever others did in the meantime."""
        return [name for name in self.fields if self._is_changed(name)]

    def _is_changed(self, name: str) -> bool:
        field = self.fields[name]
        if field.disabled:
            return False
        if name not in self.current or self.instance._state.adding:
            return self[name]._has_changed()  # type: ignore[attr-defined]  # Django's forms call it; the stubs leave it out
        original = self._original(name)
        return field.has_changed(plain(original) if isinstance(original, Decimal) else original, self[name].data)

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's hook for model forms; the stubs leave it out
        if self.instance._state.adding:
            return
        for name in self.changed_data:
            if name in self.current and name not in self.unmerged and name not in self.errors:
                self._compare(name)
        if self.conflicts:
            labels = ", ".join(conflict.label for conflict in self.conflicts)
            message = _("Changed by somebody else since you opened it: %(labels)s.")
            self.add_error(None, ValidationError(message, code=CONFLICT, params={"labels": labels}))

    def _compare(self, name: str) -> None:
        original, theirs, mine = self._original(name), self.current[name], getattr(self.instance, name)
        if theirs in (original, mine):
            return
        bound = self[name]
        texts = ("" if value is None else _text(value) for value in (mine, theirs))
        label = str(bound.label or self._meta.model._meta.get_field(name).verbose_name)
        self.conflicts.append(
            Conflict(name, bound.html_name, bound.html_initial_name, label, original, mine, theirs, *texts)
        )

    @property
    def has_only_conflicts(self) -> bool:
        return bool(self.conflicts) and all(e.code == CONFLICT for es in self.errors.as_data().values() for e in es)


def plain(value: Decimal) -> str:
    """Without the zeros that the column's scale adds."""
    return format(value.normalize(), "f") if value.is_finite() and abs(value.adjusted()) < 30 else str(value)


def _text(value: Any) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)
