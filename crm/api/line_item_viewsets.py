"""The routes of line items, the same for every kind: parse, call a service, show."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from crm import line_item_services, representation
from crm.api.line_item_descriptions import describe_line_items, describe_order
from crm.api.listing import ListPage, existing, linked
from crm.api.serializers import parse_changes, parse_new, parse_order
from crm.filters import LINE_ITEM_FILTERS
from crm.line_item_plans import existing_line_items
from crm.line_items import PARENT, POSITION, LineItem
from crm.locking import check_version, missing_customer
from crm.models import CUSTOMERS
from overplane.api.errors import bad_request
from overplane.api.pagination import PARAMETERS, Page, Slice
from overplane.api.viewsets import ApiViewSet, JsonResponse
from overplane.database.ordering import Order
from overplane.problems import Code
from overplane.queries import filters
from overplane.queries.parameters import Query

BY_POSITION = Order(POSITION, descending=False)
ALL = 10**9  # a limit beyond any list
MESSAGE = 300  # characters: what is sent may be very long
COLLECTION: dict[str, Any] = {"get": "list", "post": "create"}
OBJECT: dict[str, Any] = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
REORDER: dict[str, Any] = {"post": "create", "put": "update", "patch": "partial_update"}


def routes(kind: LineItem) -> list[URLPattern]:
    """The documented routes of one kind."""
    base = f"api/crm/{kind.id_prefix}"
    attributes = {"kind": kind}
    of_items: Any = describe_line_items(kind)(type(f"{kind.schema}ViewSet", (LineItemViewSet,), attributes))
    of_order: Any = describe_order(kind)(type(f"{kind.schema}OrderViewSet", (LineItemOrderViewSet,), attributes))
    return [
        path(base, of_items.as_view(COLLECTION), name=f"{kind.id_prefix}-list"),
        path(f"{base}/reorder", of_order.as_view(REORDER), name=f"{kind.id_prefix}-reorder"),
        path(f"{base}/<str:id>", of_items.as_view(OBJECT), name=f"{kind.id_prefix}-detail"),
    ]


class LineItemViewSet(ApiViewSet):
    kind: LineItem

    def retrieve(self, request: HttpRequest, id: str) -> HttpResponse:
        values = self._existing(id)
        self.no_query()
        return self.output(representation.line_item(self.kind, values), values["version"], values[PARENT])

    def list(self, request: HttpRequest) -> HttpResponse:
        query = self.query()
        parent = query.take("parent_id")
        page = Page.requested(query, default_limit=0)
        known = LINE_ITEM_FILTERS[self.kind.name]
        rows = filters.apply(known, self.kind.model._default_manager.filter(customer_id=parent or ""), query)
        if not parent:
            query.fail("parent_id", Code.PARAMETER_MISSING, "Say whose line items: parent_id=customer_…")
        query.finish(("parent_id", *PARAMETERS, *known))
        assert parent, "or the query has just been refused"
        if CUSTOMERS.get(parent) is None:
            raise bad_request(Code.RESOURCE_MISSING, str(missing_customer(parent))[:MESSAGE], "parent_id")
        if not page.limit and page.cursor is None:
            return self._linked(query, page, *self._all(rows, page))
        page = page if page.limit else Page(ALL, 0, page.starting_after, page.ending_before)
        names, position_in = self.kind.table.names, self._position_in(parent)
        total, part = page.counted(rows, BY_POSITION, names, position_in, count=rows.count)
        return self._linked(query, page, part, total)

    def _all(self, rows: QuerySet, page: Page) -> tuple[Slice, int]:
        """Without a limit all of them come; only beyond their end must they be counted."""
        everything = rows.order_by(POSITION).values_list(*self.kind.table.names)
        part = Slice(list(everything[page.offset :]), has_more=False)
        return part, page.offset + len(part.rows) if part.rows or not page.offset else rows.count()

    def _position_in(self, parent: str) -> Any:
        """Finds a cursor's position."""
        own = self.kind.model._default_manager.filter(customer_id=parent)
        return lambda item_id: own.filter(pk=item_id).values_list(POSITION, flat=True).first()

    def _linked(self, query: Query, page: Page, part: Slice, total: int) -> HttpResponse:
        output = [representation.line_item(self.kind, self.kind.table.values(row)) for row in part.rows]
        return linked(self.request, query, page, ListPage(output, part.has_more, total))

    def create(self, request: HttpRequest) -> HttpResponse:
        self.no_query()
        parent, param, values = parse_new(self.kind, self.payload)
        output, version = line_item_services.add_line_item(self.kind, parent, values, origin=self.origin, param=param)
        response = JsonResponse(output, status=201, version=version, subjects=[parent])
        response["Location"] = f"{request.path.rstrip('/')}/{output['id']}"
        return response

    def partial_update(self, request: HttpRequest, id: str) -> HttpResponse:
        expected = self.expected_versions
        parents, values = self.read_values(
            lambda payload: parse_changes(self.kind, payload),
            lambda: check_version(self._existing(id)["version"], expected),
        )
        if parents:
            stored = self._existing(id)
            check_version(stored["version"], expected)
            _check_parent(stored, parents)
        output, version = line_item_services.update_line_item(
            self.kind, id, values, origin=self.origin, expected=expected
        )
        return JsonResponse(output, version=version, subjects=[output[PARENT]])

    def destroy(self, request: HttpRequest, id: str) -> HttpResponse:
        self.no_query()
        line_item_services.delete_line_item(self.kind, id, origin=self.origin, expected=self.expected_versions)
        return JsonResponse(representation.deleted(id))

    def _existing(self, item_id: str) -> dict[str, Any]:
        return self.kind.table.values(existing(self.kind.table, item_id))


class LineItemOrderViewSet(ApiViewSet):
    kind: LineItem

    def create(self, request: HttpRequest) -> HttpResponse:
        self.no_query()
        parent, param, ordered_ids = parse_order(self.payload)
        line_item_services.reorder_line_items(self.kind, parent, ordered_ids, origin=self.origin, param=param)
        items = existing_line_items(self.kind, [parent]).get(parent, [])
        output = [representation.line_item(self.kind, one) for one in items]
        return JsonResponse({"data": output, "has_more": False, "total": len(output)}, subjects=[parent])

    def update(self, request: HttpRequest) -> HttpResponse:
        return self.create(request)

    def partial_update(self, request: HttpRequest) -> HttpResponse:
        return self.create(request)


def _check_parent(stored: Mapping[str, Any], parents: Mapping[str, str]) -> None:
    for name, parent in parents.items():
        if parent != stored[PARENT]:
            raise bad_request(Code.PARAMETER_IMMUTABLE, "A line item cannot move to another customer.", name)
