"""How the service writes its log: one JSON object a line, whatever a client has sent.

gunicorn's first process writes so, too, so nothing that counts may be imported here (see gunicorn.py).
"""

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
# In a request's environment: its id, the pattern of its route, and who asks, as far as the application came to know them.
OF_REQUEST = "overplane.request"

# PostgreSQL adds to its errors the row, or the line of COPY, that it refuses: values, which no log may hold.
ROW = re.compile(r"\n(?:DETAIL|CONTEXT):.*?(?=\n\n(?:The above exception|During handling)|\Z)", re.DOTALL)


class JsonLines(logging.Formatter):
    """One JSON object a line, with the id of the request that caused it. JSON writes every control character as an escape."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = ROW.sub("", self.formatException(record.exc_info))
        return json.dumps({key: value for key, value in line.items() if value is not None}, ensure_ascii=True)
