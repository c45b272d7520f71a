"""The documented routes: parse, call a service, show."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from crm import batches, representation, services
from crm.api import export_stream
from crm.api.descriptions import (
    describe_batch,
    describe_customers,
    describe_export,
    describe_order,
    describe_rows,
    describe_search,
)
from crm.api.listing import ORDERS, listed
from crm.api.serializers import CustomerSerializer, SupplierNumberSerializer, parse_batch, parse_order
from crm.filters import CUSTOMER_FILTERS, SUPPLIER_NUMBER_FILTERS, filtered
from crm.models import CUSTOMERS, SUPPLIER_NUMBERS, Customer, SupplierNumberAtCustomer
from crm.representation import CUSTOMER_NAMES
from overplane.api import authentication, etags
from overplane.api.body import MIB
from overplane.api.errors import INVALID_REQUEST, ApiError, bad_request, envelope
from overplane.api.pagination import PARAMETERS, Page, Slice, link_header
from overplane.api.streams import StreamResponse
from overplane.api.viewsets import ApiViewSet, JsonResponse
from overplane.database.ordering import Order
from overplane.database.rows import Row, Table
from overplane.problems import Code, ObjectMissing, VersionMismatch, problems_in
from overplane.queries import filters
from overplane.queries.parameters import Query

EXPANDABLE = ("supplier_numbers",)
SHAPE_PARAMETERS = ("expand[]", "fields")
LIST_PARAMETERS = (*PARAMETERS, *SHAPE_PARAMETERS, "q", "order_by", *CUSTOMER_FILTERS)
VERSION = CUSTOMERS.names.index("version")


class CustomerShape:
    """Which parts of a customer are asked for: `fields` narrows, `expand[]` adds the rows."""

    def __init__(self, query: Query) -> None:
        self.fields = query.names("fields", CUSTOMER_NAMES)
        self.expand = bool(query.many("expand", EXPANDABLE))

    @property
    def is_whole(self) -> bool:
        return self.fields is None and not self.expand

    def of(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        output = representation.customers(rows)
        if self.fields is not None:
            output = [{n: v for n, v in one.items() if n == "id" or n in self.fields} for one in output]
        if self.expand:
            children = supplier_numbers_of([one["id"] for one in output])
            for one in output:
                one["supplier_numbers"] = children.get(one["id"], [])
        return output


class Found(NamedTuple):
    """What a list answers."""

    data: list[dict[str, Any]]
    has_more: bool
    total: int


def customers_asked_for(query: Query) -> tuple[Page, Found]:
    shape, page = CustomerShape(query), Page.asked(query)
    order = query.choice("order_by", ORDERS, default="-created_at")
    chosen = filtered(query)
    query.finish(LIST_PARAMETERS)
    total, part = listed(chosen, order, page)
    return page, Found(shape.of(part.rows), part.has_more, total)


def supplier_numbers_of(customer_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The rows of several customers, in order, in one query."""
    found = SupplierNumberAtCustomer.objects.filter(customer_id__in=customer_ids).order_by("customer_id", "idx")
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in found.values_list(*SUPPLIER_NUMBERS.names):
        values = SUPPLIER_NUMBERS.values(row)
        rows.setdefault(values["customer_id"], []).append(representation.supplier_number(values))
    return rows


