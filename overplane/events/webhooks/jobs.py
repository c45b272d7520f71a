"""What the worker does for webhooks: it delivers, and deletes old deliveries."""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from overplane.events.webhooks import dispatching, purging
from overplane.jobs import kinds, loops
from overplane.jobs.kinds import Kind, Run


def purge_deliveries(run: Run) -> dict[str, int]:
    return {"count": purging.purge()}


# Its transactions are short ones of its own.
PURGING = Kind(
    "webhooks.purge_deliveries",
    purge_deliveries,
    _("Delete old deliveries of webhooks"),
    atomic=False,
    every=timedelta(days=1),
)
kinds.register(PURGING)
loops.register("webhooks", dispatching.run)
