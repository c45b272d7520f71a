"""The frame of every endpoint: authentication, allowance, safe retries, and errors in one envelope.

A concrete viewset parses with its serializer, calls a service and answers with a representation.
"""

from collections.abc import Callable, Collection
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from rest_framework.viewsets import ViewSet

from overplane.api import authentication, body, errors, etags, idempotency, keys, throttling, turns
from overplane.database import replicas
from overplane.database.encoding import dumps
from overplane.database.text import has_forbidden_characters
from overplane.database.troubles import twice_if_overtaken
from overplane.observability import IdentifiedRequest
from overplane.origin import Origin
from overplane.problems import Code, ObjectMissing
from overplane.queries.parameters import Query


class JsonResponse(HttpResponse):
    """`subjects`: whose values a stored copy of this answer would hold; None if one of them is deleted already.

    `sealed`: the same output without its secrets, as it is stored for a replay (see `ApiViewSet.opened`).
    """

    def __init__(
        self,
        output: Any,
        *,
        status: int = 200,
        version: int | None = None,
        subjects: Collection[str] | None = (),
        sealed: Any = None,
    ) -> None:
        super().__init__(dumps(output), status=status, content_type="application/json")
        self.subjects = subjects
        self.sealed = dumps(sealed) if sealed is not None else None
        if version is not None:
            self["ETag"] = etags.etag(version)


class ApiViewSet(ViewSet):
    """Of DRF's view set this uses the routing by action and what drf-spectacular reads; `dispatch` is our own.

    `body_limit`: bytes of a request body. `reads`: the methods that change nothing. `open_reads`: those of them that a key
    that may only read may call; None is all. `needs_body`: else no body at all is an empty object, for calls that mostly
    say nothing in it. `lists`: what it reads of more than one object may come from a replica.
    """

    body_limit = body.BODY_LIMIT
    reads = authentication.SAFE_METHODS
    open_reads: Collection[str] | None = None
    needs_body = True
    lists = True
    http_method_names = ("get", "head", "post", "put", "patch", "delete", "options")
    # DRF's defaults would be described; what callers must send is in `openapi.finish`.
    authentication_classes = ()
    permission_classes = ()
    caller: keys.Caller
    request: IdentifiedRequest  # type: ignore[assignment]  # Django's own: DRF's wrapper is not made

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.request, self.args, self.kwargs = cast("IdentifiedRequest", request), args, kwargs
        if request.method == "OPTIONS":
            return errors.no_content(", ".join(self.allowed_methods))
        self._payload: dict[str, Any] | None = None
        self._received: bytes | errors.ApiError | None = None
        self.idempotency_key: str | None = None
        headers: dict[str, str] = {}
        try:
            open_reads = self.reads if self.open_reads is None else self.open_reads
            self.caller = authentication.caller(request, reads=open_reads)
            self.request.actor = self.caller.actor
            headers = throttling.limit_key(self.caller.id)
            handler = self._handler((request.method or "").lower())
            if has_forbidden_characters(self.kwargs.get("id", "")):
                raise ObjectMissing("object", self.kwargs["id"])
            self.receive()
            if request.method in self.reads:
                response = self._read(request, handler)
            else:
                # Before its turn: a client that sends slowly holds nobody up.
                self._received = body.receive(request, self.body_limit)
                with replicas.writing(self.caller.family), turns.turn(self.kwargs.get("id", "")):
                    response = twice_if_overtaken(lambda: self._write(request, handler))
        except Exception as exception:  # noqa: BLE001 (every failure becomes the envelope here)
            response = errors.answer(errors.from_exception(exception), self.request.request_id)
        for name, value in headers.items():
            response.setdefault(name, value)
        return response

    def receive(self) -> None:
        """Reads what may take long, such as a file, before others have to wait for this request and before a transaction."""

    def _handler(self, method: str) -> Callable[..., HttpResponse]:
        handler = getattr(self, method, None) if method in self.http_method_names else None
        if handler is None:
            allowed = ", ".join(self.allowed_methods)
            message = f"{method.upper()} is not possible here, only {allowed}."
            raise errors.error(405, Code.METHOD_NOT_ALLOWED, message, Allow=allowed)
        return handler

    def _read(self, request: HttpRequest, handler: Callable[..., HttpResponse]) -> HttpResponse:
        """One object is asked of the primary: who has it may change it next, and others than its writer wait for it."""
        if not self.lists or "id" in self.kwargs:
            return handler(request, **self.kwargs)
        return replicas.read(lambda: handler(request, **self.kwargs), reader=self.caller.family)

    def _write(self, request: HttpRequest, handler: Callable[..., HttpResponse]) -> HttpResponse:
        """Once, if the request has a key."""
        method = request.method or ""
        if (key := idempotency.key_of(request)) is None:
            return handler(request, **self.kwargs)
        self.idempotency_key = key
        payload = self.payload if method != "DELETE" else {}
        fingerprint = idempotency.request_fingerprint(method, request.get_full_path(), payload)
        keyed = idempotency.KeyedRequest(self.caller.family, key, fingerprint)
        planned = self._planned(handler)
        if planned and keyed.run_in_one_trip(planned):
            return planned.response
        return keyed.run_once(lambda: handler(request, **self.kwargs), opened=self.opened)

    def _planned(self, handler: Callable[..., HttpResponse]) -> idempotency.Planned | None:
        """What the request comes to, if its action has a `planned_…` beside its handler that can say it.

        That one writes nothing and takes no lock. It is asked before anybody knows whether the key is new; so what is wrong
        with the request is left to the handler, which is not called if there is an answer to repeat.
        """
        plan = getattr(self, f"planned_{handler.__name__}", None)
        try:
            return plan(**self.kwargs) if plan else None
        except errors.FORESEEN:
            return None

    def opened(self, sealed: bytes) -> bytes | None:
        """A stored answer as it was first given; None if that can no longer be made."""
        return sealed

    @property
    def payload(self) -> dict[str, Any]:
        """The request's JSON object."""
        if self._payload is None and not self.needs_body and not body.is_there(self.request):
            self._payload = {}
        if self._payload is None:
            if self._received is None:  # what is wrong with it may be asked for twice, and it comes once
                self._received = body.receive(self.request, self.body_limit)
            self._payload = body.read_json(self.request, self._received)
        return self._payload

    @property
    def origin(self) -> Origin:
        return Origin(self.caller.actor, self.request.request_id, self.idempotency_key)

    @property
    def expected_versions(self) -> frozenset[int] | None:
        return etags.expected_versions(self.request)

    def query(self, *, repeated: Collection[str] = ()) -> Query:
        return Query(self.request.META.get("QUERY_STRING", ""), repeated=repeated)

    def no_query(self) -> None:
        """For calls that take no query parameters."""
        self.query().finish(())

    def read_values(self, parse: Callable[[dict[str, Any]], Any], exists: Callable[[], Any]) -> Any:
        """The parsed body of a PATCH. An object that is gone or changed is the more important news: `exists` raises it."""
        try:
            self.no_query()
            return parse(self.payload)
        except (ValidationError, errors.ApiError):
            exists()
            raise

    def output(self, output: Any, version: int, subject: str) -> HttpResponse:
        """One object with its ETag, or 304 if the caller has it already."""
        if etags.is_unchanged(self.request, version):
            response = HttpResponse(status=304)
            response["ETag"] = etags.etag(version)
            del response["Content-Type"]
            return response
        return JsonResponse(output, version=version, subjects=[subject])
