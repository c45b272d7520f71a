"""The routes of webhook endpoints and their deliveries: parse, call a service, show. For full keys only."""

import re
from collections.abc import Collection, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse

from overplane.api.pagination import PARAMETERS, Page, link_header
from overplane.api.viewsets import ApiViewSet, JsonResponse
from overplane.api.webhooks import bodies
from overplane.api.webhooks.descriptions import (
    describe_deliveries,
    describe_endpoints,
    describe_ping,
    describe_replay,
    describe_resend,
    describe_roll,
)
from overplane.api.webhooks.listing import part
from overplane.events.webhooks import output, secret, services
from overplane.events.webhooks.models import Delivery, DeliveryStatus, Endpoint, key_of
from overplane.queries.parameters import Query

ENDPOINT_ID = re.compile(rf"{services.PREFIX}_[0-9a-v]{{26}}")
SEALED = re.compile(rb'"secret":"(' + secret.SEAL.encode() + rb':[^"]+)"')


class WebhookViewSet(ApiViewSet):
    open_reads: Collection[str] | None = ()  # an endpoint's URL may have a password in its path, and gets all values
    needs_body = False
    lists = False  # what is listed the worker has written

    def opened(self, sealed: bytes) -> bytes | None:
        """A secret is not stored: it is made once more for whoever did not get the answer."""
        match = SEALED.search(sealed)
        if match is None:
            return sealed
        opened = secret.opened(match[1].decode())
        return None if opened is None else sealed.replace(match[1], opened.encode())

    def page_of(self, query: Query, page: Page, objects: Sequence[dict[str, Any]], **more: Any) -> HttpResponse:
        """The answer of a list, with the `Link` to its neighbours. `more`: its `total`, and whether it `has_more`."""
        response = JsonResponse({"data": objects, "has_more": more["has_more"], "total": more["total"]})
        if links := link_header(self.request, query, page, [one["id"] for one in objects], **more):
            response["Link"] = links
        return response

    def created(self, collection: str, representation: dict[str, Any], **more: Any) -> HttpResponse:
        response = JsonResponse(representation, status=201, **more)
        response["Location"] = f"{collection}/{representation['id']}"
        return response


@describe_endpoints()
class EndpointViewSet(WebhookViewSet):
    def list(self, request: HttpRequest) -> HttpResponse:
        query = self.query()
        page = Page.requested(query)
        query.finish(PARAMETERS)
        if page.cursor is not None and not ENDPOINT_ID.fullmatch(page.cursor):
            raise page.missing_cursor()
        page_slice = part(page, Endpoint.objects.all(), page.cursor)
        return self.page_of(
            query, page, output.endpoints(page_slice.rows), total=Endpoint.objects.count(), has_more=page_slice.has_more
        )

    def create(self, request: HttpRequest) -> HttpResponse:
        self.no_query()
        values, start_at = bodies.parse_new(self.payload)
        endpoint, new_secret = services.create_endpoint(values, start_at=start_at)
        representation = output.endpoint(endpoint, secret=new_secret)
        return self.created(
            request.path.rstrip("/"), representation, sealed=representation | {"secret": secret.sealed(endpoint)}
        )

    def retrieve(self, request: HttpRequest, id: str) -> HttpResponse:
        endpoint = services.find(id)
        self.no_query()
        return JsonResponse(output.endpoint(endpoint))

    def partial_update(self, request: HttpRequest, id: str) -> HttpResponse:
        values = self.read_values(bodies.parse_change, lambda: services.find(id))
        return JsonResponse(output.endpoint(services.update_endpoint(id, values)))

    def destroy(self, request: HttpRequest, id: str) -> HttpResponse:
        self.no_query()
        services.delete_endpoint(id)
        return JsonResponse({"id": id, "deleted": True})


@describe_ping()
class PingViewSet(WebhookViewSet):
    def create(self, request: HttpRequest, id: str) -> HttpResponse:
        self.read_values(bodies.parse_nothing, lambda: services.find(id))
        return self.created(_deliveries_of(request), output.delivery(services.ping(id)))


@describe_roll()
class SecretRollViewSet(WebhookViewSet):
    def create(self, request: HttpRequest, id: str) -> HttpResponse:
        self.read_values(bodies.parse_nothing, lambda: services.find(id))
        endpoint, new_secret = services.roll_secret(id)
        representation = output.endpoint(endpoint, secret=new_secret)
        return JsonResponse(representation, sealed=representation | {"secret": secret.sealed(endpoint)})


@describe_replay()
class ReplayViewSet(WebhookViewSet):
    def create(self, request: HttpRequest, id: str) -> HttpResponse:
        options = self.read_values(bodies.parse_replay, lambda: services.find(id))
        return JsonResponse({"id": id, "deliveries": services.replay(id, **options._asdict())})


@describe_deliveries()
class DeliveryViewSet(WebhookViewSet):
    def list(self, request: HttpRequest, id: str) -> HttpResponse:
        endpoint, query = services.find(id), self.query()
        page = Page.requested(query)
        statuses = query.names("status", DeliveryStatus.values)
        query.finish((*PARAMETERS, "status"))
        cursor_key = key_of(page.cursor) if page.cursor is not None else None
        if page.cursor is not None and cursor_key is None:
            raise page.missing_cursor()
        chosen = Delivery.objects.filter(endpoint=endpoint)
        if statuses is not None:
            chosen = chosen.filter(status__in=statuses)
        page_slice = part(page, chosen, cursor_key)
        listed = [output.delivery(one) for one in page_slice.rows]
        return self.page_of(query, page, listed, total=chosen.count(), has_more=page_slice.has_more)

    def retrieve(self, request: HttpRequest, id: str, delivery_id: str) -> HttpResponse:
        delivery = services.find_delivery(id, delivery_id)
        self.no_query()
        return JsonResponse(output.delivery_with_attempts(delivery))


@describe_resend()
class ResendViewSet(WebhookViewSet):
    def create(self, request: HttpRequest, id: str, delivery_id: str) -> HttpResponse:
        self.read_values(bodies.parse_nothing, lambda: services.find_delivery(id, delivery_id))
        return self.created(_deliveries_of(request), output.delivery(services.resend(id, delivery_id)))


def _deliveries_of(request: HttpRequest) -> str:
    """The address of the endpoint's deliveries, of a call to the endpoint or to one of them."""
    return request.path.partition("/ping")[0].partition("/delivery")[0] + "/delivery"
