"""The objects of customers and their rows in the API's description. Attributes come off the models by themselves."""

from crm import rules
from crm.api.serializers import MAX_OPERATIONS, MAX_ROWS
from crm.batches import MATCHABLE
from crm.models import Customer, SupplierNumberAtCustomer
from crm.representation import CUSTOMER_NAMES, SUPPLIER_NUMBER_NAMES
from overplane.api.schemas import (
    COMPONENTS,
    FORBIDDEN,
    STORABLE,
    TEXT,
    Schema,
    closed_object,
    deleted_schema,
    example_of,
    input_schema,
    one_of_two,
    output_schema,
    page_schema,
    ref,
    tagged_union,
)
from overplane.api.serializers import IGNORED

# What leaves nothing on paper, as far as patterns can say it (see overplane.database.text).
INVISIBLE = (
    r"\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u202A-\u202E\u2060-\u206F\u2800\u3164"
    r"\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB"
)
BLANKS = rf"[^\S{FORBIDDEN}]*"
CUSTOMER_ID, ROW_ID = "customer_abc123", "supplier-number-at-customer_abc123"
# What each attribute holds and is for. One that is not here yet is told by its label.
MEANINGS: dict[str, str] = {
    "id": "Unique identifier of the customer, given when it is created.",
    "created_at": "When the customer was created, in UTC and whole seconds.",
    "updated_at": "When an attribute last changed, in UTC and whole seconds. Changes of supplier numbers do not count.",
    "customer_name": "The name of the company or person, as it stands on documents.",
    "gender": "The gender of a customer that is a person, in your own words.",
    "customer_type": "What the customer is: a company, a single person or a partnership.",
    "default_bank_account": "Which of your own bank accounts the customer pays into.",
    "lead_name": "The lead that became this customer, by its name or number.",
    "image": "The address of the customer's logo or portrait.",
    "account_manager": "Who in your company looks after the customer.",
    "customer_group": "The group that the customer belongs to, for prices, reports and rules.",
    "territory": "The sales region that the customer counts towards.",
    "tax_id": "The customer's VAT number, or the number under which a tax office knows it.",
    "tax_category": "The category that decides which taxes are charged on sales to the customer.",
    "disabled": "Whether the customer is out of use: it stays on record, but is not offered for new documents.",
    "is_internal_customer": "Whether the customer is another company of your own group.",
    "represents_company": "Which company of your own group an internal customer stands for.",
    "default_currency": "The currency in which the customer is billed: three letters of ISO 4217.",
    "default_price_list": "The price list from which the customer's prices are taken.",
    "language": "The language in which documents for the customer are printed.",
    "website": "The address of the customer's web site.",
    "customer_primary_contact": "The person to talk to first, by the name of the contact record.",
    "mobile_no": "The mobile phone number of the primary contact.",
    "email_id": "The e-mail address of the primary contact; a single one.",
    "customer_primary_address": "The address record that is used first, by its name. Its text is `primary_address`.",
    "primary_address": "The primary address as text, with its line breaks.",
    "payment_terms": "The payment terms that new invoices to the customer begin with.",
    "customer_details": "Notes about the customer that a colleague should know.",
    "market_segment": "The part of the market that the customer belongs to.",
    "industry": "The line of business that the customer works in.",
    "is_frozen": "Whether the account is frozen: nothing may be posted to it for now.",
    "loyalty_program": "The loyalty program in which the customer collects points.",
    "loyalty_program_tier": "The tier that the customer has reached in its loyalty program.",
    "default_sales_partner": "The sales partner who brings in the customer's orders and earns a commission.",
    "default_commission_rate": "The sales partner's commission on the customer's orders, in per cent.",
    "customer_pos_id": "The number under which the point of sale knows the customer.",
    "so_required": "Whether sales invoices may be made for the customer without a sales order.",
    "dn_required": "Whether sales invoices may be made for the customer without a delivery note.",
    "tax_withholding_category": "The category that decides how much tax is withheld from the customer's payments.",
    "opportunity_name": "The sales opportunity that became this customer, by its name or number.",
    "prospect_name": "The prospect that became this customer, by its name.",
    "first_name": "The first name of the customer, or of its primary contact.",
    "last_name": "The last name of the customer, or of its primary contact.",
    "tax_withholding_group": "The group of withholding taxes that applies to the customer.",
}
ROW_MEANINGS: dict[str, str] = {
    "id": "Unique identifier of the row, given when it is created.",
    "idx": "The position among the customer's rows, from 1 and without a gap.",
    "customer_id": "The customer that the row belongs to, for good.",
    "company": "Which company of the customer's group uses the number.",
    "supplier_number": "The number under which that company knows you as its supplier.",
}


def _told(rules: dict[str, Schema], meanings: dict[str, str]) -> dict[str, Schema]:
    names = meanings | rules
    texts = {name: {"description": text} for name, text in meanings.items()}
    return {name: texts.get(name, {}) | rules.get(name, {}) for name in names}


