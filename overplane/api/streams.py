"""Streamed answers. An error before the first part is answered like any other error.

One occupies a thread for as long as its client reads, so at most half of a process's threads stream.
"""

import errno
import logging
import threading
from collections.abc import Generator, Iterator

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import StreamingHttpResponse

from overplane import log_lines
from overplane.api.errors import API, LATER, error
from overplane.database import replicas
from overplane.problems import Code

log = logging.getLogger("overplane.api")
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
        super().__init__(_Stream(first, parts), content_type=content_type)


class _Stream:
    """Ends the connection without the last chunk when a part cannot be made, so that no client takes it for complete."""

    def __init__(self, first: bytes, rest: Generator[bytes, None, None]) -> None:
        self.first, self.rest = first, rest
        self.in_place = replicas.held()  # the parts are made where the first one was
        self.request_id, self.is_open = log_lines.request_id.get(), True

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield self.first
            while (part := self._next()) is not None:
                yield part
        except Exception as failure:
            self._note(failure)
            # For the server this is a client that has gone: it ends the connection, and neither answers nor logs.
            raise ConnectionResetError(errno.ECONNRESET, "the answer was broken off") from failure
        finally:
            self._leave()

    def _next(self) -> bytes | None:
        with self.in_place():
            return next(self.rest, None)

    def _note(self, failure: Exception) -> None:
        token = log_lines.request_id.set(self.request_id)
        try:
            foreseen = isinstance(failure, DatabaseError | InterfaceError)
            log.error("answer broken off: %s", failure, exc_info=None if foreseen else failure)
        finally:
            log_lines.request_id.reset(token)

    def close(self) -> None:
        try:
            with self.in_place():
                self.rest.close()
        finally:  # closing may fail, where the database has gone meanwhile
            self._leave()

    def __del__(self) -> None:
        """For who neither reads nor closes it, as a test that looks at the status alone."""
        self._leave()

    def _leave(self) -> None:
        if self.is_open:
            self.is_open = False
            _free.release()
