"""The change feed."""

from django.http import HttpRequest, HttpResponse

from overplane.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from overplane.api.viewsets import ApiViewSet, JsonResponse
from overplane.events import feed, types
from overplane.events.descriptions import describe_events


@describe_events()
class EventViewSet(ApiViewSet):
    def list(self, request: HttpRequest) -> HttpResponse:
        query = self.query()
        limit = query.integer("limit", default=DEFAULT_LIMIT, lowest=1, cap=MAX_LIMIT)
        chosen = query.names("types", types.known)
        after = query.take("after")
        query.finish(("after", "limit", "types"))
        page = feed.read(after, limit=limit, types=chosen)
        return JsonResponse({"data": page.events, "has_more": page.has_more, "next_cursor": page.next_cursor})
