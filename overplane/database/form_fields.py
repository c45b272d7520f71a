"""Form fields that parse and do not judge: the model fields and the rules do, with one code for every door."""

from datetime import date
from typing import Any

from django import forms


class UnjudgedCharField(forms.CharField):
    """A form field that leaves judging to the model field and the rules: no second opinion, no second code."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"strip": False} | kwargs)
        self.validators = []

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(initial, data.strip() if isinstance(data, str) else data)

    def to_python(self, value: Any) -> Any:
        """Browsers send line ends as CRLF, whatever they were; unchanged text must come back unchanged."""
        text = super().to_python(value)
        return text.replace("\r\n", "\n") if isinstance(text, str) else text

    def validate(self, value: Any) -> None:
        pass


class UnjudgedMomentField(UnjudgedCharField):
    """A day or a moment in a form, as ISO 8601 writes it, which is what browsers send whatever they show."""

    def prepare_value(self, value: Any) -> Any:
        return value.isoformat() if isinstance(value, date) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)
