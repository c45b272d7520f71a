"""The names of the registered kinds of line items, as the prose of the reference and of the description says them."""

import json
from collections.abc import Sequence
from typing import Any

from crm.api.line_item_components import CUSTOMER_ID, example_id, example_texts
from crm.api.meanings import enumerated, plural_labels, several
from crm.line_items import LineItem
from overplane.api.reference.schemas import prose


def expanding(parameters: Sequence[str]) -> str:
    verb = "adds" if len(parameters) == 1 else "add"
    return f"{enumerated(parameters, 'and')} {verb} each customer's rows."


def found_in(kinds: Sequence[LineItem]) -> str:
    """Where the words of `q` are looked for."""
    own = ["name", "e-mail", "phone", "tax id", "POS id", "first and last name"]
    return enumerated([*own, *plural_labels([kind for kind in kinds if kind.searched])], "or")


def topic_words(kinds: Sequence[LineItem]) -> dict[str, Any]:
    """What the topics `rows` and `pagination` say of line items. Their samples are of the first kind."""
    first, names = kinds[0], [f"`{kind.name}`" for kind in kinds]
    expanded = [f"`expand[]={kind.name}`" for kind in kinds]
    new = {"customer_name": "customer_name_example", first.name: [example_texts(first)]}
    changed = {first.name: [{"id": example_id(first)}, example_texts(first)]}
    return {
        "line_items": several(kinds),
        "lists": prose(enumerated(names, "and")),
        "is_one_list": len(kinds) == 1,
        "expanded_lists": prose(enumerated(expanded, "and")),
        "address_of_expanded": f"/api/crm/customer?expand[]={first.name}&fields=customer_name,email_id",
        "address_of_customer": f"/api/crm/customer/{CUSTOMER_ID}",
        "body_of_both": json.dumps(new),
        "body_of_changed_list": json.dumps(changed),
    }
