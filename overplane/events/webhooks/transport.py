"""One POST to an endpoint: to an address that was judged, 15 seconds in all, without redirects, little of the answer.

The time of sockets is by read, so an answer that drips would last for ever. Therefore one thread looks at all requests
and ends the connections of those whose time is over.
"""

import logging
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.response import BaseHTTPResponse
from urllib3.util.connection import is_connection_dropped

from overplane import __version__
from overplane.database.text import clean
from overplane.events.webhooks import clock, guard, wording
from overplane.events.webhooks.guard import Target

# These four by the contract.
CONNECT_SECONDS, SECONDS = 5.0, 15.0
READ_BYTES, EXCERPT = 20_000, 500
WATCH_SECONDS = 0.25  # a request lasts at most so much longer
IDLE_SECONDS = 30.0  # shorter than servers keep a connection that nobody uses (60 to 75 s)
ERROR_LENGTH = 255
log = logging.getLogger("overplane.webhooks")


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What came of an attempt. `retry_after`: seconds. `excerpt`: of a failed one's answer."""

    at: datetime
    milliseconds: int
    status_code: int | None = None
    error: str = ""
    excerpt: str = ""
    retry_after: float | None = None

    @property
    def is_success(self) -> bool:
        return not self.error


class _Pinned(HTTPConnection):
    """Connects to the address that it is given; the name stays for Host, SNI and the certificate."""

    address = ""
    # The TLS layer takes the socket away from urllib3's hands while it greets; through this copy it can be ended then, too.
    handle: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        try:
            sock = socket.create_connection((self.address, self.port), CONNECT_SECONDS)
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.handle = sock.dup()
        return sock

    def cut(self) -> None:
        if self.handle:
            try:
                self.handle.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other side was faster

    def close(self) -> None:
        super().close()
        if self.handle:
            self.handle.close()
            self.handle = None


class _PinnedTls(_Pinned, HTTPSConnection):
    pass


@dataclass(slots=True, eq=False)
class _Request:
    """An attempt under way."""

    until: float
    connection: _Pinned | None = None
    is_cut: bool = False
    is_left: bool = False  # cut because the lease was over, which says nothing of the endpoint

    def cut(self, until: float = float("inf")) -> None:
        """`until`: the end of the lease, if that may be why."""
        if not self.is_cut:  # the first reason stays: the lease may have been renewed since
            self.is_left, self.is_cut = until < self.until, True
        if self.connection:
            self.connection.cut()


Key = tuple[str, str, int, str]


