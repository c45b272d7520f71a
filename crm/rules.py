"""What no field can say about a customer. Plain values in, coded errors out; no database, no HTTP.

A rule takes one attribute's value (never null, unless it is in REQUIRED) and returns what is wrong, or None.
"""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from overplane.database.text import is_blank
from overplane.problems import Code, Errors, invalid

CUSTOMER_TYPES = ("Company", "Individual", "Partnership")
# Attributes that have a closed choice of values: judged, described and filtered by it.
CHOICES: dict[str, tuple[str, ...]] = {"customer_type": CUSTOMER_TYPES}
REQUIRED = frozenset({"customer_name"})
Rule = Callable[[Any], ValidationError | None]


def _one_of(choices: Collection[str]) -> Rule:
    def judge(value: str) -> ValidationError | None:
        if value in choices:
            return None
        return invalid(Code.PARAMETER_INVALID, _("Must be one of %s.") % ", ".join(choices))

    return judge


def email_id(value: str) -> ValidationError | None:
    name, at, domain = value.partition("@")
    if name and at and domain and "@" not in domain and value.split() == [value]:
        return None
    return invalid(
        Code.PARAMETER_INVALID, _("Must be an e-mail address: one @ with something on both sides and no white space.")
    )


def default_currency(value: str) -> ValidationError | None:
    if len(value) == 3 and value.isascii() and value.isalpha() and value.isupper():
        return None
    return invalid(Code.PARAMETER_INVALID, _("Must be a currency code of three capital letters, such as USD."))


CUSTOMER: dict[str, Rule] = {
    **{name: _one_of(choices) for name, choices in CHOICES.items()},
    **{rule.__name__: rule for rule in (email_id, default_currency)},
}


def customer_errors(values: Mapping[str, Any]) -> Errors:
    """What is wrong with these attributes of a customer, by name; those that are absent are not judged."""
    judged = ((name, _error(name, values[name])) for name in (*REQUIRED, *CUSTOMER) if name in values)
    return {name: [error] for name, error in judged if error}


def _error(name: str, value: Any) -> ValidationError | None:
    if name in REQUIRED and is_blank(value or ""):
        return invalid(Code.PARAMETER_INVALID_EMPTY, _("Must not be empty."))
    rule = CUSTOMER.get(name)
    return rule(value) if rule and value is not None else None


def judge_of(name: str) -> Rule | None:
    """What judges one attribute's values, null included; None if there is no rule for it."""
    return partial(_error, name) if name in REQUIRED or name in CUSTOMER else None


def check_customer(values: Mapping[str, Any]) -> None:
    """Raises one `ValidationError` with everything that is wrong with a whole customer."""
    if errors := customer_errors(values):
        raise ValidationError(errors)


# By the name of the kind of line item, as `CUSTOMER` and `CHOICES` are for the customer.
LINE_ITEM_RULES: dict[str, dict[str, Rule]] = {}
LINE_ITEM_CHOICES: dict[str, dict[str, tuple[str, ...]]] = {}


def line_item_rules(kind: str) -> dict[str, Rule]:
    """The rules of a kind's attributes, by attribute."""
    closed = {name: _one_of(choices) for name, choices in LINE_ITEM_CHOICES.get(kind, {}).items()}
    return closed | LINE_ITEM_RULES.get(kind, {})


def line_item_errors(kind: str, values: Mapping[str, Any]) -> Errors:
    """What is wrong with these attributes of a line item, by name; those that are absent are not judged."""
    judged = {name: (rule, values.get(name)) for name, rule in line_item_rules(kind).items()}
    errors = {name: rule(value) for name, (rule, value) in judged.items() if value is not None}
    return {name: [error] for name, error in errors.items() if error}


def check_line_item(kind: str, values: Mapping[str, Any]) -> None:
    """Raises one `ValidationError` with everything that is wrong with a whole line item."""
    if errors := line_item_errors(kind, values):
        raise ValidationError(errors)


def position_error(idx: int, highest: int) -> ValidationError | None:
    """A line item's position among those of its customer."""
    if 1 <= idx <= highest:
        return None
    return invalid(Code.PARAMETER_INVALID_RANGE, _("Must be from 1 to %d.") % highest)
