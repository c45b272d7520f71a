"""Rows of which a warning tells how many there are and the first of them."""

from collections.abc import Sequence

MOST_EXAMPLES = 3  # enough to find them; the others look the same


class CountedRows:
    def __init__(self) -> None:
        self.count = 0
        self.numbers: list[int] = []

    def __bool__(self) -> bool:
        return self.count > 0

    def add(self, numbers: Sequence[int]) -> None:
        self.count += len(numbers)
        self.numbers = [*self.numbers, *numbers][:MOST_EXAMPLES]

    @property
    def first(self) -> str:
        return ", ".join(map(str, self.numbers)) + (" …" if self.count > MOST_EXAMPLES else "")
