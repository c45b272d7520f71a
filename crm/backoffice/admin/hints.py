"""Likely duplicates of a customer while it is typed in; by the same scores as the search for them among all."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext

from crm.backoffice import duplicate_words
from crm.duplicates import customers, pairs
from crm.duplicates.near import Likes
from crm.models import Customer

MAX_LENGTH = 255  # of a text field
MAX_ADDRESS = 1000  # letters; no postal address is longer, and each word is looked up
MIN_NAME_LENGTH = 4  # fewer letters look like too many names
TYPED = ("customer_name", "primary_address", "tax_id", "email_id", "mobile_no", "website", "customer_pos_id")
MOST = 5  # customers: more than anybody reads beside a form
HINTED = 0.2  # of what is typed half a customer is known: one in five is worth a look


def hints(typed: Mapping[str, str]) -> dict[str, Any]:
    limits = {"primary_address": MAX_ADDRESS}
    texts = {name: typed.get(name, "").replace("\0", "").strip()[: limits.get(name, MAX_LENGTH)] for name in TYPED}
    if len(texts["customer_name"]) < MIN_NAME_LENGTH:
        texts["customer_name"] = ""
    likes = Likes(customers.of_values(texts), unless=typed.get("self", ""))
    near = list(likes.found(HINTED))[:MOST]
    names = dict(Customer.objects.filter(pk__in=[one.customer_id for one in near]).values_list("pk", "customer_name"))
    listed = [
        {
            "name": names[one.customer_id],
            "why": duplicate_words.in_short(pairs.reasons(likes.model, one.agreements)),
            "url": reverse("admin:crm_customer_change", args=[one.customer_id]),
        }
        for one in near
        if one.customer_id in names
    ]
    return {"title": gettext("Perhaps there already:"), "customers": listed}
