"""Rows at a file's end that may be no part of the table: totals, and what reports write below themselves.

They go in if they have all that a customer needs; nobody can tell. So a warning names them.
"""

from collections.abc import Iterator
from itertools import chain, pairwise

from django.utils.translation import ngettext

from crm.transfer.batch import Batch

MOST_ROWS = 5  # of a footer: Salesforce writes as many; below a blank row in the middle of a table stand more
LOOKED_AT = 50  # customers at the end
FEWEST_ABOVE = (
    2  # rows without a blank one between: a table in which each is followed by one has these for another reason
)


class Footer:
    def __init__(self) -> None:
        self.numbers: list[int] = []

    def watch(self, batch: Batch) -> None:
        """What may be the footer if this is the last batch. To be called for each."""
        numbers = [number for number, _cells in chain.from_iterable(batch.lines[-LOOKED_AT:])]
        known = {*numbers, *batch.repeated}
        gaps = [
            i
            for i, (above, number) in enumerate(pairwise(numbers), 1)
            if number - above > 1 and not known.issuperset(range(above + 1, number))
        ]
        rows = numbers[gaps[0] :] if gaps and gaps[0] >= FEWEST_ABOVE else []
        refused = {batch.numbers[i] for i in batch.problems} if len(rows) <= MOST_ROWS else {*rows}
        self.numbers = [number for number in rows if number not in refused]

    def warnings(self) -> Iterator[str]:
        if self.numbers:
            text = ngettext(
                "Row %(rows)s stands below a blank row at the end of the file and was read as part of the table. If it is a"
                " total or a footer, delete it there.",
                "Rows %(rows)s stand below a blank row at the end of the file and were read as part of the table. If they"
                " are totals or a footer, delete them there.",
                len(self.numbers),
            )
            yield text % {"rows": ", ".join(map(str, self.numbers))}
