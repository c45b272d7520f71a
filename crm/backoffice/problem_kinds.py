"""Problems of an import by their kind: a fault that ten thousand rows share is one line with its first rows."""

from dataclasses import asdict, dataclass, field
from typing import Any

from crm.transfer.batch import Batch, ParseOptions, RowProblem
from crm.transfer.refused_files import RefusedRows
from crm.transfer.reports import problem_as_json

FIRST_ROWS = 3  # enough to find the fault in the file


@dataclass(slots=True)
class Example:
    """The first problem of a kind, and the rows of the first few."""

    value: str
    message: str
    rows: list[int] = field(default_factory=list)

    def note(self, row: int) -> None:
        if len(self.rows) < FIRST_ROWS and row not in self.rows:
            self.rows.append(row)


class RefusedWithExamples(RefusedRows):
    """Notes an example of each kind as the refused rows are written: a kind may begin behind all problems that are reported."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.examples: dict[tuple[str, str], Example] = {}

    def add(self, batch: Batch, parse_options: ParseOptions) -> None:
        for _index, problems in sorted(batch.problems.items()):
            for problem in problems:
                self._example_of(problem).note(problem.number)
        super().add(batch, parse_options)

    def _example_of(self, problem: RowProblem) -> Example:
        key = (str(problem.problem.code), problem.column)
        if key not in self.examples:
            told = problem_as_json(problem)
            self.examples[key] = Example(told["value"], told["message"])
        return self.examples[key]

    def with_examples(self, kinds: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The kinds of a report, each with its example."""
        found = [self.examples.get((str(kind["code"]), kind["column"])) for kind in kinds]
        return [kind | (asdict(example) if example else {}) for kind, example in zip(kinds, found, strict=True)]
