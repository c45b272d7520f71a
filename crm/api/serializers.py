"""Request bodies of customers and their line items."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError

from crm import rules
from crm.batches import MATCHABLE, Operation
from crm.line_item_plans import NO_LISTS, Lists
from crm.line_items import BY_NAME, LINE_ITEMS, PARENT, POSITION, LineItem
from crm.models import Customer
from overplane.api import etags
from overplane.api.serializers import BodyParser
from overplane.problems import MOST_REPORTED, Code, Errors, invalid, unknown

PARENT_NAMES = (PARENT, "parent_id")
# Of line items inside the body of their customer: their position is that in the list, their customer the one around them.
IGNORED_IN_LISTS = frozenset({POSITION, PARENT})
MAX_LINE_ITEMS = 1000


CUSTOMER = BodyParser(Customer, rules.customer_errors)
LINE_ITEM_PARSERS = {
    kind.name: BodyParser(kind.model, partial(rules.line_item_errors, kind.name)) for kind in LINE_ITEMS
}


def parse_customer(payload: Mapping[str, Any], *, partial: bool) -> tuple[dict[str, Any], Lists]:
    """The values, and the full lists of line items that the body has."""
    if BY_NAME.keys().isdisjoint(payload):
        return CUSTOMER.parse(payload, partial=partial), NO_LISTS
    lists: dict[str, list[dict[str, Any]]] = {}
    problems: Errors = {}
    for kind in LINE_ITEMS:
        if kind.name in payload:
            lists[kind.name], wrong = _parse_list(kind, payload[kind.name], is_new=not partial)
            problems |= wrong
    rest = {name: value for name, value in payload.items() if name not in BY_NAME}
    return _parsed(CUSTOMER, rest, problems, partial=partial), lists


def parse_new(kind: LineItem, payload: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """A new line item: its customer's id, the name under which that was sent, and the values."""
    rest = dict(payload)
    parents = {name: rest.pop(name) for name in PARENT_NAMES if name in rest}
    values = _parsed(LINE_ITEM_PARSERS[kind.name], rest, _parent_errors(parents), partial=False)
    return next(iter(parents.values()), ""), next(iter(parents), PARENT), values


