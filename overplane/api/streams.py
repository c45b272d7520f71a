"""Streamed answers. An error before the first part is answered like any other error. A later one breaks the connection off,
and is told by the envelope as the last one of JSON lines.

One occupies a thread for as long as its client reads, so at most half of a process's threads stream.
"""

import errno
import logging
import threading
from collections.abc import Generator, Iterator

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import StreamingHttpResponse

from overplane import ending, log_lines
from overplane.api import errors
from overplane.api.errors import API, LATER, ApiError, error
from overplane.database import replicas
from overplane.database.encoding import dumps
from overplane.problems import Code

log = logging.getLogger("overplane.api")
JSON_LINES = "application/x-ndjson"
_free = threading.BoundedSemaphore(max(1, settings.WEB_THREADS // 2))


class StreamResponse(StreamingHttpResponse):
    """Makes the first part before the status is sent, so that an export that cannot begin is not a 200."""

    def __init__(self, parts: Generator[bytes, None, None], *, content_type: str) -> None:
        if not _free.acquire(blocking=False):
            message = "Too many answers of this kind are being sent just now. Send the same request again."
            raise error(503, Code.UNAVAILABLE, message, type_=API, Retry_After=LATER)
        try:
            first = next(parts, b"")
        except BaseException:
            _free.release()
            raise
        super().__init__(_Stream(first, parts, by_line=content_type == JSON_LINES), content_type=content_type)


class _Stream:
    """Ends the connection without the last chunk when a part cannot be made, so that no client takes it for complete.

    `by_line`: parts are whole lines of JSON, and so can be told what went wrong.
    """

    def __init__(self, first: bytes, rest: Generator[bytes, None, None], *, by_line: bool) -> None:
        self.first, self.rest, self.by_line = first, rest, by_line
        self.reads = replicas.held()  # the parts are made where the first one was
        self.request_id, self.is_open = log_lines.request_id.get(), True

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield self.first
            while (part := self._next()) is not None:
                if ending.must_streams_end():
                    raise _stops()
                yield part
        except Exception as failure:
            self._note(failure)
            if self.by_line:
                yield dumps(errors.envelope(_api_error(failure), self.request_id)) + b"\n"
            # For the server this is a client that has gone: it ends the connection, and neither answers nor logs.
            raise ConnectionResetError(errno.ECONNRESET, "the answer was broken off") from failure
        finally:
            self._leave()

    def _next(self) -> bytes | None:
        with self.reads():
            return next(self.rest, None)

    def _note(self, failure: Exception) -> None:
        token = log_lines.request_id.set(self.request_id)
        try:
            foreseen = isinstance(failure, DatabaseError | InterfaceError | ApiError)
            log.error("answer broken off: %s", failure, exc_info=None if foreseen else failure)
        finally:
            log_lines.request_id.reset(token)

    def close(self) -> None:
        try:
            with self.reads():
                self.rest.close()
        finally:  # closing may fail, where the database has gone meanwhile
            self._leave()

    def __del__(self) -> None:
        """Gives the place back if nobody reads or closes the stream, as a test does that looks at the status alone."""
        self._leave()

    def _leave(self) -> None:
        if self.is_open:
            self.is_open = False
            _free.release()


def _stops() -> ApiError:
    message = "The service is being started anew, and this answer takes too long. Send the same request again."
    return error(503, Code.UNAVAILABLE, message, type_=API)


def _api_error(failure: Exception) -> ApiError:
    if isinstance(failure, ApiError):
        return failure
    message = "This answer breaks off here, and is not whole. Send the same request again."
    foreseen = isinstance(failure, DatabaseError | InterfaceError)
    return error(503, Code.UNAVAILABLE if foreseen else Code.INTERNAL_ERROR, message, type_=API)
