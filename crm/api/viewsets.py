"""The routes of customers: parse, call a service, show."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse

from crm import batches, representation, services
from crm.api import export_stream
from crm.api.descriptions import (
    describe_batch,
    describe_customers,
    describe_export,
    describe_search,
)
from crm.api.listing import ORDERS, ListPage, existing, linked, listed
from crm.api.serializers import parse_batch, parse_customer
from crm.filters import CUSTOMER_FILTERS, filtered
from crm.line_item_plans import existing_line_items
from crm.line_items import BY_NAME, LINE_ITEMS
from crm.locking import check_version
from crm.models import CUSTOMERS, Customer
from crm.representation import CUSTOMER_NAMES
from overplane.api import authentication, etags
from overplane.api.body import MIB
from overplane.api.errors import INVALID_REQUEST, ApiError, envelope
from overplane.api.idempotency import Planned
from overplane.api.pagination import PARAMETERS, Page
from overplane.api.streams import StreamResponse
from overplane.api.viewsets import ApiViewSet, JsonResponse
from overplane.database.rows import Row
from overplane.problems import problems_in
from overplane.queries.parameters import Query

EXPANDABLE = tuple(BY_NAME)
SHAPE_PARAMETERS = ("expand[]", "fields")
LIST_PARAMETERS = (*PARAMETERS, *SHAPE_PARAMETERS, "q", "order_by", *CUSTOMER_FILTERS)
VERSION = CUSTOMERS.names.index("version")


class CustomerShape:
    """Which parts of a customer are asked for: `fields` chooses attributes, `expand[]` adds line items."""

    def __init__(self, query: Query) -> None:
        self.fields = query.names("fields", CUSTOMER_NAMES)
        self.expand = query.many("expand", EXPANDABLE)

    @property
    def is_whole(self) -> bool:
        return self.fields is None and not self.expand

    def of(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        output = representation.customers(rows)
        if self.fields is not None:
            output = [{n: v for n, v in one.items() if n == "id" or n in self.fields} for one in output]
        for kind in [kind for kind in LINE_ITEMS if kind.name in self.expand]:
            items = existing_line_items(kind, [one["id"] for one in output])
            for one in output:
                one[kind.name] = [representation.line_item(kind, item) for item in items.get(one["id"], ())]
        return output


def requested_customers(query: Query) -> tuple[Page, ListPage]:
    shape, page = CustomerShape(query), Page.requested(query)
    order = query.choice("order_by", ORDERS, default="-created_at")
    chosen = filtered(query)
    query.finish(LIST_PARAMETERS)
    total, part = listed(chosen, order, page)
    return page, ListPage(shape.of(part.rows), part.has_more, total)


@describe_customers()
class CustomerViewSet(ApiViewSet):
    def retrieve(self, request: HttpRequest, id: str) -> HttpResponse:
        query = self.query(repeated=["expand"])
        shape = CustomerShape(query)
        row = existing(CUSTOMERS, id)
        query.finish(SHAPE_PARAMETERS)
        (output,) = shape.of([row])
        return self.output(output, row[VERSION], id) if shape.is_whole else JsonResponse(output)

    def list(self, request: HttpRequest) -> HttpResponse:
        query = self.query(repeated=["expand"])
        page, customers = requested_customers(query)
        return linked(request, query, page, customers)

    def create(self, request: HttpRequest) -> HttpResponse:
        self.no_query()
        values, lists = parse_customer(self.payload, partial=False)
        return self._created(services.create_customer(values, origin=self.origin, lists=lists))

    def planned_create(self) -> Planned | None:
        if not BY_NAME.keys().isdisjoint(self.payload):  # line items need more than one statement
            return None
        self.no_query()
        values, _ = parse_customer(self.payload, partial=False)
        written, creation = services.planned_creation(values, origin=self.origin)
        return Planned(self._created(written), creation)

    def _created(self, written: services.WriteResult) -> JsonResponse:
        pk = written.output["id"]
        response = JsonResponse(written.output, status=201, version=written.version, subjects=[pk])
        response["Location"] = f"{self.request.path.rstrip('/')}/{pk}"
        return response

    def partial_update(self, request: HttpRequest, id: str) -> HttpResponse:
        expected = self.expected_versions
        values, lists = self.read_values(
            lambda payload: parse_customer(payload, partial=True),
            lambda: check_version(existing(CUSTOMERS, id)[VERSION], expected),
        )
        output, version = services.update_customer(id, values, origin=self.origin, expected=expected, lists=lists)
        return JsonResponse(output, version=version, subjects=[id])

    def destroy(self, request: HttpRequest, id: str) -> HttpResponse:
        self.no_query()
        services.delete_customer(id, origin=self.origin, expected=self.expected_versions)
        return JsonResponse(representation.deleted(id))


@describe_search()
class CustomerSearchViewSet(ApiViewSet):
    """The list, asked for by a body: what would not fit into an address."""

    reads = authentication.SAFE_METHODS | {"POST"}

    def create(self, request: HttpRequest) -> HttpResponse:
        self.no_query()
        _, customers = requested_customers(Query(self.payload, repeated=["expand"]))
        return JsonResponse(customers._asdict())


@describe_batch()
class CustomerBatchViewSet(ApiViewSet):
    body_limit = 16 * MIB

    def create(self, request: HttpRequest) -> HttpResponse:
        self.no_query()
        operations, atomic = parse_batch(self.payload)
        outcomes = batches.apply(operations, atomic=atomic, origin=self.origin)
        output = [_outcome_output(outcome, self.request.request_id) for outcome in outcomes]
        objects = [one["object"] for one in output if "object" in one]
        deleted_ids = {one["id"] for one in objects if "deleted" in one}
        subjects = {one["id"] for one in objects if "deleted" not in one}
        # An answer that shows whom the same batch deleted is not kept for a replay.
        subjects_of_answer = subjects if subjects.isdisjoint(deleted_ids) else None
        return JsonResponse({"data": output}, status=200 if atomic else 207, subjects=subjects_of_answer)


@describe_export()
class CustomerExportViewSet(ApiViewSet):
    def list(self, request: HttpRequest) -> StreamResponse:
        query = self.query(repeated=["expand"])
        shape, chosen = CustomerShape(query), filtered(query)
        query.finish((*SHAPE_PARAMETERS, "q", *CUSTOMER_FILTERS))
        lines = export_stream.lines(Customer.objects.all() if chosen is None else chosen, shape.of)
        return StreamResponse(lines, content_type="application/x-ndjson")


def _outcome_output(outcome: batches.OperationResult, request_id: str) -> dict[str, Any]:
    if outcome.error is None:
        tag = {} if outcome.version is None else {"etag": etags.etag(outcome.version)}
        warnings = {"warnings": [outcome.warning]} if outcome.warning else {}
        return {"index": outcome.index, "status": outcome.status, **tag, **warnings, "object": outcome.output}
    problems = list(problems_in(outcome.error, f"operations[{outcome.index}]."))
    failure = ApiError(outcome.status, INVALID_REQUEST, problems)
    failure.merged_into = outcome.merged_into
    return {"index": outcome.index, "status": outcome.status, **envelope(failure, request_id)}
