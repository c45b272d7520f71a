"""A query string, read strictly: every parameter is known, is given once and means what it says."""

import re
from collections.abc import Collection, Mapping
from typing import TypeVar
from urllib.parse import parse_qsl

from django.core.exceptions import ValidationError

from overplane.database.text import forbidden_character, has_forbidden_characters
from overplane.problems import Code, Errors, invalid, unknown

MAX_PARAMETERS = 500
BEYOND_ANY_TABLE = 2**62
T = TypeVar("T")


class Query:
    """Takes parameters out one by one and collects what is wrong; `finish` tells all of it at once."""

    def __init__(self, query_string: str, *, repeated: Collection[str] = ()) -> None:
        self.values: dict[str, str] = {}
        self.lists: dict[str, list[str]] = {name: [] for name in repeated}
        self.errors: Errors = {}
        for name, value in _pairs(query_string):
            if has_forbidden_characters(name + value):
                message = (
                    f"The text holds {forbidden_character(name + value)}, a character that cannot be shown. Remove it."
                )
                self.fail(name.replace("\0", ""), Code.CHARACTERS_NOT_ALLOWED, message)
            elif name in self.lists:
                self.lists[name].append(value)
            elif name in self.values:
                self.fail(name, Code.PARAMETER_DUPLICATE, "The parameter is given twice.")
            else:
                self.values[name] = value
        self._untouched = set(self.values)

    def fail(self, param: str, code: Code, message: str) -> None:
        self.errors.setdefault(param, []).append(invalid(code, message))

    def take(self, name: str) -> str | None:
        self._untouched.discard(name)
        return self.values.get(name)

    def integer(self, name: str, *, default: int, lowest: int, cap: int = BEYOND_ANY_TABLE) -> int:
        """A whole number; whatever is above `cap`, with however many digits, is read as `cap`."""
        text = self.take(name)
        if text is None:
            return default
        if not re.fullmatch(r"-?[0-9]+", text):
            self.fail(name, Code.PARAMETER_INVALID_INTEGER, "Must be a whole number.")
            return default
        digits = text.lstrip("-").lstrip("0")
        number = cap if len(digits) > 18 else int(digits or 0)
        if (text[0] == "-" and number) or number < lowest:
            self.fail(name, Code.PARAMETER_INVALID_RANGE, f"Must be {lowest} or more.")
            return default
        return min(number, cap)

    def choice(self, name: str, choices: Mapping[str, T], *, default: str) -> T:
        text = self.take(name)
        if text is not None and text not in choices:
            self.fail(name, Code.PARAMETER_INVALID, f"Must be one of {', '.join(choices)}.")
        return choices.get(text if text is not None else default, choices[default])

    def names(self, name: str, known: Collection[str]) -> list[str] | None:
        """A comma-separated list of known words."""
        text = self.take(name)
        if text is None:
            return None
        words = [word.strip() for word in text.split(",")]
        for word in words:
            if word not in known:
                self.errors.setdefault(name, []).append(unknown(word, known))
        return words

    def many(self, name: str, known: Collection[str]) -> list[str]:
        """The values of a parameter that may be repeated (`expand[]`)."""
        for i, word in enumerate(self.lists[name]):
            if word not in known:
                self.fail(f"{name}[{i}]", Code.PARAMETER_INVALID, f"Must be one of {', '.join(known)}.")
        return self.lists[name]

    def exclusive(self, *names: str) -> None:
        given = [name for name in names if name in self.values]
        if len(given) > 1:
            self.fail(given[1], Code.PARAMETER_CONFLICT, f"Cannot be used together with {given[0]}.")

    def finish(self, known: Collection[str]) -> None:
        """Refuses what nobody asked for, and raises everything that was wrong."""
        for name in self.values:
            if name in self._untouched:
                self.errors.setdefault(name, []).append(unknown(name, known))
        if self.errors:
            raise ValidationError(self.errors)  # type: ignore[arg-type]


def _pairs(query_string: str) -> list[tuple[str, str]]:
    if not query_string:
        return []
    try:
        raw = query_string.encode("latin-1").decode()
        return parse_qsl(raw, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except UnicodeError:
        raise invalid(Code.CHARACTERS_NOT_ALLOWED, "The query string is not UTF-8.") from None
    except ValueError:
        raise invalid(Code.PARAMETER_INVALID, f"At most {MAX_PARAMETERS} parameters are read.") from None
