"""The frame of imports and exports over HTTP: who may call them, waiting for news, and files as answers."""

import time
from collections.abc import Callable, Collection, Generator
from contextlib import closing
from typing import Any

from django.http import HttpResponse
from django.utils.http import content_disposition_header

from crm.api.import_words import as_in_the_api
from crm.transfer import runs
from overplane import waiting
from overplane.api import authentication
from overplane.api.errors import ApiError, error
from overplane.api.pagination import Page, link_header
from overplane.api.streams import StreamResponse
from overplane.api.viewsets import ApiViewSet, JsonResponse
from overplane.jobs import files
from overplane.jobs.models import JobFile
from overplane.problems import Code
from overplane.queries.parameters import Query

BYTES = "application/octet-stream"


class TransferViewSet(ApiViewSet):
    open_reads: Collection[str] | None = ()  # a file may hold whatever somebody sent, and an import changes everything
    needs_body = False

    def awaited(self, output: dict[str, Any], wait: int, read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """As it is once its status is another one, or so many seconds are over."""
        if not wait:
            return output
        began, status = time.perf_counter(), output["status"]
        with closing(waiting.pauses(wait, self.request.META.get("gunicorn.socket"))) as pauses:
            for _ in pauses:
                output = read()
                if output["status"] != status:
                    break
        self.request.waited = time.perf_counter() - began
        authentication.caller(self.request, reads=())  # the key may have been revoked meanwhile
        return output

    def page_of(
        self, query: Query, page: Page, objects: list[dict[str, Any]], *, total: int, has_more: bool
    ) -> HttpResponse:
        response = JsonResponse({"data": objects, "has_more": has_more, "total": total})
        ids = [one["id"] for one in objects]
        if links := link_header(self.request, query, page, ids, total=total, has_more=has_more):
            response["Link"] = links
        return response

    def attachment(self, parts: Generator[bytes, None, None], name: str, media_type: str) -> HttpResponse:
        """Never shown by a browser, whatever it holds: `nosniff` stands on every answer of the API."""
        response = StreamResponse(parts, content_type=media_type)
        response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or "attachment"
        return response  # type: ignore[return-value]  # a stream, as the export of customers is

    def content(self, stored: JobFile) -> Generator[bytes, None, None]:
        yield from files.parts(stored)


def wrong_state(refusal: runs.WrongState) -> ApiError:
    failure = error(409, Code.IMPORT_STATE, as_in_the_api(str(refusal)), Retry_After="1")
    failure.object_status = refusal.status
    return failure
