"""The form of the merge page, as a browser sends it."""

from typing import Any

from crm.models import Customer


def form(survivor: str, *others: str, **fields: str) -> dict[str, Any]:
    ids = [survivor, *others]
    versions = dict(Customer.objects.filter(pk__in=ids).values_list("id", "version"))
    sent: dict[str, Any] = {"id": ids, "kept": survivor}
    sent |= {f"version-{i}": versions[i] for i in ids}
    return sent | {f"field-{name}": chosen for name, chosen in fields.items()}
