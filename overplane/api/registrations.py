"""What the platform is told of the API: how stored answers are erased, and what keys are called in the log."""

from collections.abc import Sequence

from overplane.api import idempotency
from overplane.api.models import ApiKey
from overplane.database import erasure
from overplane.events import types


def names_of_keys(ids: Sequence[str]) -> dict[str, str]:
    return dict(ApiKey.objects.filter(pk__in=ids).values_list("pk", "name"))


def keys_named(name: str) -> Sequence[str]:
    return list(ApiKey.objects.filter(name=name).values_list("pk", flat=True))


erasure.register("stored answers", idempotency.erase_answers)
types.names["api_key"] = types.Names(names_of_keys, keys_named)
