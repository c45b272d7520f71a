"""A pair of likely duplicates, as the worker would find it, and what became of it."""

from typing import Any

from crm.duplicates import following
from crm.models import DuplicatePair


def pair_of(*customer_ids: str) -> str:
    for one in customer_ids:
        following.compare_again(one)
    return DuplicatePair.objects.get().pk


def is_dismissed(world: Any) -> bool:
    return DuplicatePair.objects.get(pk=world.pair).state == "dismissed"
