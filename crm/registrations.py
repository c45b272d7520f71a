"""What the platform is told of the domain when it starts: event types, who imports, what stands beside the tables."""

from collections.abc import Sequence

from crm import search
from crm.line_items import LINE_ITEMS, PARENT
from crm.models import ImportRun
from overplane.database import maintenance
from overplane.events import types


def names_of_imports(ids: Sequence[str]) -> dict[str, str]:
    """Whose file it was."""
    runs = ImportRun.objects.filter(pk__in=ids).values_list("pk", "file_name", "started_by")
    return {run_id: f"{file}, {started_by.partition(':')[2]}" for run_id, file, started_by in runs}


types.known[:] = ["customer.created", "customer.updated", "customer.deleted"]
for kind in LINE_ITEMS:
    types.known.extend(kind.events)
    types.subject_names.update(dict.fromkeys(kind.events, PARENT))
types.names["import"] = types.Names(names_of_imports)
maintenance.manage_count("crm_customer")
maintenance.manage(maintenance.ManagedObject("crm_customer", search.install, search.missing))
