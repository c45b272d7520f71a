"""The kinds of jobs that this domain has. Each calls the function that a command or page calls too."""

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from crm import dashboard, duplicates
from overplane.jobs.kinds import Kind, Run, register


def count_customers(run: Run) -> dict[str, Any]:
    return dashboard.count_customers()


def find_duplicates(run: Run) -> dict[str, Any]:
    groups = duplicates.find(progress=run.progress)
    return {"groups": [[group.reasons, group.ids] for group in groups]}


# Neither writes: not atomic, so that on SQLite nobody waits for them.
COUNTING = Kind(dashboard.KIND, count_customers, _("Count customers"), atomic=False, every=timedelta(minutes=2))
DUPLICATES = Kind("crm.find_duplicates", find_duplicates, _("Find duplicates"), atomic=False)
for kind in (COUNTING, DUPLICATES):
    register(kind)