# The rules of crm.rules in the words of JSON Schema, and examples where the attribute's name makes none.
RULES: dict[str, Schema] = {
    "id": {"examples": [CUSTOMER_ID]},
    "customer_name": {"pattern": f"^[^{FORBIDDEN}]*[^\\s{INVISIBLE}{FORBIDDEN}][^{FORBIDDEN}]*$"},
    **{name: {"enum": list(choices)} for name, choices in rules.CHOICES.items()},
    "email_id": {
        "pattern": f"^{BLANKS}([^@\\s{FORBIDDEN}]+@[^@\\s{FORBIDDEN}]+)?{BLANKS}$",
        "examples": ["user@example.com"],
    },
    "default_currency": {"pattern": f"^{BLANKS}([A-Z]{{3}})?{BLANKS}$", "examples": ["USD"]},
    "represents_company": {"examples": ["Example Corp"]},
    "default_commission_rate": {"examples": [0]},
}
ROW_RULES: dict[str, Schema] = {
    "id": {"examples": [ROW_ID]},
    "customer_id": {"examples": [CUSTOMER_ID]},
    "company": {"examples": ["Example Corp"]},
    "idx": {"minimum": 1},
}
RULES, ROW_RULES = _told(RULES, MEANINGS), _told(ROW_RULES, ROW_MEANINGS)
PARENT: Schema = {"type": "string", "minLength": 1, "pattern": STORABLE} | ROW_RULES["customer_id"]
SORTED_IGNORED = sorted(IGNORED)


def _identifier(rules: dict[str, Schema]) -> Schema:
    return TEXT | rules["id"]


def _row_input(*, new: bool) -> Schema:
    schema = input_schema(SupplierNumberAtCustomer, rules=ROW_RULES, partial=True, ignored=SORTED_IGNORED)
    schema["properties"] |= {
        "customer_id": PARENT,
        "parent_id": PARENT | {"description": "Another name of `customer_id`."},
    }
    if new:
        schema |= one_of_two("customer_id", "parent_id")
        schema["examples"] = [
            {"customer_id": CUSTOMER_ID, "company": "Example Corp", "supplier_number": "supplier_number_example"}
        ]
    return schema


def _row_in_customer() -> Schema:
    """A row as it is sent with its customer, where its place in the list is its position."""
    ignored = ["idx", "customer_id"]
    schema = input_schema(SupplierNumberAtCustomer, rules=ROW_RULES, partial=True, ignored=ignored)
    row_id = STORABLE_TEXT | {
        "description": "Which row it is. A row without an id is new; on creating a customer all are."
    }
    schema["properties"] = {"id": row_id} | schema["properties"]
    return schema | {"description": "A row of the customer that is sent."}


def _customer_input(*, partial: bool) -> Schema:
    schema = input_schema(Customer, rules=RULES, partial=partial, ignored=SORTED_IGNORED)
    schema["properties"]["supplier_numbers"] = {
        "type": "array",
        "maxItems": MAX_ROWS,
        "items": ref("SupplierNumberInCustomer"),
        "description": "All rows of the customer, in order. Rows with an id are kept, changed and moved, those without are new,"
        " absent ones are deleted. Not given: rows stay as they are.",
    }
    return schema


STORABLE_TEXT = TEXT | {"pattern": STORABLE}
SUBJECT: Schema = STORABLE_TEXT | {"description": "Which customer, by its identifier."}
CONDITION: Schema = TEXT | {
    "pattern": r'^(\*|(W/)?"[0-9]{1,9}")$',
    "description": "The `etag` that the customer must have, as `If-Match` says it for one; else 412 in its place.",
    "examples": ['"3"'],
}
BATCHED: dict[str, dict[str, Schema]] = {
    "create": {"data": ref("CustomerCreate")},
    "retrieve": {"id": SUBJECT},
    "update": {"id": SUBJECT, "if_match": CONDITION, "data": ref("CustomerUpdate")},
    "delete": {"id": SUBJECT, "if_match": CONDITION},
    "upsert": {
        "match_on": TEXT | {"enum": list(MATCHABLE), "description": "The attribute of `data` to find the customer by."},
        "data": ref("CustomerUpdate"),
    },
}
BATCH_EXAMPLE = {
    "operations": [
        {"op": "create", "data": {"customer_name": "customer_name_example"}},
        {"op": "update", "id": CUSTOMER_ID, "data": {"gender": "gender_example"}},
        {
            "op": "upsert",
            "match_on": "tax_id",
            "data": {"tax_id": "tax_id_example", "customer_name": "customer_name_example"},
        },
    ],
    "atomic": True,
}