@describe_customers()
class CustomerViewSet(ApiViewSet):
    def retrieve(self, request: HttpRequest, id: str) -> HttpResponse:
        query = self.query(repeated=["expand"])
        shape = CustomerShape(query)
        row = existing_row_of(CUSTOMERS, id)
        query.finish(SHAPE_PARAMETERS)
        (output,) = shape.of([row])
        return self.output(output, row[VERSION], id) if shape.is_whole else JsonResponse(output)

    def list(self, request: HttpRequest) -> HttpResponse:
        query = self.query(repeated=["expand"])
        page, found = customers_asked_for(query)
        return _with_links(request, query, page, found)

    def create(self, request: HttpRequest) -> HttpResponse:
        self.no_query()
        values, rows = CustomerSerializer.parse_with_rows(self.payload, partial=False)
        if rows is None:
            output, version = services.create_customer(values, origin=self.origin)
        else:
            output, version = services.create_customer_with_rows(values, rows, origin=self.origin)
        response = JsonResponse(output, status=201, version=version, subjects=[output["id"]])
        response["Location"] = f"{request.path.rstrip('/')}/{output['id']}"
        return response

    def partial_update(self, request: HttpRequest, id: str) -> HttpResponse:
        expected = self.expected_versions
        values, rows = self.read_values(
            lambda payload: CustomerSerializer.parse_with_rows(payload, partial=True),
            lambda: _check_version(existing_customer(id), expected),
        )
        if rows is None:
            output, version = services.update_customer(id, values, origin=self.origin, expected=expected)
        else:
            output, version = services.update_customer_with_rows(
                id, values, rows, origin=self.origin, expected=expected
            )
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
        _, found = customers_asked_for(Query(self.payload, repeated=["expand"]))
        return JsonResponse(found._asdict())


@describe_batch()
class CustomerBatchViewSet(ApiViewSet):
    body_limit = 16 * MIB

    def create(self, request: HttpRequest) -> HttpResponse:
        self.no_query()
        operations, atomic = parse_batch(self.payload)
        outcomes = batches.apply(operations, atomic=atomic, origin=self.origin)
        output = [_shown_outcome(outcome, request.request_id) for outcome in outcomes]
        objects = [one["object"] for one in output if "object" in one]
        gone = {one["id"] for one in objects if "deleted" in one}
        subjects = {one["id"] for one in objects if "deleted" not in one}
        # An answer that shows whom the same batch deleted is not kept for a replay.
        kept = subjects if subjects.isdisjoint(gone) else None
        return JsonResponse({"data": output}, status=200 if atomic else 207, subjects=kept)


@describe_export()
class CustomerExportViewSet(ApiViewSet):
    def list(self, request: HttpRequest) -> StreamResponse:
        query = self.query(repeated=["expand"])
        shape, chosen = CustomerShape(query), filtered(query)
        query.finish((*SHAPE_PARAMETERS, "q", *CUSTOMER_FILTERS))
        lines = export_stream.lines(Customer.objects.all() if chosen is None else chosen, shape.of)
        return StreamResponse(lines, content_type="application/x-ndjson")


@describe_rows()
class SupplierNumberViewSet(ApiViewSet):
    def retrieve(self, request: HttpRequest, id: str) -> HttpResponse:
        values = existing_row(id)
        self.no_query()
        return self.output(representation.supplier_number(values), values["version"], values["customer_id"])

    def list(self, request: HttpRequest) -> HttpResponse:
        query = self.query()
        parent = query.take("parent_id")
        page = Page.asked(query, default_limit=0)
        rows = SupplierNumberAtCustomer.objects.filter(customer_id=parent or "")
        rows = filters.apply(SUPPLIER_NUMBER_FILTERS, rows, query)
        if not parent:
            query.fail("parent_id", Code.PARAMETER_MISSING, "Say whose rows: parent_id=customer_…")
        query.finish(("parent_id", *PARAMETERS, *SUPPLIER_NUMBER_FILTERS))
        if CUSTOMERS.get(parent) is None:
            raise bad_request(Code.RESOURCE_MISSING, f"No such customer: {parent!r:.120}.", "parent_id")
        return self._rows(request, query, page, rows, parent)

    def _rows(self, request: HttpRequest, query: Query, page: Page, rows: QuerySet, parent: str) -> HttpResponse:
        def place(row_id: str) -> int | None:
            own = SupplierNumberAtCustomer.objects.filter(pk=row_id, customer_id=parent)
            return own.values_list("idx", flat=True).first()

        if not page.limit:  # all of them
            everything = rows.order_by("idx").values_list(*SUPPLIER_NUMBERS.names)
            part = Slice(list(everything[page.offset :]), has_more=False)
            total = page.offset + len(part.rows) if part.rows or not page.offset else rows.count()
            if page.cursor is not None:
                page = Page(10**9, 0, page.starting_after, page.ending_before)
                part = page.of(rows, Order("idx", descending=False), SUPPLIER_NUMBERS.names, place)
        else:
            part = page.of(rows, Order("idx", descending=False), SUPPLIER_NUMBERS.names, place)
            total = rows.count()
        output = [representation.supplier_number(SUPPLIER_NUMBERS.values(row)) for row in part.rows]
        return _with_links(request, query, page, Found(output, part.has_more, total))

    def create(self, request: HttpRequest) -> HttpResponse:
        self.no_query()
        parent, param, values = SupplierNumberSerializer.parse_new(self.payload)
        output, version = services.add_supplier_number(parent, values, origin=self.origin, param=param)
        response = JsonResponse(output, status=201, version=version, subjects=[parent])
        response["Location"] = f"{request.path.rstrip('/')}/{output['id']}"
        return response

    def partial_update(self, request: HttpRequest, id: str) -> HttpResponse:
        expected = self.expected_versions
        parents, values = self.read_values(
            SupplierNumberSerializer.parse_changes, lambda: _check_version(existing_row(id), expected)
        )
        if parents:
            row = existing_row(id)
            _check_version(row, expected)
            _check_parent(row, parents)
        output, version = services.update_supplier_number(id, values, origin=self.origin, expected=expected)
        return JsonResponse(output, version=version, subjects=[output["customer_id"]])

    def destroy(self, request: HttpRequest, id: str) -> HttpResponse:
        self.no_query()
        services.delete_supplier_number(id, origin=self.origin, expected=self.expected_versions)
        return JsonResponse(representation.deleted(id))


