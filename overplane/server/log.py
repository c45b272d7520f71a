"""gunicorn's log in the service's own lines, and one line for each request.

A line names the route's pattern and never the path or the query, which hold what people search for.
"""

import logging
from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any

from gunicorn import glogging

from overplane import settings
from overplane.log_lines import OF_REQUEST, JsonLines

LONGEST_METHOD = 20  # gunicorn takes any word for a method


class Logger(glogging.Logger):
    def _set_handler(self, log: logging.Logger, output: Any, fmt: logging.Formatter, stream: Any = None) -> None:
        super()._set_handler(log, output, JsonLines(), stream)  # type: ignore[misc]  # gunicorn's hook; not in the stubs

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        if settings.ACCESS_LOG:
            self._set_handler(self.access_log, "-", JsonLines())  # to standard error, as all of it

    def _compute_access_log_enabled(self) -> bool:
        return settings.ACCESS_LOG

    def access(self, resp: Any, req: Any, environ: MutableMapping[str, Any], request_time: timedelta) -> None:
        if not settings.ACCESS_LOG:
            return
        request_id, route, actor = environ.get(OF_REQUEST, (None, None, None))
        fields = {
            "request_id": request_id,
            "actor": actor,
            "method": req.method[:LONGEST_METHOD],
            "route": route,
            "status": resp.status_code,
            "ms": round(request_time / timedelta(milliseconds=1), 1),
            "bytes": resp.sent,
        }
        self.access_log.info("request", extra={"fields": fields})
