"""The sections of the customer form: how a person thinks of a customer, not how the object lists its attributes."""

from django.utils.translation import gettext_lazy as _

from crm.representation import CUSTOMER_NAMES
from overplane.backoffice.filters import Text

RECORD = _("Record")
SECTIONS = {
    _("Identity"): (
        "customer_name", "customer_type", "first_name", "last_name", "gender", "image", "customer_details",
    ),
    _("Contact and address"): (
        "customer_primary_contact", "email_id", "mobile_no", "website", "language", "customer_primary_address",
        "primary_address",
    ),
    _("Commercial"): (
        "customer_group", "territory", "market_segment", "industry", "account_manager", "default_currency",
        "default_price_list", "payment_terms", "default_bank_account", "default_sales_partner",
        "default_commission_rate", "customer_pos_id",
    ),
    _("Tax"): ("tax_id", "tax_category", "tax_withholding_category", "tax_withholding_group"),
    _("Loyalty"): ("loyalty_program", "loyalty_program_tier"),
    _("Rules and status"): (
        "disabled", "is_frozen", "is_internal_customer", "represents_company", "so_required", "dn_required",
    ),
    RECORD: ("id", "created_at", "updated_at", "lead_name", "opportunity_name", "prospect_name"),
}  # fmt: skip
GENERATED = ("id", "created_at", "updated_at")
# Free texts that name something; people should not have to remember how it was written last time.
SUGGESTED = (
    "customer_group", "territory", "market_segment", "industry", "account_manager", "default_price_list",
    "payment_terms", "default_bank_account", "default_sales_partner", "default_currency", "language", "gender",
    "tax_category", "tax_withholding_category", "tax_withholding_group", "loyalty_program", "loyalty_program_tier",
    "represents_company",
)  # fmt: skip

HELP = {
    "customer_name": _("As it shall stand on documents."),
    "customer_details": _("Anything that a colleague should know."),
    "image": _("The address of a picture or logo."),
    "email_id": _("One address."),
    "mobile_no": _("With the country's code, as +49 170 1234567."),
    "website": _("Shown as a link where it is a web address beyond doubt."),
    "language": _("The language of printed documents, as “de”."),
    "customer_primary_address": _("The name under which the address is kept."),
    "default_currency": _("Three capital letters, as EUR."),
    "default_commission_rate": _("In per cent, from 0 to 100."),
    "default_bank_account": _("The account of ours that this customer pays into."),
    "customer_pos_id": _("The customer's number at the point of sale."),
    "tax_id": _("VAT number or another tax number."),
    "disabled": _("Not offered for new documents any more."),
    "is_frozen": _("Nothing can be posted to this customer for now."),
    "is_internal_customer": _("Another company of our own group."),
    "represents_company": _("Which of our companies an internal customer stands for."),
}


def fieldsets(*, adding: bool) -> list[tuple[Text, dict[str, list[str]]]]:
    """The sections; an attribute that none of them knows stands in a last one by itself."""
    sections: list[tuple[Text, dict[str, list[str]]]] = [
        (title, {"fields": [n for n in names if n in CUSTOMER_NAMES and not (adding and n in GENERATED)]})
        for title, names in SECTIONS.items()
    ]
    placed = {name for names in SECTIONS.values() for name in names}
    if others := [name for name in CUSTOMER_NAMES if name not in placed]:
        sections.append((_("Other"), {"fields": others}))
    return sections
