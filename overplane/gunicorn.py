"""gunicorn's configuration. Read before Django's settings exist: the one file beside settings.py that reads the environment."""

import atexit
import os
import shutil
import tempfile
from typing import Any

from prometheus_client import multiprocess

bind = os.environ.get("BIND") or f"127.0.0.1:{os.environ.get('PORT') or 8000}"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS") or 4)
keepalive = 5
graceful_timeout = 30
limit_request_line = 8190
control_socket_disable = True
if workers > 1 and "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    # The workers write their counts here, and whichever is asked adds them up.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="overplane-metrics-")
    atexit.register(shutil.rmtree, os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def child_exit(server: Any, worker: Any) -> None:
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(worker.pid)
