"""Likely duplicates of a customer while it is typed in; by the same signs as the search for them among all."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext

from crm import duplicates

MAX_LENGTH = 255  # of a text field
MIN_NAME_LENGTH = 4  # fewer letters look like too many names


def hints(typed: Mapping[str, str]) -> dict[str, Any]:
    texts = {name: typed.get(name, "").replace("\0", "").strip()[:MAX_LENGTH] for name in duplicates.COMPARED}
    if len(texts["customer_name"]) < MIN_NAME_LENGTH:
        texts["customer_name"] = ""
    why = {
        "tax_id": gettext("same tax ID"),
        "email_id": gettext("same e-mail"),
        "customer_name": gettext("same name"),
        "similar_name": gettext("similar name"),
    }
    customers = [
        {"name": name, "why": why[reason], "url": reverse("admin:crm_customer_change", args=[customer_id])}
        for reason, customer_id, name in duplicates.like(texts, unless=typed.get("self", ""))
    ]
    return {"title": gettext("Perhaps there already:"), "customers": customers}
