"""Who delivers: an endpoint is held by one worker at a time, for ten seconds, by the database's clock.

A worker says every three seconds that it goes on. One that could not say so ends what it sends before its lease ends,
and then another takes over.
"""

from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from overplane.database import leases
from overplane.events.webhooks.models import Endpoint

# Whose worker is gone is sent to by another one after ten seconds; two renewals may fail before that.
LEASE = timedelta(seconds=10)
RENEW_SECONDS = 3.0
# Before its end a holder stops: for a clock that is not exact, and a thread that is late.
MARGIN_SECONDS = 1.0


def hold(holder: str) -> bool:
    """Renews what this holder has and takes what nobody holds. False: not all that it has was renewed.

    A row that somebody changes just now is left out: nobody else can take it meanwhile, but afterwards, if its lease ended.
    """
    free = Q(holder=holder) | leases.is_over("held_until", LEASE)
    with transaction.atomic():
        rows = Endpoint.objects.filter(free).order_by("id").select_for_update(skip_locked=True, no_key=True)
        ids = list(rows.values_list("pk", flat=True))
        if ids:
            Endpoint.objects.filter(pk__in=ids).update(holder=holder, held_until=Now() + LEASE)
    return not Endpoint.objects.filter(holder=holder).exclude(pk__in=ids).exists()


def release(holder: str) -> None:
    """Another may take over at once."""
    Endpoint.objects.filter(holder=holder).update(holder="", held_until=None)
