"""The service as the server calls it: Django's application, and a shorter way to the API.

Django sends two signals around each request. Theirs are the receivers that close old connections and forget queries,
for every database and every cache, in a sixth of the time that a small request takes. An API request has one database,
no cache and no file, so it does by hand what is left of it.
"""

from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler, get_path_info, get_script_name
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import set_script_prefix
from django.utils.log import log_response

from overplane.api.middleware import is_api
from overplane.database import older_schema, time_limits

FIRST_REFUSAL = 400


class Application(WSGIHandler):
    _middleware_chain: Callable[[HttpRequest], HttpResponse | StreamingHttpResponse]  # Django's; not in the stubs

    def __init__(self) -> None:
        time_limits.limit_requests()
        super().__init__()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # type: ignore[override]  # as WSGI has it
        older_schema.adapt()
        with time_limits.of_request():
            return self._answer(environ, start_response)

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if settings.DEBUG or not is_api(get_path_info(environ)):
            return super().__call__(environ, start_response)
        set_script_prefix(get_script_name(environ))
        connection.close_if_unusable_or_obsolete()
        request = self.request_class(environ)
        response = self._middleware_chain(request)
        if response.status_code >= FIRST_REFUSAL:
            log_response("%s: %s", response.reason_phrase, request.path, response=response, request=request)  # type: ignore[arg-type]  # streams too
        start_response(f"{response.status_code} {response.reason_phrase}", [*response.items()])
        if isinstance(response, StreamingHttpResponse):
            return response  # whose end is Django's: it reads the database until then
        connection.close_if_unusable_or_obsolete()
        return (response.content,)