def parse_changes(kind: LineItem, payload: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """The customers that were named (they must be the line item's own), and the values."""
    rest = dict(payload)
    parents = {name: rest.pop(name) for name in PARENT_NAMES if name in rest}
    problems = _parent_errors(parents) if parents else {}
    return parents, _parsed(LINE_ITEM_PARSERS[kind.name], rest, problems, partial=True)


def _parsed(parser: BodyParser, rest: Mapping[str, Any], problems: Errors, *, partial: bool) -> dict[str, Any]:
    """The rest of a body, of which a part was read already; `problems` are that part's."""
    try:
        values = parser.parse(rest, partial=partial)
    except ValidationError as error:
        raise ValidationError(problems | error.error_dict) from None
    if problems:
        raise ValidationError(problems | parser.rules(values))
    return values


def _parse_list(kind: LineItem, sent: Any, *, is_new: bool) -> tuple[list[dict[str, Any]], Errors]:
    """A customer's line items of one kind, and what is wrong with them, by path (`supplier_numbers[2].company`).

    Ids are ignored for a new customer: they belong to the customer that they were read from.
    """
    if type(sent) is not list:
        message = f"Must be a list: all {kind.label_plural} in order."
        return [], {kind.name: [invalid(Code.PARAMETER_INVALID_TYPE, message)]}
    if len(sent) > MAX_LINE_ITEMS:
        message = f"At most {MAX_LINE_ITEMS:,} {kind.label_plural} go into one request; these are {len(sent):,}."
        return [], {kind.name: [invalid(Code.PARAMETER_INVALID_RANGE, message)]}
    items: list[dict[str, Any]] = []
    problems: Errors = {}
    seen: set[str] = set()
    for i, one in enumerate(sent):
        if len(problems) >= MOST_REPORTED:
            break
        try:
            items.append(_parse_item(kind, {**one, "id": None} if is_new and type(one) is dict else one, seen))
        except ValidationError as error:
            problems |= {f"{kind.name}[{i}]{f'.{n}' if n else ''}": errors for n, errors in error.error_dict.items()}
    return items, problems


def _parse_item(kind: LineItem, sent: Any, seen: set[str]) -> dict[str, Any]:
    if type(sent) is not dict:
        raise ValidationError({"": invalid(Code.PARAMETER_INVALID_TYPE, "Must be an object.")})
    problems: Errors = {}
    item_id = sent.get("id")
    if item_id is not None and type(item_id) is not str:
        problems["id"] = [invalid(Code.PARAMETER_INVALID_TYPE, f"Must be a {kind}'s id.")]
    elif item_id and item_id in seen:
        problems["id"] = [invalid(Code.PARAMETER_DUPLICATE, f"The {kind} {item_id[:100]!r} is named twice.")]
    elif item_id:
        seen.add(item_id)
    rest = {name: value for name, value in sent.items() if name not in IGNORED_IN_LISTS}
    values = _parsed(LINE_ITEM_PARSERS[kind.name], rest, problems, partial=bool(item_id))
    # Rules are asked here already, so that what they find is told beside what is wrong with the customer.
    if errors := rules.line_item_errors(kind.name, values):
        raise ValidationError(errors)
    return {"id": item_id or None, **values}


def _parent_errors(parents: Mapping[str, Any]) -> Errors:
    """What is wrong with how a body names its customer."""
    if not parents:
        return {PARENT: [invalid(Code.PARAMETER_MISSING, "Say which customer the line item belongs to.")]}
    problems: Errors = {}
    for name, value in parents.items():
        if type(value) is not str:
            problems[name] = [invalid(Code.PARAMETER_INVALID_TYPE, "Must be a customer's id.")]
        elif not value:
            problems[name] = [invalid(Code.PARAMETER_INVALID_EMPTY, "Must not be empty.")]
    if not problems and len(set(parents.values())) > 1:
        problems["parent_id"] = [
            invalid(Code.PARAMETER_CONFLICT, "customer_id and parent_id name different customers.")
        ]
    return problems


def parse_order(payload: Mapping[str, Any]) -> tuple[str, str, list[str]]:
    """The body of a reorder: the parent's id, the name under which it was sent, the ids in their new order."""
    parents = {name: payload[name] for name in PARENT_NAMES if name in payload}
    problems = _parent_errors(parents)
    if "customer_id" in problems and not parents:
        problems = {"parent_id": problems.pop("customer_id")}
    unknown_names = [name for name in payload if name not in (*PARENT_NAMES, "ordered_ids")]
    problems |= {name: [unknown(name, ("parent_id", "ordered_ids"))] for name in unknown_names[:MOST_REPORTED]}
    ids: Any = payload.get("ordered_ids")
    if "ordered_ids" not in payload:
        problems["ordered_ids"] = [
            invalid(Code.PARAMETER_MISSING, "Send the ids of all line items in their new order.")
        ]
    elif type(ids) is not list:
        problems["ordered_ids"] = [invalid(Code.PARAMETER_INVALID_TYPE, "Must be a list of line item ids.")]
    else:
        wrong = [i for i, row_id in enumerate(ids) if type(row_id) is not str]
        error = invalid(Code.PARAMETER_INVALID_TYPE, "Must be a line item's id.")
        problems |= {f"ordered_ids[{i}]": [error] for i in wrong[:MOST_REPORTED]}
    if problems:
        raise ValidationError(problems)
    name, parent = next(iter(parents.items()))
    return parent, name, ids


OPERATION_KEYS = {
    "create": ("op", "data"),
    "retrieve": ("op", "id"),
    "update": ("op", "id", "data"),
    "delete": ("op", "id"),
    "upsert": ("op", "data", "match_on"),
}
CONDITIONAL = ("update", "delete", "upsert")  # may say which version they expect
# Line items that all operations hold together: more would keep SQLite's other writers waiting for seconds.
MAX_ITEMS_IN_BATCH = 10_000
MAX_OPERATIONS = 1000


def parse_batch(payload: Mapping[str, Any]) -> tuple[list[Operation], bool]:
    """The operations of a batch, each parsed or with its error, and whether all or nothing is wanted."""
    unknown_names = [name for name in payload if name not in BATCH_KEYS]
    problems: Errors = {name: [unknown(name, BATCH_KEYS)] for name in unknown_names[:MOST_REPORTED]}
    atomic: Any = payload.get("atomic", True)
    sent: Any = payload.get("operations")
    if type(atomic) is not bool:
        problems["atomic"] = [invalid(Code.PARAMETER_INVALID_TYPE, "Must be true or false.")]
    if "operations" not in payload:
        problems["operations"] = [invalid(Code.PARAMETER_MISSING, "Send a list of operations.")]
    elif type(sent) is not list:
        problems["operations"] = [invalid(Code.PARAMETER_INVALID_TYPE, "Must be a list of operations.")]
    elif not 1 <= len(sent) <= MAX_OPERATIONS:
        message = f"From 1 to {MAX_OPERATIONS} operations go into one batch; these are {len(sent)}."
        problems["operations"] = [invalid(Code.PARAMETER_INVALID_RANGE, message)]
    if problems:
        raise ValidationError(problems)
    operations = [_parse_operation(i, operation) for i, operation in enumerate(sent)]
    count = sum(len(items) for operation in operations for items in operation.lists.values())
    if count > MAX_ITEMS_IN_BATCH:
        message = f"At most {MAX_ITEMS_IN_BATCH:,} line items go into one batch; these are {count:,}."
        raise ValidationError({"operations": invalid(Code.PARAMETER_INVALID_RANGE, message)})
    return operations, atomic


BATCH_KEYS = ("operations", "atomic")


def _parse_operation(index: int, sent: Any) -> Operation:
    try:
        return _read_operation(index, sent)
    except ValidationError as error:
        return Operation(index, error=error)


def _read_operation(index: int, sent: Any) -> Operation:
    if type(sent) is not dict:
        raise ValidationError({"op": invalid(Code.PARAMETER_INVALID_TYPE, "An operation is an object.")})
    op = sent.get("op")
    if type(op) is not str or op not in OPERATION_KEYS:
        code = Code.PARAMETER_INVALID if "op" in sent else Code.PARAMETER_MISSING
        raise ValidationError({"op": invalid(code, f"Must be one of {', '.join(OPERATION_KEYS)}.")})
    keys = OPERATION_KEYS[op]
    known = (*keys, "if_match") if op in CONDITIONAL else keys
    unknown_names = [name for name in sent if name not in known]
    problems: Errors = {name: [unknown(name, known)] for name in unknown_names[:MOST_REPORTED]}
    for name in keys:
        if name not in sent:
            problems[name] = [invalid(Code.PARAMETER_MISSING, f"An operation {op} needs it.")]
        elif name != "data" and type(sent[name]) is not str:
            problems[name] = [invalid(Code.PARAMETER_INVALID_TYPE, "Must be a string.")]
    values: dict[str, Any] = {}
    lists = NO_LISTS
    if type(sent.get("data", {})) is not dict:
        problems["data"] = [invalid(Code.PARAMETER_INVALID_TYPE, "Must be an object.")]
    elif "data" in keys and "data" in sent:
        values, lists = _parse_data(sent["data"], problems, partial=op != "create")
    match_on = sent.get("match_on", "")
    if op == "upsert" and "match_on" not in problems:
        if match_on not in MATCHABLE:
            problems["match_on"] = [invalid(Code.PARAMETER_INVALID, f"Must be one of {', '.join(MATCHABLE)}.")]
        elif not (values or _as_object(sent.get("data"))).get(match_on) and f"data.{match_on}" not in problems:
            problems[f"data.{match_on}"] = [invalid(Code.PARAMETER_MISSING, "Needed to find the customer by.")]
    expected = _parse_if_match(sent["if_match"], problems) if "if_match" in sent and op in CONDITIONAL else None
    if problems:
        raise ValidationError(problems)
    return Operation(index, op, sent.get("id", ""), values, match_on, lists, expected)


def _as_object(sent: Any) -> dict[str, Any]:
    """The body of an operation that could not be parsed: what it names is not reported as missing."""
    return sent if type(sent) is dict else {}


def _parse_data(data: Mapping[str, Any], problems: Errors, *, partial: bool) -> tuple[dict[str, Any], Lists]:
    try:
        return parse_customer(data, partial=partial)
    except ValidationError as error:
        problems |= {f"data.{name}": errors for name, errors in error.error_dict.items()}
        return {}, NO_LISTS


def _parse_if_match(sent: Any, problems: Errors) -> frozenset[int] | None:
    """As the header `If-Match` of a single request."""
    if type(sent) is not str:
        problems["if_match"] = [invalid(Code.PARAMETER_INVALID_TYPE, 'Must be an ETag as a string, such as "\\"3\\"".')]
        return None
    try:
        return etags.versions(sent)
    except ValidationError as error:
        problems["if_match"] = [error]
        return None
