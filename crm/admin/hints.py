"""Likely duplicates of a customer while it is typed in: same tax ID, e-mail or phone, a very similar name.

Each question is one that an index answers; none looks at more than a handful of rows.
"""

from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext

from crm import search
from crm.models import Customer
from overplane.database.text import fold

MOST = 5
LOOKED_AT = 50
SIMILAR = 0.85
SHORTEST_NAME = 4


def answer(given: Mapping[str, str]) -> dict[str, Any]:
    texts = {n: given.get(n, "").replace("\0", "").strip()[:255] for n in ("customer_name", "tax_id", "email_id")}
    others = Customer.objects.exclude(pk=given.get("self", "").replace("\0", "")[:100]).order_by()
    found: dict[str, tuple[str, str]] = {}
    for reason, chosen in _questions(others, texts):
        for customer_id, name in chosen:
            found.setdefault(customer_id, (name, reason))
    shown = [
        {"name": name, "why": why, "url": reverse("admin:crm_customer_change", args=[customer_id])}
        for customer_id, (name, why) in list(found.items())[:MOST]
    ]
    return {"title": gettext("Perhaps there already:"), "found": shown}


def _questions(others: QuerySet, texts: dict[str, str]) -> Any:
    pairs = others.values_list("pk", "customer_name")
    for name, reason in (("tax_id", gettext("same tax ID")), ("email_id", gettext("same e-mail"))):
        if texts[name]:
            spellings = {texts[name], texts[name].upper(), texts[name].lower(), texts[name].replace(" ", "")}
            yield reason, pairs.filter(Q(**{f"{name}__in": spellings}))[:MOST]
    typed = texts["customer_name"]
    if len(typed) >= SHORTEST_NAME:
        wanted = fold(typed)
        near = [
            (customer_id, name)
            for customer_id, name in search.narrow(pairs, " ".join(typed.split()[:4]))[:LOOKED_AT]
            if SequenceMatcher(None, wanted, fold(name)).ratio() >= SIMILAR
        ]
        yield gettext("similar name"), near
