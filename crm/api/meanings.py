"""What the API's description says in words: each attribute's purpose, and each kind of line item."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.utils import translation
from django.utils.text import capfirst

from crm.line_items import LINE_ITEMS as KINDS
from crm.line_items import LineItem


def enumerated(words: Sequence[str], last: str) -> str:
    """`a, b and c`, where `last` is "and"."""
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def several(kinds: Sequence[LineItem], last: str = "and") -> str:
    """What the line items of these kinds are called."""
    return enumerated(plural_labels(kinds), last)


def plural_labels(kinds: Sequence[LineItem]) -> list[str]:
    with translation.override("en"):
        return [str(kind.label_plural) for kind in kinds]


# What each attribute holds and is for. One that is not here yet is told by its label.
MEANINGS: dict[str, str] = {
    "id": "Unique identifier of the customer, given when it is created.",
    "created_at": "When the customer was created, in UTC and whole seconds.",
    "updated_at": "When an attribute last changed, in UTC and whole seconds."
    f" Changes of {several(KINDS)} do not count.",
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


@dataclass(frozen=True, slots=True)
class LineItemWords:
    """Of one kind: the section's title and text, the object's text, the name of several, and its attributes' purposes."""

    tag: str
    about: str
    text: str
    plural: str
    meanings: dict[str, str] = field(default_factory=dict)


SAME_FOR_ALL = {
    "id": "Unique identifier of the line item, given when it is created.",
    "idx": "The position among the customer's line items, from 1 and without a gap.",
    "customer_id": "The customer that the line item belongs to, for good.",
}
LINE_ITEM_MEANINGS: dict[str, LineItemWords] = {
    "supplier_numbers": LineItemWords(
        tag="Supplier numbers at customer",
        about="The numbers under which a customer's companies know you as a supplier: line items that belong to a customer, in an"
        " order of their own.",
        text="The number under which one company of the customer's knows you as a supplier.",
        plural="SupplierNumbersAtCustomer",
        meanings={
            "company": "Which company of the customer's group uses the number.",
            "supplier_number": "The number under which that company knows you as its supplier.",
        },
    ),
}


def words_of(kind: LineItem) -> LineItemWords:
    """What is written above, or what the kind's labels give."""
    with translation.override("en"):
        label, several = str(kind.label), str(kind.label_plural)
    about = f"The {several} of a customer: line items that belong to it, in an order of their own."
    return LINE_ITEM_MEANINGS.get(kind.name) or LineItemWords(
        capfirst(several), about, f"One {label} of a customer, as a line item that belongs to it.", f"{kind.schema}s"
    )
