"""Which deliveries are started next."""

from collections.abc import Collection
from dataclasses import dataclass, field

from django.db.models import QuerySet

from overplane.events.webhooks import clock, schedule
from overplane.events.webhooks.models import OF_THE_FEED, REQUESTED, Delivery, Endpoint

MAX_PARALLEL = 8  # requests under way to an endpoint
WINDOW = 64  # deliveries read ahead; bodies never are, for values may be erased meanwhile


@dataclass(slots=True)
class Picker:
    """`busy`: what is under way. Never two of one subject at a time."""

    prefetched: dict[str, list[Delivery]] = field(default_factory=dict)

    def may_read(self, endpoint: Endpoint, under_way: Collection[int]) -> bool:
        """May it read on in the feed? Not while it is behind with what was read: the rest waits in the log, for nothing."""
        is_full = len(under_way) >= MAX_PARALLEL and self.prefetched.get(endpoint.pk)
        return endpoint.is_enabled and endpoint.probe_at is None and not is_full

    def due(self, endpoint: Endpoint, busy: list[Delivery]) -> list[Delivery]:
        free, now = MAX_PARALLEL - len(busy), clock.now()
        if not endpoint.is_enabled or free <= 0:
            return []
        heads = Delivery.objects.filter(OF_THE_FEED, endpoint=endpoint, next_attempt_at__isnull=False)
        if endpoint.probe_at is not None:
            self.prefetched.pop(endpoint.pk, None)
            if not schedule.is_probe_due(endpoint.probe_at, endpoint.failures, now) or any(
                one.is_of_feed for one in busy
            ):
                return []
            # One that was tried least: so none is tried to its end while nothing arrives.
            return list(_free_of(heads, busy).order_by("attempts", "id")[:1])
        prefetched = self.prefetched.get(endpoint.pk)
        if not prefetched:
            due = _free_of(heads, busy).filter(next_attempt_at__lte=now)
            prefetched = list(due.order_by("next_attempt_at", "id")[:WINDOW])
        taken = {one.subject for one in busy}
        due_now = [one for one in prefetched if one.subject not in taken][:free]
        started = {one.pk for one in due_now}
        self.prefetched[endpoint.pk] = [one for one in prefetched if one.pk not in started and one.subject not in taken]
        return due_now

    def requested(self, endpoint: Endpoint, busy: list[Delivery]) -> list[Delivery]:
        """Replays and the like, behind what the feed brings; several of a subject one after the other."""
        waiting = _free_of(Delivery.objects.filter(REQUESTED, endpoint=endpoint), busy).order_by("id")
        first_of_each: dict[str, Delivery] = {}
        for one in waiting[: 4 * MAX_PARALLEL]:
            first_of_each.setdefault(one.subject, one)
        return list(first_of_each.values())[: MAX_PARALLEL - len(busy)]


def bring_forward(endpoints: Collection[str]) -> None:
    """What waits for a time that a wrong clock has planned is due now."""
    now = clock.now()
    waiting = Delivery.objects.filter(OF_THE_FEED, schedule.is_beyond(now), endpoint__in=endpoints)
    waiting.update(next_attempt_at=now)


def _free_of(chosen: QuerySet[Delivery], busy: list[Delivery]) -> QuerySet[Delivery]:
    return chosen.exclude(subject__in=[one.subject for one in busy]) if busy else chosen
