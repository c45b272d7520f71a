"""Numbers of fields other than the rate, which the customer may get one day: with bounds that a thousand fits into."""

import pytest
from django.core.exceptions import ValidationError

from crm.transfer.written import plain_number
from overplane.database.attributes import attribute
from overplane.database.fields import NumberField


def read(text: str, decimals: int) -> str:
    field = NumberField(max_digits=12, decimal_places=decimals)
    field.set_attributes_from_name("amount")
    return plain_number(text, known=attribute(field), decimals=decimals, is_rate=False)


@pytest.mark.parametrize(
    ("text", "decimals", "number"),
    [
        ("1,234", 2, "1234"), ("-1,234", 2, "-1234"), ("1.234,50", 2, "1234.50"), ("1,234.50", 2, "1234.50"),
        ("1234,567", 4, "1234.567"), ("1.234.567", 2, "1234567"), ("1 234 567,8", 2, "1234567.8"), ("0.123", 4, "0.123"),
        ("1 234", 0, "1234"), ("5.0", 0, "5"), ("5,00", 0, "5"), ("1.2345", 4, "1.2345"), ("5%", 2, "5%"),
    ],
)  # fmt: skip
def test_is_clear(text: str, decimals: int, number: str) -> None:
    assert read(text, decimals) == number


@pytest.mark.parametrize(("text", "decimals"), [("1,234", 3), ("1.234", 3), ("1.234", 2), ("-12.345", 4), ("1.000", 0)])
def test_may_mean_two_things(text: str, decimals: int) -> None:
    with pytest.raises(ValidationError, match="May mean"):
        read(text, decimals)
