"""The change feed."""

from django.http import HttpRequest, HttpResponse

from overplane.api.events.descriptions import describe_events
from overplane.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from overplane.api.viewsets import ApiViewSet, JsonResponse
from overplane.events import feed, types
from overplane.events.feed import Choice
from overplane.problems import ObjectMissing


@describe_events()
class EventViewSet(ApiViewSet):
    def list(self, request: HttpRequest) -> HttpResponse:
        query = self.query()
        limit = query.integer("limit", default=DEFAULT_LIMIT, lowest=1, cap=MAX_LIMIT)
        after, names = query.take("after"), types.subject_parameters()
        query.exclusive(*names)
        subjects = [subject for name in names if (subject := query.text(name)) is not None]
        choice = Choice(query.names("types", types.known), next(iter(subjects), None), query.text("object_id"))
        query.finish(("after", "limit", "types", *names, "object_id"))
        page = feed.read(after, limit=limit, choice=choice)
        return JsonResponse({"data": page.events, "has_more": page.has_more, "next_cursor": page.next_cursor})

    def retrieve(self, request: HttpRequest, id: str) -> HttpResponse:
        event = feed.find(id)
        if event is None:
            raise ObjectMissing("event", id)
        self.no_query()
        return JsonResponse(event)
