"""The closed tables of filters of both lists, and the words of `q=`."""

from django.db.models import QuerySet

from crm import rules, search
from crm.line_items import LINE_ITEMS
from crm.models import Customer
from overplane.problems import Code
from overplane.queries import filters
from overplane.queries.filters import filter_table
from overplane.queries.parameters import Query

CUSTOMER_FILTERS = filter_table(Customer, timestamps=["created_at", "updated_at"], choices=rules.CHOICES)
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
