"""Problems of an import by their kind: a fault that ten thousand rows share is one line with its first rows.

Beside them the first refused customers as they stand in the file, to be corrected in the page.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from crm.backoffice.page_words import as_on_a_page
from crm.transfer.batch import Batch, ParseOptions, RowProblem
from crm.transfer.excerpts import Excerpt
from crm.transfer.refused_files import RefusedRows
from crm.transfer.reports import problem_as_json
from overplane.files.cells import BrokenRow
from overplane.problems import Code

FIRST_ROWS = 3  # enough to find the fault in the file
MOST_CUSTOMERS = 1000  # to be corrected by hand: more are better mended where they come from
MOST_CHARACTERS = 4_000_000  # of theirs: a page that is opened reads all of them
MOST_VALUES = 20  # of a kind, to be corrected at once; the most frequent ones
COUNTED_VALUES = 2000  # of a kind: where nearly all are different there is nothing to correct at once
LONGEST_VALUE = 200  # as much of it as a report has


@dataclass(slots=True)
class Example:
    """The first problem of a kind, the rows of the first few, and how often each value has it."""

    value: str
    message: str
    rows: list[int] = field(default_factory=list)
    values: Counter[str] = field(default_factory=Counter)

    def note(self, problem: RowProblem) -> None:
        if len(self.rows) < FIRST_ROWS and problem.number not in self.rows:
            self.rows.append(problem.number)
        value = problem.value.strip()
        is_counted = value in self.values or len(self.values) < COUNTED_VALUES
        if is_counted and 0 < len(value) < LONGEST_VALUE and problem.problem.code != Code.PARAMETER_DUPLICATE:
            self.values[value] += 1

    def as_json(self) -> dict[str, Any]:
        """Of the values those that several rows have."""
        several = [[value, count] for value, count in self.values.most_common(MOST_VALUES) if count > 1]
        return {"value": self.value, "message": self.message, "rows": self.rows, "values": several}


def on_a_page(problem: RowProblem) -> RowProblem:
    message = as_on_a_page(problem.problem.message)
    return replace(problem, problem=replace(problem.problem, message=message))


class RefusedWithExamples(RefusedRows):
    """Notes an example of each kind as the refused rows are written: a kind may begin behind all problems that are reported."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.examples: dict[tuple[str, str], Example] = {}
        self.excerpt: Excerpt | None = None
        self.problems: list[list[dict[str, Any]]] = []  # of each customer of the excerpt
        self.characters = 0

    def add(self, batch: Batch, parse_options: ParseOptions) -> None:
        for index, row_problems in sorted(batch.problems.items()):
            # Here begins what people read: the file of refused rows is downloaded from the page.
            batch.problems[index] = problems = [on_a_page(problem) for problem in row_problems]
            for problem in problems:
                self._example_of(problem).note(problem)
            self._keep(batch, index, parse_options)
        super().add(batch, parse_options)

    def _example_of(self, problem: RowProblem) -> Example:
        key = (str(problem.problem.code), problem.column)
        if key not in self.examples:
            output = problem_as_json(problem)
            self.examples[key] = Example(output["value"], output["message"])
        return self.examples[key]

    def _keep(self, batch: Batch, index: int, parse_options: ParseOptions) -> None:
        """The customer as it stands in the file, if its cells can be told apart."""
        if self.excerpt is None:
            self.excerpt = Excerpt(
                parse_options.columns.headings,
                is_sheet=parse_options.is_sheet,
                is_sparse=parse_options.is_sparse,
                nested=dict(parse_options.nested),
                delimiter=parse_options.delimiter,
            )
        rows = batch.lines[index]
        is_readable = not any(number in batch.faults or isinstance(cells, BrokenRow) for number, cells in rows)
        self.characters += sum(len(cell) for _number, cells in rows for cell in cells)
        is_among_the_first = len(self.problems) < MOST_CUSTOMERS and self.characters < MOST_CHARACTERS
        if is_readable and is_among_the_first:
            self.excerpt.customers.append([(number, list(cells)) for number, cells in rows])
            self.problems.append([problem_as_json(problem) for problem in batch.problems[index]])

    def with_examples(self, kinds: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The kinds of a report, each with its example."""
        examples = [self.examples.get((str(kind["code"]), kind["column"])) for kind in kinds]
        return [kind | (example.as_json() if example else {}) for kind, example in zip(kinds, examples, strict=True)]
