"""What is noticed once, when a file is judged for the first time: what it holds twice, and what Excel did to it."""

from collections.abc import Iterator

from crm.transfer.batch import Batch
from crm.transfer.columns import damaged_by_excel
from crm.transfer.mapping import Columns
from crm.transfer.options import ImportOptions
from crm.transfer.repeats import Repeats
from overplane.files.spreadsheets import ExcelDamage
from overplane.files.tables import ABSENT


class FirstReading:
    def __init__(self, columns: Columns, options: ImportOptions) -> None:
        self.columns, self.options = columns, options
        self.repeats = Repeats(columns, options)
        identifiers = [(kind, name) for kind, name in damaged_by_excel() if name in columns.of(kind)]
        self.damage = {identifier: ExcelDamage() for identifier in identifiers}
        self.without_key = 0  # customers of an upsert without a value to be found by

    def note(self, batch: Batch) -> None:
        """Refuses what the file holds twice. To be called once for each batch, in order."""
        if self.options.mode == "upsert":
            keys = batch.values.get(self.options.match_on or "", ())
            self.without_key += sum(value in (None, ABSENT) for value in keys)
        self.repeats.refuse(batch)
        for (kind, name), damage in self.damage.items():
            index = self.columns.of(kind)[name]
            lines = [line for own in batch.lines for line in (own if kind else own[:1])]
            damage.watch([number for number, _ in lines], [cells[index] for _, cells in lines])

    def warnings(self) -> Iterator[str]:
        for (kind, name), damage in self.damage.items():
            yield from damage.warnings(self.columns.heading(name, kind))
        if self.without_key:
            yield (
                f"{self.without_key} customers have no {self.options.match_on}: nobody is looked for, and they are"
                " created once more whenever such a file is imported."
            )
