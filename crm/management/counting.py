"""Numbers of things in what commands say."""


def counted(number: int, what: str) -> str:
    """`1 customer`, `2 customers`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
