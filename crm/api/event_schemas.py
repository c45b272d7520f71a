"""What the events of customers and their rows hold, in the API's description.

Once a customer is deleted, the earlier events of it and its rows have lost their values: of an object only what names it is
left, of a row its customer too. So only that is required.
"""

from crm.api.components import CUSTOMER_ID, ROW_ID, ROW_RULES, RULES
from crm.models import Customer, SupplierNumberAtCustomer
from crm.representation import CUSTOMER_NAMES, SUPPLIER_NUMBER_NAMES
from overplane.api.events.descriptions import event_schema
from overplane.api.schemas import COMPONENTS, TEXT, Schema, closed_object, output_schema, ref

OLD_VALUES = "The old values of what was changed; nothing else."
IDS: Schema = {"type": "array", "items": TEXT | {"examples": [ROW_ID]}}
ORDER = IDS | {"description": "The rows in their new order."}
OLD_ORDER = IDS | {"description": "The rows in their old order."}
CUSTOMER = output_schema(Customer, CUSTOMER_NAMES, rules=RULES)["properties"]
ROW = output_schema(SupplierNumberAtCustomer, SUPPLIER_NUMBER_NAMES, rules=ROW_RULES)["properties"]
# What every event of a row says, also when it has lost its values.
NAMES_ROW = ["id", "customer_id"]
GONE: Schema = {"type": "boolean", "description": "`true`, if present.", "examples": [True]}


def _changeable(properties: dict[str, Schema]) -> Schema:
    rest = {name: one for name, one in properties.items() if name not in ("id", "created_at", "updated_at")}
    return closed_object(rest, required=[], description=OLD_VALUES)


COMPONENTS |= {
    "CustomerChanges": _changeable(CUSTOMER),
    "SupplierNumberAtCustomerChanges": _changeable(ROW),
    "SupplierNumberAtCustomerInEvent": closed_object(
        ROW, required=NAMES_ROW, description="A row as it stood after the change."
    ),
    "DeletedSupplierNumberAtCustomerInEvent": closed_object(
        {"id": ROW["id"], "customer_id": ROW["customer_id"], "deleted": GONE},
        required=NAMES_ROW,
        description="What names a deleted row.",
    ),
    "SupplierNumberAtCustomerOrderInEvent": closed_object(
        {
            "id": TEXT
            | {"description": "The customer, where the event has lost its values.", "examples": [CUSTOMER_ID]},
            "parent_id": ROW["customer_id"] | {"description": "Another name of `customer_id`."},
            "customer_id": ROW["customer_id"] | {"description": "The customer whose rows they are."},
            "ordered_ids": ORDER,
        },
        required=["customer_id"],
        description="The order of a customer's rows.",
    ),
}

event_schema("customer.created", "A customer", ref("Customer"))
event_schema("customer.updated", "A customer", ref("Customer"), ref("CustomerChanges"))
event_schema("customer.deleted", "A customer", ref("DeletedCustomer"))
_ROW = "supplier_number_at_customer"
event_schema(f"{_ROW}.created", "A row", ref("SupplierNumberAtCustomerInEvent"))
event_schema(f"{_ROW}.updated", "A row", ref("SupplierNumberAtCustomerInEvent"), ref("SupplierNumberAtCustomerChanges"))
event_schema(
    f"{_ROW}.deleted",
    "A row",
    ref("DeletedSupplierNumberAtCustomerInEvent"),
    ref("SupplierNumberAtCustomerChanges"),
)
event_schema(
    f"{_ROW}.reordered",
    "The list of a customer's rows",
    ref("SupplierNumberAtCustomerOrderInEvent"),
    closed_object({"ordered_ids": OLD_ORDER}, required=[], description=OLD_VALUES),
)
