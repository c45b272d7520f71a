"""Likely duplicates of a customer while it is typed in; by the same signs as the search for them among all."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext

from crm import duplicates

LONGEST = 255
SHORTEST_NAME = 4


def answer(given: Mapping[str, str]) -> dict[str, Any]:
    texts = {name: given.get(name, "").replace("\0", "").strip()[:LONGEST] for name in duplicates.COMPARED}
    if len(texts["customer_name"]) < SHORTEST_NAME:
        texts["customer_name"] = ""
    why = {
        "tax_id": gettext("same tax ID"),
        "email_id": gettext("same e-mail"),
        "customer_name": gettext("same name"),
        "similar_name": gettext("similar name"),
    }
    found = [
        {"name": name, "why": why[reason], "url": reverse("admin:crm_customer_change", args=[customer_id])}
        for reason, customer_id, name in duplicates.like(texts, unless=given.get("self", ""))
    ]
    return {"title": gettext("Perhaps there already:"), "found": found}
