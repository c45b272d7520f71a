"""Form fields that parse and do not judge: the model fields and the rules do, with one code for every door."""

import re
from datetime import date
from typing import Any

from django import forms
from django.utils import formats


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


class UnjudgedNumberField(UnjudgedCharField):
    """A number as the language writes it, so also 2,5 in German; 2.5 in any. `sign` is what may stand behind it."""

    def __init__(self, *, sign: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sign = sign

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not isinstance(text, str):
            return text
        number = text.strip().removesuffix(self.sign).rstrip()
        comma = formats.get_format("DECIMAL_SEPARATOR")
        # One with digits behind it and none before its own kind: 1.234,5 may mean two things, and is refused.
        return number.replace(comma, ".") if re.fullmatch(rf"[-+]?[0-9]*{re.escape(comma)}[0-9]+", number) else number

    def prepare_value(self, value: Any) -> Any:
        """`value` is written with a point, as `to_python` gives it, or is what somebody typed."""
        is_number = isinstance(value, str) and re.fullmatch(r"[-+]?[0-9]+\.[0-9]+", value)
        return value.replace(".", formats.get_format("DECIMAL_SEPARATOR")) if is_number else value


class UnjudgedMomentField(UnjudgedCharField):
    """A day or a moment in a form, as ISO 8601 writes it, which is what browsers send whatever they show."""

    def prepare_value(self, value: Any) -> Any:
        return value.isoformat() if isinstance(value, date) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)
