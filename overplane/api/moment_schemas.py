"""Days and moments as filters take them, as patterns of JSON Schema that know the calendar.

A `format` alone would not do: there is none for a day or a moment, and of two alternatives client generators make
classes that nobody can fill in. So it is a text, and its pattern lets pass what the API lets pass.
"""

from overplane.api.schemas import COMPONENTS, TEXT, ref

YEAR = "([0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"  # 0001 to 9999
LEAP_YEAR = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)"
OF_EVERY_YEAR = (
    "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
)
DAY = f"({YEAR}-{OF_EVERY_YEAR}|{LEAP_YEAR}-02-29)"
OFFSET = "(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])"
TIME = rf"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{{1,9}})?{OFFSET}"
DAY_OR_MOMENT = f"{DAY}(T{TIME})?"

NAME = "DayOrMoment"
COMPONENTS[NAME] = TEXT | {
    "title": "date or timestamp",
    "pattern": f"^{DAY_OR_MOMENT}$",
    "description": "A date, which means that whole day in UTC, or a timestamp, which means its whole second unless it has a fraction.",
    "examples": ["2024-01-15", "2024-01-15T09:30:00Z"],
}
SCHEMA = ref(NAME)
