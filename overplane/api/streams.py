"""Answers that are sent while they are made. What goes wrong before the first part is an error like any other."""

import errno
import logging
from collections.abc import Generator, Iterator

from django.db import DatabaseError, InterfaceError
from django.http import StreamingHttpResponse

from overplane import observability

log = logging.getLogger("overplane.api")


class StreamResponse(StreamingHttpResponse):
    """Its first part is made before there is an answer, so that what cannot be begun is no 200."""

    def __init__(self, parts: Generator[bytes, None, None], *, content_type: str) -> None:
        super().__init__(_Stream(next(parts, b""), parts), content_type=content_type)


class _Stream:
    """Breaks off when a part cannot be made: the connection ends without the last chunk, which no client takes for whole."""

    def __init__(self, first: bytes, rest: Generator[bytes, None, None]) -> None:
        self.first, self.rest = first, rest
        self.request_id = observability.request_id.get()

    def __iter__(self) -> Iterator[bytes]:
        yield self.first
        try:
            yield from self.rest
        except Exception as failure:
            self._note(failure)
            # As if the client had gone: the server ends the connection and says no more, neither to it nor to the log.
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
