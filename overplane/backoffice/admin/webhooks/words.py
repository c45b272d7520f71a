"""What the pages say of endpoints and deliveries, in the reader's language."""

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from overplane.backoffice.event_words import words
from overplane.events.webhooks import lag
from overplane.events.webhooks.models import Delivery, DeliveryStatus, Endpoint

STATES = {"delivering": _("delivering"), "failing": _("failing"), "disabled": _("disabled")}
LOOKS = {
    DeliveryStatus.PENDING: "queued",
    DeliveryStatus.SUCCEEDED: "done",
    DeliveryStatus.FAILED: "failed",
    DeliveryStatus.ABANDONED: "cancelled",
}
UNITS = ((86_400, _("%d d")), (3_600, _("%d h")), (60, _("%d min")), (1, _("%d s")))


def state_mark(endpoint: Endpoint) -> SafeString:
    state = lag.state(endpoint)
    # Red is what the service gave up by itself; who disables an endpoint by hand knows.
    look = {"delivering": "active", "failing": "frozen"}.get(
        state, "failed" if endpoint.disabled_reason else "disabled"
    )
    return format_html('<span class="status bo-{}">{}</span>', look, STATES[state])


def lag_text(lag_seconds: float) -> str:
    """In the largest unit that it fills."""
    seconds = round(lag_seconds)
    unit, text = next(((size, text) for size, text in UNITS if seconds >= size), (0, ""))
    return str(text) % (seconds // unit) if unit else gettext("none")


def kinds_text(endpoint: Endpoint, most: int = 2) -> str:
    """The first types of events; what is left is counted."""
    if not endpoint.event_types:
        return gettext("all")
    listed = ", ".join(str(words(one).alone) for one in endpoint.event_types[:most])
    left = len(endpoint.event_types) - most
    return f"{listed} " + ngettext("and %d more", "and %d more", left) % left if left > 0 else listed


def status_mark(delivery: Delivery) -> SafeString:
    status = DeliveryStatus(delivery.status)
    return format_html('<span class="status bo-{}">{}</span>', LOOKS[status], status.label)
