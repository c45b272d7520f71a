"""Request bodies of customers and their rows."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError

from crm import rules
from crm.models import Customer, SupplierNumberAtCustomer
from crm.representation import CUSTOMER_NAMES, SUPPLIER_NUMBER_NAMES
from overplane.api.serializers import ApiSerializer
from overplane.problems import Code, Errors, invalid, unknown

PARENT_NAMES = ("customer_id", "parent_id")


class CustomerSerializer(ApiSerializer):
    rules = staticmethod(rules.customer_errors)

    class Meta:
        model = Customer
        fields = CUSTOMER_NAMES


class SupplierNumberSerializer(ApiSerializer):
    class Meta:
        model = SupplierNumberAtCustomer
        fields = SUPPLIER_NUMBER_NAMES

    @classmethod
    def parse_new(cls, payload: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
        """The parent's id, the name under which it was sent, and the values."""
        rest, problems = dict(payload), {}
        parents = {name: rest.pop(name) for name in PARENT_NAMES if name in rest}
        problems |= _parent_errors(parents)
        return next(iter(parents.values()), ""), next(iter(parents), "customer_id"), cls._parse_rest(rest, problems)

    @classmethod
    def parse_changes(cls, payload: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
        """The parents that were named (they must be the row's own), and the values."""
        rest = dict(payload)
        parents = {name: rest.pop(name) for name in PARENT_NAMES if name in rest}
        problems = _parent_errors(parents) if parents else {}
        return parents, cls._parse_rest(rest, problems)

    @classmethod
    def _parse_rest(cls, rest: Mapping[str, Any], problems: Errors) -> dict[str, Any]:
        try:
            values = cls.parse(rest, partial=True)
        except ValidationError as error:
            raise ValidationError(problems | error.error_dict) from None
        if problems:
            raise ValidationError(problems)  # type: ignore[arg-type]
        return values


def _parent_errors(parents: Mapping[str, Any]) -> Errors:
    """What is wrong with how a body names its customer."""
    if not parents:
        return {"customer_id": [invalid(Code.PARAMETER_MISSING, "Say which customer the row belongs to.")]}
    problems: Errors = {}
    for name, value in parents.items():
        if type(value) is not str:
            problems[name] = [invalid(Code.PARAMETER_INVALID_TYPE, "Must be a customer's id.")]
        elif not value:
            problems[name] = [invalid(Code.PARAMETER_INVALID_EMPTY, "Must not be empty.")]
    if not problems and len(set(parents.values())) > 1:
        problems["parent_id"] = [invalid(Code.PARAMETER_CONFLICT, "customer_id and parent_id name different customers.")]
    return problems


def parse_order(payload: Mapping[str, Any]) -> tuple[str, str, list[str]]:
    """The body of a reorder: the parent's id, the name under which it was sent, the ids in their new order."""
    parents = {name: payload[name] for name in PARENT_NAMES if name in payload}
    problems = _parent_errors(parents)
    if "customer_id" in problems and not parents:
        problems = {"parent_id": problems.pop("customer_id")}
    for name in payload:
        if name not in (*PARENT_NAMES, "ordered_ids"):
            problems[name] = [unknown(name, ("parent_id", "ordered_ids"))]
    ids = payload.get("ordered_ids")
    if "ordered_ids" not in payload:
        problems["ordered_ids"] = [invalid(Code.PARAMETER_MISSING, "Send the ids of all rows in their new order.")]
    elif type(ids) is not list:
        problems["ordered_ids"] = [invalid(Code.PARAMETER_INVALID_TYPE, "Must be a list of row ids.")]
    else:
        for i, row_id in enumerate(ids):
            if type(row_id) is not str:
                problems[f"ordered_ids[{i}]"] = [invalid(Code.PARAMETER_INVALID_TYPE, "Must be a row's id.")]
    if problems:
        raise ValidationError(problems)  # type: ignore[arg-type]
    return next(iter(parents.values())), next(iter(parents)), ids
