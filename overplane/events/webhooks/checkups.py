"""Whether webhooks go out."""

from collections.abc import Iterator

from overplane.checkups import Finding, note, register
from overplane.events.webhooks import clock, lag, secret
from overplane.events.webhooks.models import Endpoint

LATE = 60.0  # seconds, as docs/operations.md says of the alert


def webhooks() -> Iterator[Finding]:
    endpoints, now = list(Endpoint.objects.all()), clock.now()
    lags = lag.seconds_of(endpoints)
    for one in endpoints:
        if secret.is_lost(one, now):
            yield Finding(
                f"no SECRET_KEY opens the secret of {one.id}: nothing is delivered to it",
                "Put the former key into SECRET_KEY_FALLBACKS, or roll the secret",
            )
        if not one.is_enabled:
            yield note(
                f"{one.id} is disabled: {one.disabled_reason}", "Enable it when its receiver works, or delete it"
            )
        elif one.held_until is None or one.held_until < now:
            yield Finding(f"no worker delivers to {one.id}", "Start manage.py run_worker")
        elif lags[one.pk] > LATE and not one.failing_since:
            yield note(
                f"{one.id} is {lags[one.pk]:.0f} s behind", "Start another manage.py run_worker, or see its deliveries"
            )
        elif one.failing_since:
            yield note(f"{one.id} fails since {one.failing_since:%Y-%m-%d %H:%M} UTC", "See its deliveries")


register("webhooks", webhooks)