@dataclass(slots=True)
class Sender:
    """Sends from any thread. `until`: moment of `time.monotonic()` after which nothing may be under way."""

    resolver: guard.Resolver = guard.resolve
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    until: float = float("inf")
    _requests: set[_Request] = field(default_factory=set)
    _idle: dict[Key, list[tuple[float, _Pinned]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        threading.Thread(target=self._watch, name="webhooks-watch", daemon=True).start()

    def close(self) -> None:
        """Ends what is under way, too: a process can only end when its threads have."""
        self._ended.set()
        with self._lock:
            requests, idle = list(self._requests), [one for several in self._idle.values() for one in several]
            self._idle = {}
        for request in requests:
            request.cut()
        for _, connection in idle:
            connection.close()

    def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> AttemptResult:
        """`LEFT` if it had to end with the lease."""
        at, started = clock.now(), time.monotonic()
        request = _Request(started + SECONDS)
        with self._lock:
            self._requests.add(request)
        try:
            status, answer, retry_after = self._exchange(request, url, body, headers)
        except guard.Refused as refusal:
            return self._failed(at, started, wording.REFUSED % {"why": refusal})
        except (OSError, HTTPError, HTTPException, ValueError) as error:
            return LEFT if request.is_left else self._failed(at, started, _reason(error, is_cut=request.is_cut))
        finally:
            with self._lock:
                self._requests.discard(request)
        if request.is_cut:
            return LEFT if request.is_left else self._failed(at, started, TIMEOUT)
        spent = round((time.monotonic() - started) * 1000)
        if 200 <= status < 300:
            return AttemptResult(at, spent, status)
        answered = wording.REDIRECT % {"status": status} if 300 <= status < 400 else f"HTTP {status}"
        return AttemptResult(at, spent, status, answered, _excerpt(answer), retry_after)

    @staticmethod
    def _failed(at: datetime, started: float, error: str) -> AttemptResult:
        return AttemptResult(at, round((time.monotonic() - started) * 1000), error=clean(error)[:ERROR_LENGTH])

    def _exchange(
        self, request: _Request, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes, float | None]:
        goal = guard.target(url)
        address = guard.address_of(goal, self.resolver)
        key = (goal.scheme, goal.host, goal.port, address)
        connection = self._take_idle(key)
        if connection is not None:
            try:
                return self._post(request, connection, (key, goal.path), (body, headers))
            except (OSError, HTTPError, HTTPException):
                # The server had ended it, for it was idle; that says nothing of the endpoint.
                if request.is_cut:
                    raise
        return self._post(request, self._connection(goal, address), (key, goal.path), (body, headers))

    def _connection(self, goal: Target, address: str) -> _Pinned:
        connection: _Pinned
        if goal.scheme == "https":
            connection = _PinnedTls(goal.host, goal.port, timeout=SECONDS, ssl_context=self.tls)
        else:
            connection = _Pinned(goal.host, goal.port, timeout=SECONDS)
        connection.address = address
        return connection

    def _post(
        self, request: _Request, connection: _Pinned, where: tuple[Key, str], what: tuple[bytes, Mapping[str, str]]
    ) -> tuple[int, bytes, float | None]:
        (key, path), (body, headers) = where, what
        request.connection = connection
        is_reusable = False
        try:
            self._judge_time(request)
            if connection.sock is None:
                connection.connect()
                self._judge_time(request)
            connection.request("POST", path, body=body, headers=FIXED | dict(headers), preload_content=False)
            response = connection.getresponse()
            answer = _beginning(response)
            is_reusable = len(answer) < READ_BYTES and connection.sock is not None and not request.is_cut
            return response.status, answer, _retry_after(response)
        finally:
            request.connection = None
            if is_reusable and not self._ended.is_set():
                with self._lock:
                    self._idle.setdefault(key, []).append((time.monotonic(), connection))
            else:
                connection.close()

    def _judge_time(self, request: _Request) -> None:
        """Looking up a name and connecting take their time: whoever lost the lease meanwhile may send nothing."""
        if request.is_cut or time.monotonic() >= min(request.until, self.until):
            request.cut(self.until)
            raise TimeoutError

    def _take_idle(self, key: Key) -> _Pinned | None:
        while True:
            with self._lock:
                idle = self._idle.get(key)
                if not idle:
                    return None
                _, connection = idle.pop()
            if not is_connection_dropped(connection):
                return connection
            connection.close()

    def _watch(self) -> None:
        while not self._ended.wait(WATCH_SECONDS):
            now = time.monotonic()
            with self._lock:
                overdue = [one for one in self._requests if now >= min(one.until, self.until)]
                old = [one for idle in self._idle.values() for one in idle if now - one[0] > IDLE_SECONDS]
                remaining = {key: [one for one in idle if one not in old] for key, idle in self._idle.items()}
                self._idle = {key: idle for key, idle in remaining.items() if idle}
            for request in overdue:
                request.cut(self.until)
            for _, connection in old:
                connection.close()


FIXED = {"content-type": "application/json", "user-agent": f"Overplane-Webhooks/{__version__}"}
TIMEOUT = wording.NO_ANSWER % {"seconds": round(SECONDS)}
# No attempt: whoever has the lease next sends it, perhaps once more.
LEFT = AttemptResult(datetime.min.replace(tzinfo=UTC), 0, error="left")


def _reason(error: Exception, *, is_cut: bool) -> str:
    """In the system's words for what went wrong; what was answered is not quoted."""
    cause = error.__cause__
    if is_cut or isinstance(error, TimeoutError):
        return TIMEOUT
    if isinstance(error, socket.gaierror):
        return wording.NO_NAME % {"why": error.strerror}
    if isinstance(error, ssl.SSLCertVerificationError):
        return wording.CERTIFICATE % {"why": error.verify_message}
    if isinstance(error, ssl.SSLError):
        return wording.TLS % {"why": getattr(error, "reason", None) or type(error).__name__}
    if isinstance(cause, TimeoutError):
        return wording.NOT_REACHED % {"seconds": round(CONNECT_SECONDS)}
    if isinstance(error, NewConnectionError):
        return wording.NO_CONNECTION % {"why": _words(cause or error)}
    if isinstance(error, OSError):
        return wording.BROKEN % {"why": _words(error)}
    return wording.NO_HTTP % {"why": type(cause or error).__name__}


def _words(error: BaseException) -> str:
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__


def _beginning(response: BaseHTTPResponse) -> bytes:
    """By `read1`, which takes what is there: `read` believes a chunk that says it is -1 long and reads on without end."""
    answer = b""
    while len(answer) < READ_BYTES and (part := response.read1(READ_BYTES - len(answer), decode_content=False)):
        answer += part
    return answer


def _excerpt(answer: bytes) -> str:
    return clean(answer[: 4 * EXCERPT].decode(errors="replace"))[:EXCERPT]


def _retry_after(response: BaseHTTPResponse) -> float | None:
    """Seconds; the header has them, or a moment."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max((parsedate_to_datetime(text) - clock.now()).total_seconds(), 0.0) if text else None
    except (ValueError, TypeError, OverflowError):
        return None
