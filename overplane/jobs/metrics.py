"""How long the queue is and how far its jobs are, for `/metrics`."""

import logging
from collections.abc import Iterator

from django.db import Error
from django.db.models import Count, F, FloatField, Min
from django.db.models.functions import Cast
from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from overplane.jobs import kinds
from overplane.jobs.models import OPEN, Job, State

log = logging.getLogger("overplane.jobs")


class JobCollector(Collector):
    """By the index of open jobs, which are few."""

    def collect(self) -> Iterator[Metric]:
        now, running = timezone.now(), Job.objects.filter(state=State.RUNNING, kind__in=kinds.known).order_by()
        due = Job.objects.filter(state=State.QUEUED, run_after__lte=now)
        try:
            counts = dict(Job.objects.filter(state__in=OPEN).order_by().values_list("state").annotate(n=Count("pk")))
            oldest = due.aggregate(first=Min("run_after"))["first"]
            share = Cast(F("done"), FloatField()) / F("total")
            shares = dict(running.filter(total__gt=0).values_list("kind").annotate(share=Min(share)))
        except Error as failure:
            log.warning("the state of the queue is not known: %s", type(failure).__name__)
            return
        jobs = GaugeMetricFamily("overplane_jobs", "Jobs that wait or run.", labels=["state"])
        for state in OPEN:
            jobs.add_metric([state.value], counts.get(state, 0))
        age = GaugeMetricFamily("overplane_jobs_oldest_seconds", "How long the first job has waited for a worker.")
        age.add_metric([], max((now - oldest).total_seconds(), 0.0) if oldest else 0.0)
        progress = GaugeMetricFamily(
            "overplane_job_progress",
            "How much of a running job is done, from 0 to 1; the least of its kind.",
            labels=["kind"],
        )
        for kind, one in shares.items():
            progress.add_metric([kind], one)
        yield from (jobs, age, progress)
