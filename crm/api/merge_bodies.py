"""Request bodies of merging customers and of taking that back."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError

from crm.api.serializers import CUSTOMER
from crm.merging import MOST
from overplane.problems import MOST_REPORTED, Code, Errors, invalid, unknown

MOST_RESTORED = 100  # at once: they are written in one transaction


def parse_merge(customer_id: str, payload: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """The ids of those that are merged into this customer, and the values that it takes."""
    problems = _unknown(payload, ("from", "values"))
    ids = _ids(payload, "from", MOST - 1, problems)
    if customer_id in ids:
        name = f"from[{payload['from'].index(customer_id)}]"
        problems[name] = [invalid(Code.PARAMETER_INVALID, "A customer cannot be merged with itself.")]
    sent: Any = payload.get("values", {})
    values: dict[str, Any] = {}
    if type(sent) is not dict:
        problems["values"] = [invalid(Code.PARAMETER_INVALID_TYPE, "Must be an object: the values that it takes.")]
    else:
        try:
            values = CUSTOMER.parse(sent, partial=True)
        except ValidationError as error:
            problems |= in_values(error)
    if problems:
        raise ValidationError(problems)
    return ids, values


def in_values(error: ValidationError) -> Errors:
    return {f"values.{name}": errors for name, errors in error.error_dict.items()}


def parse_unmerge(payload: Mapping[str, Any]) -> list[str]:
    """The ids of those that are to be given back."""
    problems = _unknown(payload, ("restore",))
    ids = _ids(payload, "restore", MOST_RESTORED, problems)
    if problems:
        raise ValidationError(problems)
    return ids


def _unknown(payload: Mapping[str, Any], known: tuple[str, ...]) -> Errors:
    names = [name for name in payload if name not in known]
    return {name: [unknown(name, known)] for name in names[:MOST_REPORTED]}


def _ids(payload: Mapping[str, Any], name: str, most: int, problems: Errors) -> list[str]:
    """The list of different customers' ids under this name; what is wrong with it is put to the problems."""
    sent: Any = payload.get(name)
    if name not in payload:
        problems[name] = [invalid(Code.PARAMETER_MISSING, "Send a list of customers' ids.")]
    elif type(sent) is not list:
        problems[name] = [invalid(Code.PARAMETER_INVALID_TYPE, "Must be a list of customers' ids.")]
    elif not 1 <= len(sent) <= most:
        message = f"From 1 to {most} customers go into one request; these are {len(sent):,}."
        problems[name] = [invalid(Code.PARAMETER_INVALID_RANGE, message)]
    else:
        for i, one in enumerate(sent):
            if type(one) is not str:
                problems[f"{name}[{i}]"] = [invalid(Code.PARAMETER_INVALID_TYPE, "Must be a customer's id.")]
            elif one in sent[:i]:
                problems[f"{name}[{i}]"] = [invalid(Code.PARAMETER_DUPLICATE, f"{one[:100]!r} is named twice.")]
        return [one for one in sent if type(one) is str]
    return []