def _operation(op: str, rest: dict[str, Schema]) -> Schema:
    """One kind of operation; everything but a condition must be there."""
    properties = {"op": TEXT | {"const": op}} | rest
    return closed_object(properties, required=[name for name in properties if name != "if_match"])


def _customer() -> Schema:
    """The one description of a customer in answers: always true, without alternatives.

    A schema cannot depend on the query. `fields` leaves attributes out, `expand[]` adds the rows, and the events of a
    deleted customer keep its id alone, so only `id` is required. (Saying that all are makes generated clients raise on
    `fields`; alternatives make others raise always. Google's and Microsoft's APIs, which can narrow too, do the same.)
    """
    schema = output_schema(Customer, CUSTOMER_NAMES, rules=RULES, required=["id"])
    sample = {name: example_of(one, name) for name, one in schema["properties"].items()}
    schema["properties"]["supplier_numbers"] = ROWS
    return schema | {"description": CUSTOMER_TEXT, "examples": [sample]}


ROWS: Schema = {
    "type": "array",
    "items": ref("SupplierNumberAtCustomer"),
    "description": "The customer's rows by `idx`, where `expand[]=supplier_numbers` asks for them or they were sent.",
}
CUSTOMER_TEXT = (
    "A company or person you sell to. All attributes come every time, unless `fields` narrows them; one without a value"
    " is `null`."
)
ROW_TEXT = "The number under which one company of the customer's knows you as a supplier."
COMPONENTS |= {
    "Customer": _customer(),
    "CustomerCreate": _customer_input(partial=False),
    "CustomerUpdate": _customer_input(partial=True),
    "SupplierNumberInCustomer": _row_in_customer(),
    "CustomerPage": page_schema("Customer", "A page of customers."),
    "SupplierNumberAtCustomer": output_schema(
        SupplierNumberAtCustomer, SUPPLIER_NUMBER_NAMES, rules=ROW_RULES, description=ROW_TEXT
    ),
    "SupplierNumberAtCustomerCreate": _row_input(new=True),
    "SupplierNumberAtCustomerUpdate": _row_input(new=False),
    "SupplierNumberAtCustomerPage": page_schema("SupplierNumberAtCustomer", "Rows of one customer, by `idx`."),
    "SupplierNumberAtCustomerOrder": {
        "type": "object",
        "properties": {
            "parent_id": PARENT | {"description": "The customer whose rows they are."},
            "customer_id": PARENT | {"description": "Another name of `parent_id`."},
            "ordered_ids": {
                "type": "array",
                "items": STORABLE_TEXT | {"examples": [ROW_ID]},
                "description": "Every row of the customer once, in the new order.",
            },
        },
        "required": ["ordered_ids"],
        **one_of_two("parent_id", "customer_id"),
        "additionalProperties": False,
        "examples": [{"parent_id": CUSTOMER_ID, "ordered_ids": [ROW_ID]}],
    },
    "DeletedCustomer": deleted_schema("What is left of a deleted customer.", id=_identifier(RULES)),
    "DeletedSupplierNumberAtCustomer": deleted_schema("What is left of a deleted row.", id=_identifier(ROW_RULES)),
    **{f"Batch{op.title()}": _operation(op, rest) for op, rest in BATCHED.items()},
    "BatchOperation": tagged_union("op", {op: f"Batch{op.title()}" for op in BATCHED}),
    "Batch": {
        "type": "object",
        "properties": {
            "operations": {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_OPERATIONS,
                "items": ref("BatchOperation"),
                "description": f"Up to {MAX_OPERATIONS:,}: `op` is {', '.join(f'`{op}`' for op in BATCHED)}.",
            },
            "atomic": {
                "type": "boolean",
                "description": "Whether all operations are done or none. `true` unless given; with `false` those that can be.",
            },
        },
        "required": ["operations"],
        "additionalProperties": False,
        "examples": [BATCH_EXAMPLE],
    },
    "BatchOutcome": {
        "type": "object",
        "properties": {
            "index": {"type": "integer", "minimum": 0, "description": "Which operation."},
            "status": {
                "type": "integer",
                "enum": [201, 200, 400, 404, 412],
                "description": "What it alone would be answered.",
            },
            "etag": TEXT | {"description": "The version of the customer that is shown.", "examples": ['"3"']},
            "object": {
                # The more particular first: clients take the first that fits.
                "anyOf": [ref("DeletedCustomer"), ref("Customer")],
                "description": "The customer as it is now, or that it is deleted.",
            },
            "error": ref("ErrorDetails") | {"description": "What is wrong, as in an answer of its own."},
        },
        "required": ["index", "status"],
        **one_of_two("object", "error"),
        "additionalProperties": False,
        "examples": [{"index": 0, "status": 200, "object": {"id": CUSTOMER_ID, "deleted": True}}],
    },
    "BatchAnswer": closed_object(
        {"data": {"type": "array", "items": ref("BatchOutcome"), "description": "One for each operation, in order."}}
    ),
}
