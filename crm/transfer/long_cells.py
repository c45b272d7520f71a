"""What an export to XLSX does with texts that no cell holds: it names the customer, cuts the text or leaves it out."""

from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

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
        where = _('%(column)s of the customer "%(customer)s" (%(id)s)') % {
            "column": column,
            "customer": customer,
            "id": id,
        }
        if self.choice == "refuse":
            raise UnusableFile(
                _(
                    "%(where)s has %(length)d characters as Excel counts them; a cell of XLSX holds %(most)d. Export CSV, or"
                    " choose that such texts are cut or left out (--long-cells cut or omit)."
                )
                % {"where": where, "length": length_of(text), "most": LONGEST_TEXT}
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
        if self.choice == "cut":
            text = ngettext(
                "%(number)d text is longer than a cell and was cut: %(names)s. To import this file would change it.",
                "%(number)d texts are longer than a cell and were cut: %(names)s. To import this file would change them.",
                self.count,
            )
        else:
            text = ngettext(
                "%(number)d text is longer than a cell and was left out: %(names)s. To import this file would change it.",
                "%(number)d texts are longer than a cell and were left out: %(names)s. To import this file would change them.",
                self.count,
            )
        return text % {"number": self.count, "names": names}
