"""What may be wrong with the settings of a deployment, and with its migrations."""

from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from overplane.api.probes import pending_migrations
from overplane.checkups import Finding, note, register, register_of_machine

LOCAL = {"127.0.0.1", "localhost", "[::1]"}


def deployment() -> Iterator[Finding]:
    if settings.DEBUG:
        yield Finding("DEBUG is on: errors show settings and values to strangers", "Unset DEBUG")
    if "*" in settings.ALLOWED_HOSTS:
        yield Finding("ALLOWED_HOSTS lets any name in", "Name the hosts by which the service is called")
    is_public = bool(set(settings.ALLOWED_HOSTS) - LOCAL) or settings.OVERPLANE_MODE == "live"
    if is_public and not settings.IS_HTTPS:
        yield Finding("BASE_URL is not https: passwords and keys can be read on their way", "Set BASE_URL=https://…")
    if is_public and not settings.METRICS_TOKEN:
        yield note(
            "METRICS_TOKEN is not set, so only this machine can read /metrics", "Set it if Prometheus is elsewhere"
        )


def secret() -> Iterator[Finding]:
    path = Path(settings.DATA_DIR) / "secret_key"
    if path.exists() and path.stat().st_mode & 0o077:
        yield Finding(
            f"others may read {path}", f"chmod 600 {path}; if somebody may have, replace it (see docs/operations.md)"
        )


def migrations() -> Iterator[Finding]:
    if pending := pending_migrations():
        more = f" and {len(pending) - 1} more" if len(pending) > 1 else ""
        yield Finding(f"{pending[0]}{more} is not applied", "manage.py prepare, before the service is started")


register_of_machine("settings", deployment)
register_of_machine("secret key", secret)
register("migrations", migrations)
