"""What the domain adds to `manage.py doctor`."""

from collections.abc import Iterator

from crm.models import Customer
from overplane.checkups import Finding, register
from overplane.events.checkups import unrecorded


def continuity() -> Iterator[Finding]:
    if count := unrecorded(Customer._meta.db_table):
        yield Finding(
            f"the newest version of {count} customers has no event: something has written past the services",
            "Readers of the feed do not know them: export them anew to each, and find out what wrote",
        )


register("customers in the event log", continuity)
