"""What the admin's first page shows. A job counts all customers; the page reads its last result."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from django.db.models import Count, Q
from django.db.models.functions import TruncWeek
from django.utils import timezone
from django.utils.translation import gettext

from crm.backoffice.needs import MISSING, my_recent, needs
from crm.backoffice.wording import changed_labels, event_words
from crm.models import Customer
from overplane.backoffice.grid import CHOICE_WORDS, choice_word
from overplane.database import counters
from overplane.database.fields import field_of
from overplane.events.changes import door_name, people
from overplane.events.models import Event
from overplane.events.per_day import DOORS, changes_per_day
from overplane.jobs.models import OPEN, Job, State
from overplane.jobs.owners import visible_to

KIND = "crm.count_customers"
WEEKS = 26  # half a year, which shows a season
MAX_BARS = 8  # of a plot; what is left is one bar more
DAYS = 14  # of changes: two weeks show what is usual on which day
PLOTTED = ("customer_type", "customer_group", "territory")


def count_customers() -> dict[str, Any]:
    """The figures of the plots, as the job keeps them."""
    return {
        "counted_at": timezone.now().isoformat(),
        "total": counters.total(connection, "crm_customer"),
        "new_per_week": _new_per_week(),
        "changes": changes_per_day(DAYS),
        "missing": {name: Customer.objects.filter(**{f"{name}__isnull": True}).count() for name in MISSING},
    } | {name: _biggest(name) for name in PLOTTED}


def _new_per_week() -> list[tuple[str, int]]:
    """New customers of the last weeks, each week named by its Monday; weeks without any are there too."""
    today = timezone.now().date()
    monday = today - timedelta(days=today.weekday())
    first = monday - timedelta(weeks=WEEKS - 1)
    start = datetime.combine(first, datetime.min.time(), tzinfo=timezone.get_current_timezone())
    recent = Customer.objects.filter(created_at__gte=start).order_by().annotate(week=TruncWeek("created_at"))
    counted = {week.date(): n for week, n in recent.values_list("week").annotate(n=Count("id"))}
    weeks = [first + timedelta(weeks=i) for i in range(WEEKS)]
    return [(week.isoformat(), counted.get(week, 0)) for week in weeks]


def _biggest(name: str) -> list[tuple[str | None, int]]:
    """A text that one customer alone has is none of them: it would stay in the job's result when that one is erased."""
    counted = Customer.objects.order_by().values_list(name).annotate(n=Count("id")).order_by("-n")
    if field_of(Customer, name) not in CHOICE_WORDS:
        counted = counted.filter(Q(n__gt=1) | Q(**{f"{name}__isnull": True}))
    return [tuple(row) for row in counted[:MAX_BARS]]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the plot of weeks, in the plot's own units."""

    label: str
    n: int
    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    label: str
    n: int
    percent: float
    value: str


@dataclass(frozen=True, slots=True)
class Part:
    """What came through one door on a day, as a part of its column."""

    door: str
    label: str
    n: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Day:
    label: date
    n: int
    x: float
    parts: list[Part]


HEIGHT, STEP = 100.0, 20.0  # units of the drawing, which the page scales


def columns(weeks: Sequence[Sequence[Any]]) -> list[Column]:
    highest = max([n for _week, n in weeks], default=0) or 1
    drawing = []
    for i, (week, n) in enumerate(weeks):
        height = round(HEIGHT * n / highest, 1)
        drawing.append(Column(week, n, i * STEP + 2, HEIGHT - height, height))
    return drawing


def day_columns(days: Sequence[tuple[str, dict[str, int]]]) -> list[Day]:
    """Stacked: the back office lowest, then the API, imports and the system."""
    highest = max([sum(doors.values()) for _day, doors in days], default=0) or 1
    drawing = []
    for i, (day, doors) in enumerate(days):
        parts, below = [], 0.0
        for door in (*DOORS, "system"):
            if n := doors.get(door, 0):
                height = round(HEIGHT * n / highest, 1)
                below += height
                parts.append(Part(door, str(door_name(door)), n, HEIGHT - below, height))
        drawing.append(Day(date.fromisoformat(day), sum(doors.values()), i * STEP + 2, parts))
    return drawing


def bars(name: str, counted: Sequence[Sequence[Any]], total: int) -> list[Bar]:
    """The biggest values of an attribute, and what is left in one."""
    known = field_of(Customer, name)
    biggest = [
        (str(choice_word(known, value)) if value is not None else gettext("(none)"), n, value or "")
        for value, n in counted
    ]
    if (rest := total - sum(n for _label, n, _value in biggest)) > 0:
        biggest.append((gettext("(others)"), rest, ""))
    highest = max([n for _label, n, _value in biggest], default=0) or 1
    return [Bar(label, n, round(100 * n / highest, 1), value) for label, n, value in biggest]


def last_count() -> dict[str, Any] | None:
    """The newest result of the job, its moment as a datetime."""
    results = Job.objects.filter(kind=KIND, state=State.DONE).order_by("-created_at").values_list("result", flat=True)
    result = results.first()
    return result and result | {"counted_at": datetime.fromisoformat(result["counted_at"])}


def figures(counted: dict[str, Any] | None) -> dict[str, Any]:
    """The total, exact, for the database counts along; the plots, if they were counted already."""
    context: dict[str, Any] = {"total": counters.total(connection, "crm_customer")}
    if counted:
        context["days"] = day_columns(counted.get("changes", []))
        weeks = [(date.fromisoformat(week), n) for week, n in counted["new_per_week"]]
        plots = [(field_of(Customer, n).verbose_name, n, bars(n, counted[n], counted["total"])) for n in PLOTTED]
        context |= {"counted_at": counted["counted_at"], "weeks": columns(weeks), "width": WEEKS * STEP, "plots": plots}
    return context


@dataclass(frozen=True, slots=True)
class Activity:
    event: Event
    what: str
    who: str
    name: str | None
    changed: list[str]


def changed_last(limit: int = 10) -> list[Activity]:
    events = list(Event.objects.order_by("-seq").defer("object", "previous")[:limit])
    names = dict(Customer.objects.filter(pk__in={e.subject for e in events}).values_list("id", "customer_name"))
    who = people(events)
    return [
        Activity(
            event,
            event_words(event.type),
            who[event.actor],
            names.get(event.subject),
            changed_labels(event),
        )
        for event in events
    ]


def panels(user: User | AnonymousUser, actor: str) -> dict[str, Any]:
    """What this person, `actor` in the log, may see of the page."""
    now = timezone.now()
    context: dict[str, Any] = {"now": now}
    if user.has_perm("crm.view_customer"):
        counted = last_count()
        context |= figures(counted) | {"recent": my_recent(actor)}
        context["needs"] = needs(user, counted)
    if user.has_perm("overplane_events.view_event"):
        context["events"] = changed_last()
    if user.has_perm("crm.add_customer"):
        jobs = Job.objects.filter(state__in=OPEN, kind="crm.import_customers").order_by("-id")
        context["jobs"] = jobs.filter(visible_to(user))[:10]
    return context
