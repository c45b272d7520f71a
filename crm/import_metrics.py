"""Which imports are under way, for `/metrics`: also those of commands, of which no job tells."""

import logging
from collections.abc import Iterator

from django.db import Error
from django.db.models import Count, Q, Sum
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from crm.models import ImportRun, RunState

log = logging.getLogger("crm.imports")
STATES = (RunState.QUEUED, RunState.CHECKING, RunState.WRITING, RunState.UNDOING)
# One that broke off keeps its state, but has an end; what is taken back had one before.
UNDER_WAY = Q(state__in=STATES[:-1], finished_at=None) | Q(state=RunState.UNDOING)


class ImportCollector(Collector):
    """Runs are few: one for each file. A command that was killed could not say so: its run stays here, and its rows do not grow."""

    def collect(self) -> Iterator[Metric]:
        try:
            found = list(
                ImportRun.objects.filter(UNDER_WAY)
                .order_by()
                .values_list("state")
                .annotate(runs=Count("pk"), rows=Sum("position"))
            )
        except Error as failure:
            log.warning("the imports are not known: %s", type(failure).__name__)
            return
        by_state = {state: (runs, rows) for state, runs, rows in found}
        imports = GaugeMetricFamily("overplane_imports", "Imports that wait or are under way.", labels=["state"])
        for state in STATES:
            imports.add_metric([state.value], by_state.get(state, (0, 0))[0])
        written = GaugeMetricFamily(
            "overplane_import_rows", "Rows of files that are written by the imports that are at it."
        )
        written.add_metric([], by_state.get(RunState.WRITING, (0, 0))[1])
        yield from (imports, written)
