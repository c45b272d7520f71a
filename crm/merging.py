"""Two to four customers become one: chosen values, all rows in their order, and the others deleted."""

from collections.abc import Mapping, Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm import services
from crm.locking import locked_customer
from crm.models import Customer
from overplane.database.attributes import attributes
from overplane.observability import Origin
from overplane.problems import Code, invalid

MOST = 4


def merge_customers(
    kept_id: str,
    merged_ids: Sequence[str],
    *,
    choices: Mapping[str, str],
    origin: Origin,
    expected: Mapping[str, int] | None = None,
) -> services.Written:
    """`choices`: whose value each attribute takes (without one, the kept customer's own).

    One transaction; the customers are locked in the order of their ids, so that two merges of the
    same customers wait for each other instead of for ever. `expected`: the versions that were compared.
    Raises `ObjectMissing` if one is gone, `VersionMismatch` if one has changed.
    """
    ids = [kept_id, *merged_ids]
    _check(ids, choices)
    with transaction.atomic(savepoint=False):
        versions = {i: frozenset({expected[i]}) for i in ids} if expected else {}
        found = {i: locked_customer(i, versions.get(i)) for i in sorted(ids)}
        values = {name: found[chosen][name] for name, chosen in choices.items()}
        services.update_customer(kept_id, values, origin=origin)
        services.take_over_supplier_numbers(kept_id, merged_ids, origin=origin)
        services.delete_customers(merged_ids, origin=origin)
        return services.update_customer(kept_id, {}, origin=origin)


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
