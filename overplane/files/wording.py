"""What is said of files, in the language of whoever asked.

Some readers work in a process of their own, which knows no settings of Django: there it is said in English.
"""

from django.conf import settings
from django.utils import translation


def gettext(text: str) -> str:
    return translation.gettext(text) if settings.configured else text


def ngettext(one: str, many: str, number: int) -> str:
    if settings.configured:
        return translation.ngettext(one, many, number)
    return one if number == 1 else many
