"""The closed tables of filters of both lists, and the words of `q=`."""

from typing import Any

from django.db.models import Q, QuerySet

from crm import matching, rules, search
from crm.line_items import LINE_ITEMS
from crm.models import Customer
from overplane.problems import Code
from overplane.queries import filters
from overplane.queries.filters import ExactFilter, InFilter, filter_table
from overplane.queries.parameters import Query

CUSTOMER_FILTERS = filter_table(Customer, timestamps=["created_at", "updated_at"], choices=rules.CHOICES)


class KeyedFilter(ExactFilter):
    """Names the value's key besides the value: the index has only that."""

    def condition(self, value: Any) -> Q:
        return with_key(self.name, value)


class KeyedInFilter(InFilter):
    """The same for several values."""

    def condition(self, value: list[Any]) -> Q:
        if len(value) == 1:
            return with_key(self.name, value[0])
        keys = {matching.stored_key(self.name, one.strip()) for one in value}
        return super().condition(value) & Q(**{f"{self.name}__match_key__in": sorted(keys)})


def with_key(name: str, value: str) -> Q:
    # Not `=`: SQLite would put the value into the key's expression as well, and then know no index for it.
    is_equal = Q(**{f"{name}__gte": value, f"{name}__lte": value})
    return is_equal & Q(**{f"{name}__match_key": matching.stored_key(name, value.strip())})


CUSTOMER_FILTERS |= {
    parameter: class_(name, known.lookup, kind=known.kind, operator=known.operator)
    for name in matching.KEYED
    for parameter, class_ in ((name, KeyedFilter), (f"{name}[in]", KeyedInFilter))
    for known in [CUSTOMER_FILTERS[parameter]]
}
# By the name of the kind.
LINE_ITEM_FILTERS = {
    kind.name: filter_table(kind.model, choices=rules.LINE_ITEM_CHOICES.get(kind.name, {})) for kind in LINE_ITEMS
}


def filtered(query: Query) -> QuerySet | None:
    """The customers that the query's filters and words leave; None if it has neither."""
    words = query.take("q") or ""
    if len(words) > search.MAX_LENGTH:
        query.fail("q", Code.PARAMETER_TOO_LONG, f"At most {search.MAX_LENGTH} characters.")
    words = words.strip()
    if not words and not any(name in CUSTOMER_FILTERS for name in query.values):
        return None
    customers = filters.apply(CUSTOMER_FILTERS, Customer.objects.all(), query)
    for name in (f"{name}[{operator}]" for name in search.SEARCHED for operator in ("contains", "prefix")):
        if type(part := query.values.get(name)) is str:
            customers = search.filter_by_part(customers, part)
    return search.filter_by_words(customers, words) if words and not query.errors else customers


def customers_of(query_string: str) -> QuerySet:
    """The customers that a query string asks for, with the filters and words of the API. Raises `ValidationError`."""
    query = Query(query_string)
    customers = filtered(query)
    query.finish(("q", *CUSTOMER_FILTERS))
    return Customer.objects.all() if customers is None else customers
