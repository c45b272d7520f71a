"""What a text may be, with the codes of the API."""

from django.utils.translation import gettext as _

from overplane.database.text import forbidden_character, has_forbidden_characters
from overplane.problems import Code, invalid


class LengthCheck:
    """At most so many characters (code points)."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def __call__(self, value: str) -> None:
        if len(value) > self.limit:
            message = _("At most %(limit)d characters are allowed; this text has %(length)d.")
            raise invalid(Code.PARAMETER_TOO_LONG, message % {"limit": self.limit, "length": len(value)})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LengthCheck) and other.limit == self.limit

    __hash__ = None  # type: ignore[assignment]  # Python's own way to say it; typeshed has a method there


def check_characters(value: str) -> None:
    if has_forbidden_characters(value):
        message = _("The text holds %s, a character that cannot be shown. Remove it.")
        raise invalid(Code.CHARACTERS_NOT_ALLOWED, message % forbidden_character(value))
