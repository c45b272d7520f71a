"""The parameters of a call, read strictly: every one is known, is given once and means what it says.

They stand in an address, where all values are texts, or in a JSON object, where values have types.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from django.core.exceptions import ValidationError

from overplane.database.attributes import json_type
from overplane.database.text import forbidden_character, has_forbidden_characters
from overplane.problems import MOST_REPORTED, Code, Errors, invalid, not_one_of, unknown

MAX_PARAMETERS = 500  # a list has some 200 filters, and each may be given once
BEYOND_ANY_TABLE = 2**62
BEYOND_DIGITS = 18
# An element of a list, as clients write it: `expand[]` or `expand[0]`.
ELEMENT = re.compile(r"\[[0-9]*\]$")
T = TypeVar("T")

# What other APIs call it, in small letters without other characters (`perPage`, `page[size]`): the error then names ours.
START, CURSORS, LIMIT = ("offset", "starting_after", "after"), ("starting_after", "after"), ("limit",)
ELSEWHERE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("page", "pagenumber", "skip", "start"), START),
    **dict.fromkeys(("cursor", "pagetoken", "nexttoken", "startingafter", "after", "since"), CURSORS),
    **dict.fromkeys(("before", "endingbefore"), ("ending_before",)),
    **dict.fromkeys(("perpage", "pagesize", "size", "count", "maxresults"), LIMIT),
    **dict.fromkeys(("sort", "sortby", "order", "ordering", "orderby"), ("order_by",)),
    **dict.fromkeys(("search", "query", "filter"), ("q",)),
    **dict.fromkeys(("include", "embed"), ("expand[]",)),
    **dict.fromkeys(("select", "columns"), ("fields",)),
}


class Query:
    """Takes parameters out one by one and collects what is wrong; `finish` tells all of it at once.

    `parameters`: a query string, or a JSON object. `repeated` parameters are lists: `expand[]=a&expand[]=b`,
    `expand[0]=a`, `expand=a`, in JSON also `"expand": ["a", "b"]`.
    """

    def __init__(self, parameters: str | Mapping[str, Any], *, repeated: Collection[str] = ()) -> None:
        self.values: dict[str, Any] = {}
        self.lists: dict[str, list[tuple[str, Any]]] = {name: [] for name in repeated}
        self.errors: Errors = {}
        if isinstance(parameters, str):
            self._read(_pairs(parameters))
        else:
            self._read(parameters.items())  # its texts are judged, and no key stands twice
        self._untouched = set(self.values)

    def _read(self, pairs: Iterable[tuple[str, Any]]) -> None:
        for name, value in pairs:
            text = name + value if type(value) is str else name
            if has_forbidden_characters(text):
                message = f"The text holds {forbidden_character(text)}, a character that cannot be shown. Remove it."
                self.fail(name.replace("\0", ""), Code.CHARACTERS_NOT_ALLOWED, message)
            elif (whole := ELEMENT.sub("", name)) in self.lists:
                self._add(whole, name, value)
            elif name in self.values:
                self.fail(name, Code.PARAMETER_DUPLICATE, "The parameter is given twice.")
            else:
                self.values[name] = value

    def _add(self, whole: str, name: str, value: Any) -> None:
        """Adds to a list, each element with the path under which it was sent."""
        elements = self.lists[whole]
        if type(value) is list:
            elements += [(f"{name}[{i}]", one) for i, one in enumerate(value)]
        elif value is not None:
            elements.append((f"{name}[{len(elements)}]" if name.endswith("[]") else name, value))

    def fail(self, param: str, code: Code, message: str) -> None:
        self.errors.setdefault(param, []).append(invalid(code, message))

    def note(self, param: str, error: ValidationError) -> None:
        """What is wrong with a value, or with elements of it: an error by element has their paths (`[2]`) as keys."""
        for path, errors in (error.error_dict if hasattr(error, "error_dict") else {"": [error]}).items():
            self.errors.setdefault(param + path, []).extend(errors)

    def raw(self, name: str) -> Any:
        """The value as it was sent; None if it was not, or is null."""
        self._untouched.discard(name)
        return self.values.get(name)

    def take(self, name: str) -> str | None:
        value = self.raw(name)
        if value is None or type(value) is str:
            return value
        self.fail(name, Code.PARAMETER_INVALID_TYPE, f"Must be a string, not {json_type(value)}.")
        return None

    def text(self, name: str) -> str | None:
        """A parameter that says something, if it is there at all."""
        value = self.take(name)
        if value is not None and not value.strip():
            self.fail(name, Code.PARAMETER_INVALID_EMPTY, "Must not be empty. Say something, or leave it out.")
            return None
        return value

    def integer(
        self, name: str, *, default: int, lowest: int, cap: int = BEYOND_ANY_TABLE, highest: int | None = None
    ) -> int:
        """A whole number; whatever is above `cap`, with however many digits, is read as `cap`. Above `highest`: an error."""
        value = self.raw(name)
        if value is None:
            return default
        if type(value) not in (str, int, Decimal):
            self.fail(name, Code.PARAMETER_INVALID_TYPE, f"Must be a whole number, not {json_type(value)}.")
            return default
        text = _digits(value)
        if not re.fullmatch(r"-?[0-9]+", text):
            self.fail(name, Code.PARAMETER_INVALID_INTEGER, "Must be a whole number.")
            return default
        digits = text.lstrip("-").lstrip("0")
        number = cap if len(digits) > BEYOND_DIGITS else int(digits or 0)
        if (text[0] == "-" and number) or number < lowest or (highest is not None and number > highest):
            allowed = f"{lowest} or more" if highest is None else f"from {lowest} to {highest}"
            self.fail(name, Code.PARAMETER_INVALID_RANGE, f"Must be {allowed}.")
            return default
        return min(number, cap)

    def choice(self, name: str, choices: Mapping[str, T], *, default: str) -> T:
        text = self.take(name)
        if text is not None and text not in choices:
            self.note(name, not_one_of(text, choices))
        return choices.get(text if text is not None else default, choices[default])

    def names(self, name: str, known: Collection[str]) -> list[str] | None:
        """A comma-separated list of known words, in JSON also a list of them."""
        value = self.raw(name)
        if type(value) is list:
            return self._chosen([(f"{name}[{i}]", word) for i, word in enumerate(value)], known)
        text = self.take(name)
        return None if text is None else self._chosen([(name, word.strip()) for word in text.split(",")], known)

    def many(self, name: str, known: Collection[str]) -> list[str]:
        """The values of a parameter that may be repeated (`expand[]`)."""
        return self._chosen(self.lists[name], known)

    def _chosen(self, elements: Iterable[tuple[str, Any]], known: Collection[str]) -> list[str]:
        """The words among them that are known; of what is not, no more is told than a person reads."""
        words, unknown_count = [], 0
        for param, word in elements:
            if type(word) is str and word in known:
                words.append(word)
            elif (unknown_count := unknown_count + 1) <= MOST_REPORTED and type(word) is str:
                self.note(param, not_one_of(word, known))
            elif unknown_count <= MOST_REPORTED:
                self.fail(param, Code.PARAMETER_INVALID_TYPE, f"Must be a string, not {json_type(word)}.")
        return words

    def exclusive(self, *names: str) -> None:
        present = [name for name in names if self.values.get(name) is not None]
        if len(present) > 1:
            self.fail(present[1], Code.PARAMETER_CONFLICT, f"Cannot be used together with {present[0]}.")

    def finish(self, known: Collection[str]) -> None:
        """Refuses what nobody asked for, and raises everything that was wrong."""
        for name in [name for name in self.values if name in self._untouched][:MOST_REPORTED]:
            self.note(name, unknown(name, known, hint=_ours(name, known)))
        if self.errors:
            raise ValidationError(self.errors)


def _ours(name: str, known: Collection[str]) -> str | None:
    """A hint for users of other APIs; None if the nearest name is the better one."""
    theirs = ELSEWHERE.get(re.sub("[^a-z]", "", name[:100].lower()))
    if theirs is None:
        return None
    ours = [f'"{one}"' for one in theirs if one in known]
    return f" Use {' or '.join(ours)}." if ours else ""


def _digits(value: str | int | Decimal) -> str:
    if not isinstance(value, Decimal):
        return str(value)
    if value.adjusted() >= BEYOND_DIGITS:  # not computed: it may be 1e999999999
        return ("-" if value < 0 else "") + "9" * (BEYOND_DIGITS + 1)
    return str(int(value)) if value == int(value) else str(value)


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
