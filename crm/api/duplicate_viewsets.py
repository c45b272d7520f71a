"""The routes of likely duplicates: pairs of customers, the most certain first, and what people say of them."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse

from crm.api.duplicate_descriptions import describe_dismiss, describe_duplicates, describe_of_customer, describe_reopen
from crm.api.listing import ListPage, existing, linked
from crm.duplicates import pairs
from crm.duplicates.pairs import RANGES
from crm.models import CUSTOMERS, DuplicatePair, PairState
from overplane.api.pagination import PARAMETERS, Page, Slice
from overplane.api.viewsets import ApiViewSet, JsonResponse
from overplane.database.ordering import Order
from overplane.problems import Code
from overplane.queries.parameters import Query

MOST_CERTAIN_FIRST = Order("score", descending=True)
FILTERS = ("level", "state")
LEVELS = {name: Q(score__gte=low, score__lt=high) for name, (low, high) in RANGES.items()}
STATES = {state.value: Q(state=state) for state in PairState}


def _chosen(query: Query, name: str, conditions: dict[str, Q]) -> Q:
    value = query.take(name)
    if value is None or value in conditions:
        return conditions[value] if value else Q()
    query.fail(name, Code.PARAMETER_INVALID, f"Must be one of: {', '.join(conditions)}.")
    return Q()


def _filtered(query: Query) -> QuerySet[Any]:
    return DuplicatePair.objects.filter(_chosen(query, "level", LEVELS), _chosen(query, "state", STATES))


class PairViewSet(ApiViewSet):
    def page_of(self, request: HttpRequest, customer_id: str | None = None) -> HttpResponse:
        query = self.query()
        page, chosen = Page.requested(query), _filtered(query)
        query.finish((*PARAMETERS, *FILTERS))
        if customer_id is not None:
            existing(CUSTOMERS, customer_id)
            chosen = chosen.filter(Q(first_id=customer_id) | Q(second_id=customer_id))
        total = chosen.count()
        part = self._part(chosen, page)
        return linked(request, query, page, ListPage([pairs.output(one) for one in part.rows], part.has_more, total))

    @staticmethod
    def _part(chosen: QuerySet[Any], page: Page) -> Slice:
        order = MOST_CERTAIN_FIRST
        if page.cursor is None:
            rows = chosen.order_by(*order.by())[page.offset : page.offset + page.limit + 1]
            return Slice.cut(list(rows), page)
        value = DuplicatePair.objects.filter(pk=page.cursor).values_list("score", flat=True).first()
        if value is None:
            raise page.missing_cursor()
        beyond = chosen.filter(order.beyond(value, page.cursor, backwards=page.backwards))
        return Slice.cut(list(beyond.order_by(*order.by(backwards=page.backwards))[: page.limit + 1]), page)


@describe_duplicates()
class DuplicateViewSet(PairViewSet):
    def list(self, request: HttpRequest) -> HttpResponse:
        return self.page_of(request)


@describe_of_customer()
class CustomerDuplicateViewSet(PairViewSet):
    def list(self, request: HttpRequest, id: str) -> HttpResponse:
        return self.page_of(request, id)


class Judging(ApiViewSet):
    needs_body = False
    state: PairState

    def create(self, request: HttpRequest, id: str) -> HttpResponse:
        self.no_query()
        pair = pairs.set_state(id, self.state)
        return JsonResponse(pairs.output(pair), subjects=pair.customer_ids)


@describe_dismiss()
class DismissViewSet(Judging):
    state = PairState.DISMISSED


@describe_reopen()
class ReopenViewSet(Judging):
    state = PairState.OPEN
