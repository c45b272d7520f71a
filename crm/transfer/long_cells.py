"""What an export to XLSX does with texts that no cell holds: it names the customer, cuts the text or leaves it out."""

from dataclasses import dataclass, field

from overplane.files.unusable import UnusableFile
from overplane.files.workbook_writing import LONGEST_TEXT, cut, length_of

CHOICES = ("refuse", "cut", "omit")
NAMED = 3  # cells that the note names, of however many


@dataclass(slots=True)
class LongCells:
    """`choice` is one of `CHOICES`. Counts what was changed."""

    choice: str = "refuse"
    count: int = 0
    first: list[str] = field(default_factory=list)

    def replaced(self, text: str, *, column: str, customer: str, id: str) -> str:
        """What is to stand in the cell. Raises `UnusableFile`."""
        where = f'{column} of the customer "{customer}" ({id})'
        if self.choice == "refuse":
            raise UnusableFile(
                f"{where} has {length_of(text)} characters as Excel counts them; a cell of XLSX holds {LONGEST_TEXT}."
                " Export CSV, or choose that such texts are cut or left out (--long-cells cut or omit)."
            )
        self.count += 1
        if len(self.first) < NAMED:
            self.first.append(where)
        return cut(text) if self.choice == "cut" else ""

    @property
    def note(self) -> str:
        if not self.count:
            return ""
        names = "; ".join(self.first) + (" …" if self.count > len(self.first) else "")
        texts = (
            "1 text is longer than a cell and was"
            if self.count == 1
            else f"{self.count} texts are longer than a cell and were"
        )
        done = "cut" if self.choice == "cut" else "left out"
        return f"{texts} {done}: {names}. To import this file would change them."
