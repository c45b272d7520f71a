"""Comparing the whole table: read once, blocked by the database, compared in one pass. Memory does not grow with the table,
but for some bytes a customer.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice
from random import Random

from django.db import connection
from django.utils import timezone

from crm.duplicates import blocking, customers, pairs, search_state, term_table, weighing
from crm.duplicates.comparing import Agreement, compare
from crm.duplicates.judging import ADDRESS
from crm.duplicates.pairs import Compared
from crm.duplicates.profile_file import ProfileFile
from crm.duplicates.scoring import Scoring
from crm.duplicates.terms import Bits, Frequencies, SeenProfiles, bits_of
from crm.duplicates.weighing import NEARLY_CERTAIN, Model
from crm.duplicates.work_tables import WorkTables, add, index
from crm.models import DuplicatePair
from overplane.background import in_background, prefetch
from overplane.database import bulk, counters
from overplane.database.dialect import is_postgresql
from overplane.database.rows import SqlTable
from overplane.events.feed import Log

RANGE = (
    5_000  # customers whose pairs are read at once: 50,000 to 150,000 pairs, 15 MB; up to four times that is in memory
)
SAMPLE = 20_000  # pairs from which shares are estimated; twice as many move no share by a hundredth
# Customers in a row whose pairs are sampled; such rows are drawn from the whole table, as neighbours came in one import.
SAMPLED = 500
WRITTEN = 2_000  # pairs in memory before they are written
RENEWED_SECONDS = 1.0  # so often the search says that it goes on, while it waits for the database
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Counts:
    """What a search says of itself."""

    customers: int = 0
    compared: int = 0
    likely: int = 0
    nearly_certain: int = 0
    copies: int = 0  # customers entered just as another one
    blocks_cut: int = 0
    blocks_too_big: int = 0  # even then: not compared by that key
    largest_block: int = 0

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


@dataclass(slots=True)
class Search:
    progress: Progress = lambda done, total: None
    counts: Counts = field(default_factory=Counts)
    tables: WorkTables = field(default_factory=WorkTables)
    file: ProfileFile = field(default_factory=ProfileFile)
    frequencies: Frequencies = field(default_factory=Frequencies)
    copies: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    bits: Bits = lambda _index, _term: 0.0
    address_bits: "array[float]" = field(default_factory=lambda: array("f"))  # how much the whole address of each says

    def run(self) -> Counts:
        started, log = timezone.now(), Log.now()
        position, _ = log.end()
        total = counters.total(connection, "crm_customer")
        self.frequencies = Frequencies(total)
        try:
            with WorkTables.create() as self.tables:
                wanted_count = self._read(total)
                self._block(total)
                with self._terms_replaced(wanted_count, total):
                    model = self._estimated()
                    self._compare(model, started, total)
                self.tables.check(self.counts.customers)
        finally:
            self.file.close()
        self.progress(total, total)  # who lost the turn meanwhile says nothing of what is known
        pairs.forget_older(started)
        search_state.finish(position, started, model, self.frequencies)
        bulk.analyze_if_grown(SqlTable(DuplicatePair))
        return self.counts

    def _read(self, total: int) -> int:
        """How many terms the table of terms is to have."""
        wanted_count = 0
        seen = SeenProfiles(self.frequencies.slots // 2)
        for batch in customers.all_profiles():
            hashes, wanted = [], []
            for customer_id, profile in batch:
                no = len(self.file)
                number = self.file.add(customer_id, profile)
                terms = blocking.terms(profile)
                if seen.is_first(number):
                    self.frequencies.add(terms)
                hashes.append((number, no))
                wanted += [(term, customer_id) for term in terms]
            add(self.tables.same, hashes)
            add(self.tables.wanted, wanted)
            wanted_count += len(wanted)
            self.progress(len(self.file) // 3, total)
        self.file.flush()
        self.counts.customers = len(self.file)
        self.bits = bits_of(self.frequencies.count, self.frequencies.customers)
        return wanted_count

    @contextmanager
    def _terms_replaced(self, wanted_count: int, total: int) -> Iterator[None]:
        """The table of terms is written anew: by PostgreSQL while this process compares."""
        search_state.begin_replacing()
        steps = term_table.replace_all(self.tables.wanted, wanted_count)
        if _is_concurrent():
            with in_background(steps) as thread:
                yield
                while thread.is_alive():
                    self.progress(total, total)
                    thread.join(RENEWED_SECONDS)
            return
        for _ in steps:
            self.progress(total // 3, total)
        yield

    def _block(self, total: int) -> None:
        index(self.tables.same)
        self.progress(total // 3, total)
        is_copy = bytearray(len(self.file))
        for first, no in self.tables.same_profiles():
            self.copies[first].append(no)
            is_copy[no] = 1
        self.counts.copies = sum(is_copy)
        rows: list[tuple[int, int]] = []
        for no, profile in self.file:
            self.address_bits.append(sum([self.bits(ADDRESS, word) for word in profile[ADDRESS]]))
            if not is_copy[no]:
                found = blocking.keys(profile, self.frequencies.count, self.frequencies.customers)
                rows += [(key, no) for key in found]
            if len(rows) > 50_000 or no == len(self.file) - 1:
                add(self.tables.keys, rows)
                rows = []
                self.progress((total + no) // 3, total)
        index(self.tables.keys)
        self.progress(2 * total // 3, total)
        self._cut()
        self.progress(2 * total // 3, total)

    def _cut(self) -> None:
        """Blocks that are too big: by one more term; what is too big even then is left out, and counted."""
        big = self.tables.too_big(blocking.BIGGEST)
        self.counts.blocks_cut = len(big)
        for key in big:
            self.progress(2 * len(self.file) // 3, len(self.file))
            rows = []
            for no in self.tables.members(key):
                rows += [(one, no) for one in blocking.cut(key, self.file.get(no).profile, self.frequencies.count)]
            sizes: dict[int, int] = defaultdict(int)
            for one, _ in rows:
                sizes[one] += 1
            left = [size for size in sizes.values() if size > blocking.BIGGEST]
            self.counts.blocks_too_big += len(left)
            self.counts.largest_block = max([self.counts.largest_block, *left])
            add(self.tables.keys, [row for row in rows if 1 < sizes[row[0]] <= blocking.BIGGEST])
        self.tables.remove(big)

    def _estimated(self) -> Model:
        starts = list(range(0, len(self.file), SAMPLED))
        Random(0).shuffle(starts)  # noqa: S311 (the same ones each time)
        sample: list[Sequence[Agreement]] = []
        read = 0
        for start in starts:
            self.progress(2 * len(self.file) // 3, len(self.file))
            near = self.tables.pairs(start, start + SAMPLED)
            sample += [self._agreements(one, int(other)) for one, others in near for other in others.split(",")]
            read += min(SAMPLED, len(self.file) - start)
            if len(sample) >= SAMPLE:
                break
        scale = len(self.file) / max(1, read)
        return weighing.estimate(sample, self.frequencies.customers, scale)

    def _agreements(self, one: int, other: int) -> list[Agreement]:
        return compare(self.file.get(one).profile, self.file.get(other).profile, self.bits)

    def _compare(self, model: Model, now: datetime, total: int) -> None:
        scoring = Scoring(self.file, copies=self.copies, address_bits=self.address_bits, model=model, bits=self.bits)
        with closing(self._found(scoring, total)) as found:
            while batch := list(islice(found, WRITTEN)):
                self.counts.nearly_certain += sum(one.score >= NEARLY_CERTAIN for one in batch)
                self.counts.likely += sum(one.score < NEARLY_CERTAIN for one in batch)
                pairs.store(batch, now)

    def _found(self, scoring: Scoring, total: int) -> Generator[Compared]:
        yield from scoring.of_copies()
        ranges = ((start, self.tables.pairs(start, start + RANGE)) for start in range(0, len(self.file), RANGE))
        for start, near in prefetch(ranges) if _is_concurrent() else ranges:
            for one, text in near:
                others = [int(other) for other in text.split(",")]
                self.counts.compared += len(others)
                yield from scoring.of(one, others)
            self.progress((2 * total + start) // 3, total)


def _is_concurrent() -> bool:
    """Whether the database does something else meanwhile, for another connection. (One inside of a transaction sees nothing.)"""
    return is_postgresql() and not connection.in_atomic_block


def find_all(progress: Progress = lambda done, total: None, *, name: str = "") -> Counts:
    """Compares everything with everything that is near it, and writes the pairs. `AlreadySearching` if somebody does.

    `name`: of who does it, and may have begun before.
    """
    with search_state.Turn(name) as turn:

        def renewing(done: int, total: int) -> None:
            turn.renew()
            progress(done, total)

        return Search(renewing).run()
