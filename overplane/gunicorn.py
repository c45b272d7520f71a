"""gunicorn's configuration. The workers inherit the settings that are read here."""

import os
import resource
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from overplane import private_files, settings
from overplane.server import listening
from overplane.server.connections import LONGEST_REQUEST_LINE

os.umask(private_files.MASK)  # for the workers, too; a socket in the file system is gunicorn's `umask`
METRICS_PREFIX = "overplane-metrics-"
bind = settings.BIND
workers = settings.WEB_CONCURRENCY
worker_class = "overplane.server.worker.Worker"
logger_class = "overplane.server.log.Logger"
threads = settings.WEB_THREADS
# No more than the system lets a process have, beside its other files: the database, the log, what is sent.
other_files = 30 + 8 * threads
files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
worker_connections = 1000 if files == resource.RLIM_INFINITY else max(threads + 1, min(1000, files - other_files))
keepalive = 5
graceful_timeout = settings.GRACEFUL_SECONDS
limit_request_line = LONGEST_REQUEST_LINE
# Whoever could send these would choose the path that the application sees; no proxy of ours needs them.
forwarder_headers = ""
secure_scheme_headers: dict[
    str, str
] = {}  # by gunicorn's word a whole host is to be trusted; see overplane/addresses.py
control_socket_disable = True
if workers > 1:
    # The workers write their counts here, and whichever is asked adds them up. The variable must be there before the
    # Prometheus client is imported, so nothing that imports it may be imported here.
    if not settings.METRICS_DIR:
        settings.METRICS_DIR = tempfile.mkdtemp(prefix=METRICS_PREFIX)
    raw_env = [f"PROMETHEUS_MULTIPROC_DIR={settings.METRICS_DIR}"]


def when_ready(server: Any) -> None:
    server.stop = partial(listening.stop, server)


def on_exit(server: Any) -> None:
    """At the end of the whole service, not of one worker: the others need the directory, and its counts stay valid."""
    if Path(settings.METRICS_DIR).name.startswith(METRICS_PREFIX):
        shutil.rmtree(settings.METRICS_DIR, ignore_errors=True)
