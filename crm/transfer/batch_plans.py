"""What is to become of the customers of a batch; and a question about very many values, as planning asks it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from crm.transfer.batch import Values
from overplane.database import statements


@dataclass(slots=True)
class BatchPlan:
    """By index in the batch. `updates`: the customer as it is; `unchanged`: those that are so already (id).

    `merged`: rows of customers that were merged, and whom they are part of now (id). They are among the others.
    """

    creates: list[int] = field(default_factory=list)
    updates: dict[int, Values] = field(default_factory=dict)
    unchanged: dict[int, str] = field(default_factory=dict)
    merged: dict[int, str] = field(default_factory=dict)
    reached: set[str] = field(default_factory=set)  # the ids of those that a row matched

    @property
    def existing(self) -> dict[int, str]:
        """The ids of customers that are there already."""
        return {i: before["id"] for i, before in self.updates.items()} | self.unchanged


def among(queryset: Any, name: str, values: Sequence[str]) -> list[Any]:
    """The rows whose `name` is one of many values: asked for in parts, each of which an index answers."""
    rows: list[Any] = []
    for part in statements.in_parts(values):
        rows += queryset.filter(**{f"{name}__in": part})
    return rows
