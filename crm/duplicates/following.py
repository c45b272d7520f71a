"""The worker's loop that keeps pairs fresh: whoever was created or changed, by the log, is compared again within seconds.

Where it stands is stored, as webhooks store theirs. What is done twice is done alike, so the lease only saves work.
"""

import logging
import os
import secrets
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta

from django.db import DatabaseError, close_old_connections, connection
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from crm.duplicates import blocking, customers, pairs, search_state, term_table
from crm.duplicates.customers import READ
from crm.duplicates.near import Likes
from crm.duplicates.normalising import packed
from crm.duplicates.pairs import Compared
from crm.duplicates.profile_file import hash_of
from crm.duplicates.search_state import ROW
from crm.line_items import LINE_ITEMS
from crm.models import DuplicateSearch
from overplane.database import leases, statements
from overplane.events.feed import Log
from overplane.events.models import Event
from overplane.events.positions import Position, order

PAGE = 50  # events read at once: as many customers take a second or two, and are compared twice after a crash
TICK_SECONDS = 0.5  # an event waits so long at most, and an idle worker asks for one number as often
PAUSE_SECONDS = 2.0  # while the database does not answer, or the whole table is being compared
# Events that are behind, after an import: comparing the whole table takes less time than as many customers one by one.
FAR_BEHIND = 20_000
LEASE = timedelta(seconds=30)
GONE = ("customer.deleted", "customer.merged")
ALWAYS = {"customer.created", "customer.unmerged", *(event for kind in LINE_ITEMS for event in kind.events)}
log = logging.getLogger("crm.duplicates")


class Follower:
    """`search`: asks for a comparison of the whole table; it is not called while one is under way."""

    def __init__(self, search: Callable[[], object]) -> None:
        self.search = search
        self.name = f"{os.getpid()}:{secrets.token_hex(4)}"

    def run(self, stopped: threading.Event) -> None:
        try:
            while not stopped.is_set():
                close_old_connections()
                try:
                    pause = self.step()
                except DatabaseError:
                    log.exception("The database does not answer; trying again.")
                    connection.close()
                    pause = PAUSE_SECONDS
                stopped.wait(pause)
        finally:
            connection.close()

    def step(self) -> float:
        """Compares a page of the log; how many seconds to wait then."""
        here = DuplicateSearch.objects.filter(pk=ROW)
        found = here.values_list("epoch", "xid", "seq").first()  # not the estimates, which are long
        if found is None or search_state.needs_search():
            return self._ask()
        position = Position(*found)
        end, _ = Log.now().end()
        if position >= end or not self._hold():
            return TICK_SECONDS
        by = order()
        unread = Event.objects.filter(by.after(position), by.until(end)).order_by(*by.columns)
        if unread.order_by()[FAR_BEHIND : FAR_BEHIND + 1].exists():
            return self._ask()
        rows = list(unread.values_list("epoch", "xid", "seq", "type", "subject", "changed")[:PAGE])
        self._follow([row[3:] for row in rows])
        until = Position(*rows[-1][:3]) if len(rows) == PAGE else end
        # Nothing if the whole table was compared meanwhile: that stands further on, or reads this page again.
        here.filter(**position._asdict()).update(**until._asdict())
        return 0 if until != end else TICK_SECONDS

    def _ask(self) -> float:
        if not search_state.is_searching():
            self.search()
        return PAUSE_SECONDS

    def _hold(self) -> bool:
        free = Q(holder=self.name) | leases.is_over("held_until", LEASE)
        return bool(DuplicateSearch.objects.filter(free, pk=ROW).update(holder=self.name, held_until=Now() + LEASE))

    @staticmethod
    def _follow(events: Sequence[tuple[str, str, str]]) -> None:
        changed: dict[str, None] = {}
        for type_, subject, names in events:
            if type_ in GONE or type_ in ALWAYS or not names or not set(READ).isdisjoint(names.split()):
                changed[subject] = None
        for customer_id in changed:
            compare_again(customer_id)


def compare_again(customer_id: str) -> None:
    """Finds this customer's pairs anew. One that is gone leaves nothing."""
    profile = customers.profiles([customer_id]).get(customer_id)
    if profile is None:
        statements.run(*pairs.erase_terms([customer_id]))
        return
    term_table.replace({customer_id: blocking.terms(profile)})
    likes = Likes(profile, unless=customer_id)
    own = (customer_id, hash_of(packed(profile)))
    found = [
        Compared(
            own, (one.customer_id, hash_of(packed(one.profile))), one.score, pairs.reasons(likes.model, one.agreements)
        )
        for one in likes.found()
    ]
    pairs.store(found, timezone.now())
    pairs.forget_others(*own, [one.other[0] for one in found])
