"""What the platform is told of the domain when it starts: event types, who imports, what stands beside the tables."""

from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext

from crm import rules, search
from crm.duplicates import pairs
from crm.import_metrics import ImportCollector
from crm.line_items import BY_NAME, LINE_ITEMS, PARENT
from crm.models import ImportRun
from overplane import observability
from overplane.database import erasure, maintenance
from overplane.events import types


def names_of_imports(ids: Sequence[str]) -> dict[str, str]:
    """The name of each run's file and who began it. A run that takes another back has the file of that one."""
    runs = list(ImportRun.objects.filter(pk__in=ids).values_list("pk", "file_name", "started_by", "settings__undo"))
    taken_back = {undo for *_run, undo in runs if undo}
    files = dict(ImportRun.objects.filter(pk__in=taken_back).values_list("pk", "file_name")) if taken_back else {}
    names = {}
    for run_id, file, started_by, undo in runs:
        text = gettext("%(file)s taken back") % {"file": files[undo]} if undo in files else file
        names[run_id] = f"{text}, {started_by.partition(':')[2]}"
    return names


def check_rules() -> None:
    """A rule for a name that no attribute has would never run."""
    for rules_by_kind in (rules.LINE_ITEM_RULES, rules.LINE_ITEM_CHOICES):
        for name, by_attribute in rules_by_kind.items():
            if name not in BY_NAME or (unknown := set(by_attribute) - set(BY_NAME[name].names)):
                what = name if name not in BY_NAME else f"{name}: {', '.join(sorted(unknown))}"
                raise ImproperlyConfigured(f"crm.rules judges line items that there are not: {what}.")


check_rules()
types.known[:] = [f"customer.{what}" for what in ("created", "updated", "deleted", "merged", "unmerged")]
for kind in LINE_ITEMS:
    types.known.extend(kind.events)
    types.subject_names.update(dict.fromkeys(kind.events, PARENT))
types.known += ["import.finished", "import.undone", "export.finished"]
types.names["import"] = types.Names(names_of_imports)
maintenance.manage_count("crm_customer")
maintenance.manage(maintenance.ManagedObject("crm_customer", search.install, search.missing))
erasure.register("pairs of duplicates", pairs.erase_pairs)
erasure.register("terms of duplicates", pairs.erase_terms)
observability.collectors.append(ImportCollector())
