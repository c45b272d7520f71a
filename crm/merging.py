"""Two to four customers become one: chosen values and all line items in their order. The others are kept, to be given back."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from django.core import checks
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _

from crm import merged, merged_keys, services
from crm.duplicates import pairs
from crm.line_item_services import take_over_line_items
from crm.line_items import LINE_ITEMS
from crm.locking import locked_customer
from crm.models import Customer, MergedCustomer
from overplane.database.attributes import attributes
from overplane.origin import Origin
from overplane.problems import Code, ObjectMissing, VersionMismatch, invalid

MOST = 4  # customers in one merge, by the contract: the page shows them side by side
NOTHING: Mapping[str, Any] = MappingProxyType({})


def lost_in_a_merge() -> list[models.ForeignObjectRel]:
    """What belongs to customers and is no line item. A merge would delete it with the customer that it belongs to."""
    taken_over = {MergedCustomer, *(kind.model for kind in LINE_ITEMS)}
    return [one for one in Customer._meta.related_objects if one.related_model not in taken_over]


@checks.register(checks.Tags.models)
def check_taken_over(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    hint = "Register it as a kind of line item in crm.line_items."
    return [
        checks.Error(
            f"A merge of customers would delete what {one.related_model._meta.label} holds.", hint=hint, id="crm.E001"
        )
        for one in lost_in_a_merge()
    ]


def merge_customers(
    survivor_id: str,
    merged_ids: Sequence[str],
    *,
    origin: Origin,
    choices: Mapping[str, str] = NOTHING,
    values: Mapping[str, Any] = NOTHING,
    expected: Mapping[str, frozenset[int]] = NOTHING,
) -> services.WriteResult:
    """`choices`: whose value each attribute takes; `values`: values themselves. What neither names stays the kept customer's own.

    One transaction; the customers are locked in the order of their ids, so that two merges of the same customers never end in a deadlock. `expected`: the versions that were compared.
    Raises `ObjectMissing` if one is gone, `VersionMismatch` if one has changed.
    """
    ids = [survivor_id, *merged_ids]
    _check(ids, choices)
    with transaction.atomic(savepoint=False):
        _refuse_losses(merged_ids)
        customers = _locked(ids, expected)
        chosen = {name: customers[one][name] for name, one in choices.items()} | dict(values)
        services.update_customer(survivor_id, chosen, origin=origin)
        others = [customers[i] for i in merged_ids]
        merged.keep(customers[survivor_id], {**customers[survivor_id], **chosen}, others, origin=origin)
        merged_keys.keep(others, replaced={name: customers[survivor_id][name] for name in chosen})
        for kind in LINE_ITEMS:
            take_over_line_items(kind, survivor_id, merged_ids, origin=origin)
        services.take_out(others, survivor_id, origin=origin)
        pairs.merge(survivor_id, merged_ids)
        return services.update_customer(survivor_id, {}, origin=origin)


def _locked(ids: Sequence[str], expected: Mapping[str, frozenset[int]]) -> dict[str, dict[str, Any]]:
    """What is wrong with the first of these ids is told first, whatever the order of the locks."""
    customers: dict[str, dict[str, Any]] = {}
    wrong: dict[str, Exception] = {}
    for customer_id in sorted(ids):
        try:
            customers[customer_id] = locked_customer(customer_id, expected.get(customer_id))
        except (ObjectMissing, VersionMismatch) as error:
            wrong[customer_id] = error
    for customer_id in ids:
        if customer_id in wrong:
            raise wrong[customer_id]
    return customers


def _check(ids: Sequence[str], choices: Mapping[str, str]) -> None:
    if not 2 <= len(ids) <= MOST:
        raise ValidationError(invalid(Code.PARAMETER_INVALID_RANGE, _("Choose two to %d customers to merge.") % MOST))
    if len(set(ids)) < len(ids):
        raise ValidationError(invalid(Code.PARAMETER_DUPLICATE, _("A customer cannot be merged with itself.")))
    known = attributes(Customer)
    for name, chosen in choices.items():
        if name not in known or chosen not in ids:
            raise ValidationError(
                {name: invalid(Code.PARAMETER_INVALID, _("Choose the value of one of these customers."))}
            )


def _refuse_losses(merged_ids: Sequence[str]) -> None:
    """Refuses a merge that would silently delete something. `check_taken_over` finds that before anything is deployed."""
    for relation in lost_in_a_merge():
        model = relation.related_model
        if model._default_manager.filter(**{f"{relation.field.name}__in": merged_ids}).exists():
            message = _("These customers have %s, which a merge cannot keep yet. Nothing was changed.")
            raise ValidationError(invalid(Code.PARAMETER_CONFLICT, message % model._meta.verbose_name_plural))
