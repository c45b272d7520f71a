"""The change feed."""

import time
from collections.abc import Callable
from contextlib import closing

from django.http import HttpRequest, HttpResponse

from overplane import waiting
from overplane.api import authentication
from overplane.api.events.descriptions import describe_events
from overplane.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from overplane.api.viewsets import ApiViewSet, JsonResponse
from overplane.events import feed, types
from overplane.events.feed import Choice, Feed
from overplane.problems import Code, ObjectMissing


@describe_events()
class EventViewSet(ApiViewSet):
    lists = False  # who waits for an event waits for the primary's

    def list(self, request: HttpRequest) -> HttpResponse:
        query = self.query()
        limit = query.integer("limit", default=DEFAULT_LIMIT, lowest=1, cap=MAX_LIMIT)
        after, names = query.take("after"), types.subject_parameters()
        query.exclusive(*names)
        subjects = [subject for name in names if (subject := query.text(name)) is not None]
        choice = Choice(query.names("types", types.known), next(iter(subjects), None), query.text("object_id"))
        wait = query.integer("wait", default=0, lowest=0, highest=waiting.LONGEST)
        if wait and after is None:
            query.fail("after", Code.PARAMETER_MISSING, "Say with `after` from where on to wait: a cursor, or start.")
        query.finish(("after", "wait", "limit", "types", *names, "object_id"))
        page = feed.read(after, limit=limit, choice=choice)
        if wait and not page.events:
            page = self._awaited(page, wait, lambda cursor: feed.read(cursor, limit=limit, choice=choice))
        return JsonResponse({"data": page.events, "has_more": page.has_more, "next_cursor": page.next_cursor})

    def _awaited(self, page: Feed, wait: int, read: Callable[[str], Feed]) -> Feed:
        """The first page with events from `page` on, or an empty one that has the last cursor."""
        began = time.perf_counter()
        with closing(waiting.pauses(wait, self.request.META.get("gunicorn.socket"))) as pauses:
            for _ in pauses:
                page = read(page.next_cursor)
                if page.events:
                    break
        self.request.waited = time.perf_counter() - began
        authentication.caller(self.request)  # the key may have been revoked meanwhile
        return page

    def retrieve(self, request: HttpRequest, id: str) -> HttpResponse:
        event = feed.find(id)
        if event is None:
            raise ObjectMissing("event", id)
        self.no_query()
        return JsonResponse(event)
