"""Survivors of merges that rows of a file change: two rows that were of two customers may be of one by now."""

from functools import cached_property

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from crm.models import MergedCustomer
from crm.transfer.batch_plans import BatchPlan
from overplane.problems import Code, invalid


class ReachedSurvivors:
    """Of one file, however far its rows stand from each other."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}  # by survivor, the row that changes it

    @cached_property
    def survivors(self) -> set[str]:
        return set(MergedCustomer._default_manager.values_list("customer_id", flat=True).distinct())

    def reach(self, row: int, customer_id: str, plan: BatchPlan, *, is_merged: bool) -> ValidationError | None:
        """What is wrong if another row of the file has come to this customer. `is_merged`: by one that is part of it."""
        is_first = customer_id not in plan.reached
        plan.reached.add(customer_id)
        if not is_merged and customer_id not in self.survivors:
            return None
        if is_first and self.rows.setdefault(customer_id, row) == row:
            return None
        message = _("Another row of the file is of %(id)s too, as a customer was merged into it. Import the row again.")
        return invalid(Code.PARAMETER_DUPLICATE, message % {"id": customer_id})
