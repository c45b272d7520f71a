"""Who makes a change in the back office."""

from typing import cast

from django.http import HttpRequest

from overplane.observability import IdentifiedRequest
from overplane.origin import Origin

LONGEST = 100  # what the log keeps of an actor


def actor_of(request: HttpRequest) -> str:
    actor = f"user:{request.user.get_username()}"
    return actor if len(actor) <= LONGEST else f"user:{request.user.pk}"


def origin_of(request: HttpRequest) -> Origin:
    return Origin(actor_of(request), cast("IdentifiedRequest", request).request_id)
