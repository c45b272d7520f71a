"""How many changes came through which door, day by day, without reading more of the log than those days."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Case, CharField, Count, Max, Min, Value, When
from django.db.models.functions import TruncDate
from django.utils import timezone

from overplane.events.models import Event

DOORS = {"user": "user:", "api_key": "api_key:", "import": "import:"}


def first_number_since(moment: datetime) -> int | None:
    """The number of the first event since then, halving the log: only the numbers have an index, and ascend with time."""
    bounds = Event.objects.aggregate(low=Min("seq"), high=Max("seq"))
    low, high = bounds["low"], bounds["high"]
    if low is None:
        return None
    while low < high:
        middle = (low + high) // 2
        at = Event.objects.filter(seq__gte=middle).order_by("seq").values_list("created_at", flat=True).first()
        if at is None or at >= moment:
            high = middle
        else:
            low = middle + 1
    return low


def changes_per_day(days: int) -> list[tuple[str, dict[str, int]]]:
    """The last days, the newest last; each with its changes by door. Days without any are there too."""
    today = timezone.now().date()
    first = today - timedelta(days=days - 1)
    counted: dict[date, dict[str, int]] = {first + timedelta(days=i): {} for i in range(days)}
    start = first_number_since(datetime.combine(first, time(), tzinfo=timezone.get_current_timezone()))
    if start is not None:
        for row in _counted(start):
            if row["day"] in counted:
                counted[row["day"]][row["door"]] = row["n"]
    return [(day.isoformat(), doors) for day, doors in counted.items()]


def _counted(start: int) -> Any:
    whens = [When(actor__startswith=prefix, then=Value(door)) for door, prefix in DOORS.items()]
    door = Case(*whens, default=Value("system"), output_field=CharField())
    events = Event.objects.filter(seq__gte=start).order_by()
    return events.annotate(day=TruncDate("created_at"), door=door).values("day", "door").annotate(n=Count("seq"))
