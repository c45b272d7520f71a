"""Leases: somebody has something until a moment, by the database's clock, which all processes share."""

from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now


def is_over(field: str, length: timedelta) -> Q:
    """Nobody has it. No lease is as long as two: where one is, the clock was ahead, and has been set back since."""
    return Q((field, None)) | Q((f"{field}__lt", Now())) | Q((f"{field}__gt", Now() + 2 * length))
