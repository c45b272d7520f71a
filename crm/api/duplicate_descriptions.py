"""The routes of likely duplicates in the API's description."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema_view

from crm.api.components import COMPONENTS
from crm.api.line_item_components import CUSTOMER_ID
from crm.duplicates.normalising import NAMES
from crm.duplicates.pairs import RANGES
from crm.models import PairState
from overplane.api.list_parameters import WHICH, limit_parameter
from overplane.api.openapi import IDEMPOTENCY_KEY, LINK, TAGS, WRITES, object_id, operation, query
from overplane.api.pagination import DEFAULT_LIMIT
from overplane.api.schemas import MOMENT, TEXT, Schema, closed_object, page_schema, ref

TAG = "Duplicates"
TAGS |= {TAG: "Pairs of customers that are perhaps one, how certain that is, and why."}
PAIR_ID, OTHER_ID = "pair_abc123", "customer_abc456"
LEVEL: Schema = TEXT | {"enum": list(RANGES), "description": "How certain, in two steps."}
STATE: Schema = TEXT | {"enum": list(PairState.values), "description": "`dismissed`: somebody said that these are two. `merged`: they were made one."}  # fmt: skip


def _pair() -> Schema:
    reason = closed_object(
        {
            "attribute": TEXT | {"enum": list(NAMES), "description": "The attribute in which the two customers were compared."},
            "agreement": TEXT | {"enum": ["same", "alike", "different"], "description": "How the values of both customers agree in this attribute."},
            "weight": {"type": "number", "description": "What that says, in bits: above 0 for the two being one, below 0 against it.", "examples": [9.1]},
        },
        description="What speaks for or against it.",
    )  # fmt: skip
    ids: Schema = {"type": "array", "items": TEXT | {"examples": [CUSTOMER_ID]}, "minItems": 2, "maxItems": 2, "description": "The two customers, by their ids."}  # fmt: skip
    properties: dict[str, Any] = {
        "id": TEXT | {"description": "The identifier of this pair of customers.", "examples": [PAIR_ID]},
        "customers": ids,
        "score": {"type": "number", "minimum": 0, "maximum": 1, "description": "The estimated probability that they are one.", "examples": [0.998]},
        "level": LEVEL,
        "state": STATE,
        "compared_at": MOMENT | {"description": "When the two were compared last."},
        "reasons": {"type": "array", "items": ref("DuplicateReason"), "description": "Why, the strongest reason first."},
    }  # fmt: skip
    sample = {
        "id": PAIR_ID, "customers": [CUSTOMER_ID, OTHER_ID], "score": 0.998, "level": "nearly_certain", "state": "open",
        "compared_at": "2024-01-15T10:30:00Z", "reasons": [{"attribute": "tax_id", "agreement": "same", "weight": 9.1}],
    }  # fmt: skip
    COMPONENTS["DuplicateReason"] = reason
    return closed_object(properties, description="Two customers that are perhaps one.", examples=[sample])


COMPONENTS |= {
    "DuplicatePair": _pair(),
    "DuplicatePairPage": page_schema("DuplicatePair", "A page of pairs of customers, the most certain first."),
}
PARAMETERS = [
    query("level", LEVEL, "Only pairs of this level."),
    query("state", STATE, "Only pairs in this state; all unless given."),
    limit_parameter(DEFAULT_LIMIT),
    *WHICH,
]
ANSWERED = "A page of the pairs, the most certain first, and how many there are in all."
FRESH = "The worker compares who was created or changed within seconds."


def describe_duplicates() -> Callable[[type], type]:
    return extend_schema_view(
        list=operation(
            "listDuplicates", "List likely duplicates", f"Pairs of customers that are perhaps one, the most certain first. {FRESH}",
            tag=TAG, answer=ref("DuplicatePairPage"), answered=ANSWERED, parameters=PARAMETERS, headers=[LINK],
        )
    )  # fmt: skip


def describe_of_customer() -> Callable[[type], type]:
    return extend_schema_view(
        list=operation(
            "listDuplicatesOfCustomer", "List likely duplicates of a customer", f"The pairs that this customer is one of. {FRESH}",
            tag=TAG, answer=ref("DuplicatePairPage"), answered=ANSWERED, parameters=[object_id(CUSTOMER_ID), *PARAMETERS],
            errors=[404], headers=[LINK],
        )
    )  # fmt: skip


def _judging(name: str, title: str, description: str) -> Callable[[type], type]:
    return extend_schema_view(
        create=operation(
            name, title, description, tag=TAG, answer=ref("DuplicatePair"), answered="The pair as it is now.",
            parameters=[object_id(PAIR_ID), IDEMPOTENCY_KEY], errors=[404, *WRITES],
        )
    )  # fmt: skip


def describe_dismiss() -> Callable[[type], type]:
    return _judging(
        "dismissDuplicate", "Say that two are no duplicates",
        "Remembered until one of the two changes in what was compared. A pair that was merged stays merged.",
    )  # fmt: skip


def describe_reopen() -> Callable[[type], type]:
    return _judging("reopenDuplicate", "Take that back", "The pair is open again. A pair that was merged stays merged.")
