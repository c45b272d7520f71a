"""Streamed answers. An error before the first part is answered like any other error."""

import errno
import logging
from collections.abc import Generator, Iterator

from django.db import DatabaseError, InterfaceError
from django.http import StreamingHttpResponse

from overplane import observability

log = logging.getLogger("overplane.api")


class StreamResponse(StreamingHttpResponse):
    """Makes the first part before the status is sent, so that an export that cannot begin is not a 200."""

    def __init__(self, parts: Generator[bytes, None, None], *, content_type: str) -> None:
        super().__init__(_Stream(next(parts, b""), parts), content_type=content_type)


class _Stream:
    """Ends the connection without the last chunk when a part cannot be made, so that no client takes it for complete."""

    def __init__(self, first: bytes, rest: Generator[bytes, None, None]) -> None:
        self.first, self.rest = first, rest
        self.request_id = observability.request_id.get()

    def __iter__(self) -> Iterator[bytes]:
        yield self.first
        try:
            yield from self.rest
        except Exception as failure:
            self._note(failure)
            # For the server this is a client that has gone: it ends the connection, and neither answers nor logs.
            raise ConnectionResetError(errno.ECONNRESET, "the answer was broken off") from failure

    def _note(self, failure: Exception) -> None:
        token = observability.request_id.set(self.request_id)
        try:
            foreseen = isinstance(failure, DatabaseError | InterfaceError)
            log.error("answer broken off: %s", failure, exc_info=None if foreseen else failure)
        finally:
            observability.request_id.reset(token)

    def close(self) -> None:
        self.rest.close()
