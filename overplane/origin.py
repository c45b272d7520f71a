"""Who makes a change, and in which request. Every event records it."""

import getpass
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """Who makes a change (`api_key:…`, `user:…`, `import:…`) and in which request."""

    actor: str
    request_id: str | None = None
    idempotency_key: str | None = None


def shell_user() -> str:
    """Who runs a management command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"
