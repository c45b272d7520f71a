"""Website, mail and phone of a customer, to click on."""

import re

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from crm.models import Customer

# A link only from what is an address letter by letter: no other scheme, no user names, no control characters.
WEBSITE = re.compile(r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:[/?#][\x21-\x7e]*)?")
MAIL = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
PHONE = re.compile(r"\+?[0-9]{3,20}")


def safe_links(customer: Customer) -> list[SafeString]:
    """Those of them that are an address beyond doubt."""
    return [link for link in (_website(customer.website), _mail(customer), _phone(customer.mobile_no)) if link]


def _website(value: str | None) -> SafeString | None:
    address = value if value and "://" in value else f"https://{value}"
    if not value or not WEBSITE.fullmatch(address):
        return None
    return format_html('<a href="{}" rel="noopener noreferrer" target="_blank">{}</a>', address, gettext("Website"))


def _mail(customer: Customer) -> SafeString | None:
    if not customer.email_id or not MAIL.fullmatch(customer.email_id):
        return None
    return format_html('<a href="mailto:{}">{}</a>', customer.email_id, gettext("Write an e-mail"))


def _phone(value: str | None) -> SafeString | None:
    number = re.sub(r"[\s()./-]", "", value or "")
    return format_html('<a href="tel:{}">{}</a>', number, gettext("Call")) if PHONE.fullmatch(number) else None
