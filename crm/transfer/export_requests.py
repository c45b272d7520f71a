"""An export as somebody asks for it: by the parameters of a list, as a JSON object. The job reads it once more."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError

from crm.filters import CUSTOMER_FILTERS, filtered
from crm.models import Customer
from crm.representation import CUSTOMER_NAMES
from crm.transfer.exports import FORMATS
from crm.transfer.long_cells import CHOICES
from crm.transfer.selection import LAYOUTS, Selection
from overplane.database.encoding import dumps
from overplane.database.numbers import read_decimal
from overplane.problems import Code, not_one_of
from overplane.queries.parameters import Query

OWN = ("format", "columns", "rows", "long_cells")


class ExportRequest(NamedTuple):
    format: str
    long_cells: str
    selection: Selection


def parse(payload: Mapping[str, Any]) -> ExportRequest:
    """Raises `ValidationError`."""
    query = Query(payload)
    format_ = _choice(query, "format", FORMATS)
    rows, long_cells = _choice(query, "rows", LAYOUTS), _choice(query, "long_cells", CHOICES)
    columns = query.names("columns", CUSTOMER_NAMES)
    for name in sorted({name for name in columns or () if (columns or []).count(name) > 1}):
        query.fail("columns", Code.PARAMETER_DUPLICATE, f"{name} is named twice.")
    customers = filtered(query)
    query.finish((*OWN, "q", *CUSTOMER_FILTERS))
    chosen = Customer.objects.all() if customers is None else customers
    selection = Selection(chosen, columns or CUSTOMER_NAMES, rows, is_marked=True)
    return ExportRequest(format_, long_cells, selection)


def _choice(query: Query, name: str, known: tuple[str, ...]) -> str:
    """One of the words; the first unless given."""
    word = query.take(name)
    if word is not None and word not in known:
        error: ValidationError = not_one_of(word, known)
        query.note(name, error)
    return word if word in known else known[0]


def stored(payload: Mapping[str, Any]) -> str:
    """As a job keeps it: numbers stay exact."""
    return dumps(payload).decode()


def read(text: str) -> ExportRequest:
    return parse(json.loads(text, parse_float=read_decimal))


def as_sent(text: str) -> dict[str, Any]:
    """What was sent, as it is shown."""
    request: dict[str, Any] = json.loads(text)
    return request
