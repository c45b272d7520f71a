"""From where to where a number may be: as Django's own validators say it, which forms, doors and the description read."""

from decimal import Decimal
from typing import Any

from django.core.validators import BaseValidator, MaxValueValidator, MinValueValidator
from django.db import models

from overplane.problems import Code

Number = int | Decimal


class Lowest(MinValueValidator):
    code = str(Code.PARAMETER_INVALID_RANGE)


class Highest(MaxValueValidator):
    code = str(Code.PARAMETER_INVALID_RANGE)


def _limits(validators: list[Any], kind: type[BaseValidator]) -> list[Number]:
    limits = (one.limit_value for one in validators if isinstance(one, kind))
    return [limit() if callable(limit) else limit for limit in limits]


def within(validators: list[Any], lowest: Number, highest: Number) -> list[Any]:
    """With what a column holds beside them, where they do not ask for less anyway."""
    added: list[Any] = []
    if not any(limit >= lowest for limit in _limits(validators, MinValueValidator)):
        added.append(Lowest(lowest))
    if not any(limit <= highest for limit in _limits(validators, MaxValueValidator)):
        added.append(Highest(highest))
    return [*validators, *added]


def bounds(field: models.Field) -> tuple[Number | None, Number | None]:
    """The lowest and the highest value that the field takes; None where there is none."""
    lowest, highest = _limits(field.validators, MinValueValidator), _limits(field.validators, MaxValueValidator)
    return max(lowest, default=None), min(highest, default=None)