@describe_order()
class SupplierNumberOrderViewSet(ApiViewSet):
    def create(self, request: HttpRequest) -> HttpResponse:
        self.no_query()
        parent, param, ordered_ids = parse_order(self.payload)
        services.reorder_supplier_numbers(parent, ordered_ids, origin=self.origin, param=param)
        rows = supplier_numbers_of([parent]).get(parent, [])
        return JsonResponse({"data": rows, "has_more": False, "total": len(rows)}, subjects=[parent])

    def update(self, request: HttpRequest) -> HttpResponse:
        return self.create(request)

    def partial_update(self, request: HttpRequest) -> HttpResponse:
        return self.create(request)


def _shown_outcome(outcome: batches.Outcome, request_id: str) -> dict[str, Any]:
    if outcome.error is None:
        tag = {} if outcome.version is None else {"etag": etags.etag(outcome.version)}
        return {"index": outcome.index, "status": outcome.status, **tag, "object": outcome.output}
    problems = list(problems_in(outcome.error, f"operations[{outcome.index}]."))
    failure = ApiError(outcome.status, INVALID_REQUEST, problems)
    return {"index": outcome.index, "status": outcome.status, **envelope(failure, request_id)}


def existing_row_of(table: Table, object_id: str) -> Row:
    row = table.get(object_id)
    if row is None:
        raise ObjectMissing(str(table.model._meta.verbose_name), object_id)
    return row


def existing_customer(customer_id: str) -> dict[str, Any]:
    return CUSTOMERS.values(existing_row_of(CUSTOMERS, customer_id))


def existing_row(row_id: str) -> dict[str, Any]:
    return SUPPLIER_NUMBERS.values(existing_row_of(SUPPLIER_NUMBERS, row_id))


def _check_version(values: Mapping[str, Any], expected: frozenset[int] | None) -> None:
    if expected is not None and values["version"] not in expected:
        raise VersionMismatch


def _check_parent(values: Mapping[str, Any], parents: Mapping[str, str]) -> None:
    for name, parent in parents.items():
        if parent != values["customer_id"]:
            raise bad_request(Code.PARAMETER_IMMUTABLE, "A row cannot move to another customer.", name)


def _with_links(request: HttpRequest, query: Query, page: Page, found: Found) -> HttpResponse:
    response = JsonResponse(found._asdict())
    ids = [one["id"] for one in found.data]
    if links := link_header(request, query, page, ids, total=found.total, has_more=found.has_more):
        response["Link"] = links
    return response
