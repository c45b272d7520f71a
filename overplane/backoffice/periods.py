"""Stretches of days that people ask for by name. Their days are counted from the day on which somebody looks."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Days = tuple[date, date]  # the first and the last


class Period(NamedTuple):
    label: str | Promise
    days: Callable[[date], Days]


def _last(number: int) -> Callable[[date], Days]:
    return lambda today: (today - timedelta(days=number - 1), today)


def _last_month(today: date) -> Days:
    end = today.replace(day=1) - timedelta(days=1)
    return end.replace(day=1), end


PERIODS = {
    "today": Period(_("today"), _last(1)),
    "this_week": Period(_("this week"), lambda today: (today - timedelta(days=today.weekday()), today)),
    "last_7_days": Period(_("the last 7 days"), _last(7)),
    "last_30_days": Period(_("the last 30 days"), _last(30)),
    "this_month": Period(_("this month"), lambda today: (today.replace(day=1), today)),
    "last_month": Period(_("last month"), _last_month),
    "this_year": Period(_("this year"), lambda today: (today.replace(month=1, day=1), today)),
}
