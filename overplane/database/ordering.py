"""The order of a list, and what comes after a position in it."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q


@dataclass(frozen=True, slots=True)
class Order:
    """A total order: by one field, then by id in the same direction."""

    field: str
    descending: bool

    def by(self, *, backwards: bool = False) -> list[str]:
        sign = "-" if self.descending != backwards else ""
        return [sign + self.field, sign + "id"]

    def beyond(self, value: Any, object_id: str, *, backwards: bool = False) -> Q:
        """What comes after this place. The first condition is one that an index range can start from."""
        side = "lt" if self.descending != backwards else "gt"
        return Q(**{f"{self.field}__{side}e": value}) & (
            Q(**{f"{self.field}__{side}": value}) | Q(**{f"id__{side}": object_id})
        )
