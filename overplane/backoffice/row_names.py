"""Names of the controls in a row, for who does not see where the row stands. The script writes a new number into them."""

from typing import Any

NUMBER = "{n}"  # where the row's number stands in such a name


def named(pattern: str, number: Any) -> dict[str, str]:
    """The attributes of a control: its name, and the pattern of that name."""
    return {"aria-label": pattern.replace(NUMBER, str(number)), "data-named": pattern}
