"""The panel in which a filter is made: a plain form of the list's page, whose answer is the list's address with the filter.

Its own parameters begin with `add.`. So it works without a script, and a reload asks nothing twice.
"""

import re
from collections.abc import Sequence
from contextlib import suppress

from django.core.exceptions import ValidationError
from django.http import QueryDict

from overplane.backoffice.filters import OPERATORS, RANGE, Field, Filters
from overplane.database.attributes import FALSE_WORDS, TRUE_WORDS
from overplane.queries.filter_values import split_list

PREFIX = "add."
NAME, OPERATOR, VALUE, UNTIL, EACH, INSTEAD = (
    f"{PREFIX}{one}" for one in ["field", "op", "value", "until", "each", "instead"]
)
LISTED = "="  # between the parameter and the value of the filter that a new one replaces


def address(filters: Filters, sent: QueryDict) -> QueryDict | None:
    """The list's address with the filter that the panel made, instead of what it was opened with. None: no panel was sent."""
    if not any(name.startswith(PREFIX) for name in sent):
        return None
    query = sent.copy()
    for name in list(query):
        if name.startswith(PREFIX) or ("." not in name and not any(query.getlist(name))):
            del query[name]
    field = filters.fields.get(sent.get(NAME, ""))
    if field is None:
        return query
    _remove(query, sent.get(INSTEAD, ""))
    operator = sent.get(OPERATOR) or field.operators[0]
    texts = _texts(field, operator, sent)
    parameter = f"{field.name}.{operator}"
    if OPERATORS[operator].takes == "many" if operator in OPERATORS else False:
        texts = [*query.getlist(parameter), *(text for text in texts if text not in query.getlist(parameter))]
        query.setlist(parameter, texts or [""])
    else:
        query.setlist(parameter, [*query.getlist(parameter), *texts])
    return query


def _remove(query: QueryDict, instead: str) -> None:
    parameter, _separator, text = instead.partition(LISTED)
    remaining = [one for one in query.getlist(parameter) if text and one.strip() != text]
    if remaining:
        query.setlist(parameter, remaining)
    else:
        query.pop(parameter, None)


def _texts(field: Field, operator: str, sent: QueryDict) -> list[str]:
    value, until = sent.get(VALUE, "").strip(), sent.get(UNTIL, "").strip()
    takes = OPERATORS[operator].takes if operator in OPERATORS else "one"
    if takes == "none":
        return [""]
    if takes == "many":
        return [text for text in (written(field, one) for one in _listed(value, sent.getlist(EACH))) if text]
    if takes == "two" and RANGE not in value:
        return [f"{written(field, value)}{RANGE}{written(field, until)}"]
    return [value if operator == "within" else written(field, value)]


def _listed(value: str, each: Sequence[str]) -> list[str]:
    """Single values, and those that stand in one text with commas between them."""
    with suppress(ValidationError):
        return [*each, *(split_list(value) if value else [])]
    return [*each, value]


def written(field: Field, text: str) -> str:
    """A value as people write it, as addresses have it: yes, 2,5 and 31.12.2024."""
    text = text.strip()
    if field.kind == "boolean":
        word = text.lower()
        return "true" if word in TRUE_WORDS else "false" if word in FALSE_WORDS else text
    if field.kind in ("number", "integer") and re.fullmatch(r"-?[0-9]+,[0-9]+", text):
        return text.replace(",", ".")
    if field.kind in ("date", "timestamp"):
        return re.sub(r"^([0-3][0-9])\.([01][0-9])\.([0-9]{4})$", r"\3-\2-\1", text)
    if field.choices and text not in field.choices:
        return next((value for value, label in field.choices.items() if str(label).lower() == text.lower()), text)
    return text
