"""By which columns a person sorts a list.

By one column with an index a list of any size is read in its order. By others, or by two, only what is known to be at
most `MOST_SORTED` rows is sorted; the page says so where there are more.
"""

from collections.abc import Sequence
from typing import NamedTuple

from django.db.models import CharField, F, Model, TextField
from django.db.models.expressions import OrderBy
from django.db.models.functions import Lower

from overplane.database.fields import field_of
from overplane.database.ordering import Order

MOST_SORTED = 10_000
MOST_COLUMNS = 2


class By(NamedTuple):
    name: str  # of the field
    descending: bool

    def __str__(self) -> str:
        return f"-{self.name}" if self.descending else self.name


def requested(text: str, sortable: Sequence[str]) -> list[By]:
    """Reads `-first.second`: descending by one column, then by another; what is no sortable column is left out."""
    parts = [By(part.lstrip("-"), part.startswith("-")) for part in text.split(".")[:MOST_COLUMNS]]
    return [by for by in parts if by.name in sortable]


def indexed(chosen: Sequence[By], names: Sequence[str]) -> Order | None:
    """The order, if an index has it."""
    if len(chosen) == 1 and chosen[0].name in names:
        return Order(*chosen[0])
    return None


def expressions(model: type[Model], chosen: Sequence[By]) -> list[OrderBy]:
    """What is empty comes last, and capitals do not matter; then by id, so that pages do not overlap."""
    return [
        _expression(model, by).desc(nulls_last=True) if by.descending else _expression(model, by).asc(nulls_last=True)
        for by in (*chosen, By("id", False))
    ]


def _expression(model: type[Model], by: By) -> F | Lower:
    return (
        Lower(by.name)
        if isinstance(field_of(model, by.name), CharField | TextField) and by.name != "id"
        else F(by.name)
    )


def clicked(chosen: Sequence[By], name: str) -> list[By]:
    """The order after a click on a heading: by this column first, the other way round if it was that already."""
    first = next((by for by in chosen if by.name == name), None)
    is_first = bool(chosen) and chosen[0].name == name
    again = By(name, not first.descending if first and is_first else bool(first and first.descending))
    return [again, *(by for by in chosen if by.name != name)][:MOST_COLUMNS]
