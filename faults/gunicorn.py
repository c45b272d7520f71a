"""The shipped configuration, and a planted fault in every web worker."""

from typing import Any

from faults import planted
from overplane.gunicorn import *  # noqa: F403


def post_worker_init(worker: Any) -> None:
    planted.install()
