"""What is said of attempts and endpoints that failed. It is stored in English and told in the language of whoever looks.

Nothing here quotes what was answered: a receiver may repeat values of the event, and these texts are not erased.
"""

import re

from django.utils.translation import gettext, gettext_noop

NO_URL = gettext_noop("This is no URL. Write it like https://example.com/webhooks.")
TOO_LONG = gettext_noop("The URL is longer than %(count)s characters.")
UNPRINTABLE = gettext_noop("The URL has blanks or other characters that it must write in another way (%20, xn--…).")
NOT_HTTPS = gettext_noop("The URL must begin with https://.")
USER = gettext_noop("The URL may hold no user name and no password.")
FRAGMENT = gettext_noop("The URL may hold no #fragment.")
ZONE = gettext_noop("The host may have no zone and no encoded characters.")
NUMBER = gettext_noop("The host is a number, but no usual IP address.")
NOT_PUBLIC = gettext_noop("%(host)s is no public address.")

REFUSED = gettext_noop("refused: %(why)s")
REDIRECT = gettext_noop("HTTP %(status)s: redirects are not followed")
NO_ANSWER = gettext_noop("timeout: no whole answer within %(seconds)s s")
NOT_REACHED = gettext_noop("timeout: no connection within %(seconds)s s")
NO_NAME = gettext_noop("no such name: %(why)s")
NO_CONNECTION = gettext_noop("no connection: %(why)s")
CERTIFICATE = gettext_noop("TLS: the certificate is not accepted: %(why)s")
TLS = gettext_noop("TLS: %(why)s")
BROKEN = gettext_noop("the connection was ended before the answer: %(why)s")
NO_HTTP = gettext_noop("what was answered is no HTTP: %(why)s")
OUR_OWN = gettext_noop("our own error: %(why)s")
SECRET_LOST = gettext_noop(
    "SECRET_KEY has changed since. Add the former one to SECRET_KEY_FALLBACKS, or roll the secret."
)

GONE = gettext_noop("It answered 410: it is gone.")
NO_SUCCESS = gettext_noop("No success for five days. The last error: %(error)s")

# `CERTIFICATE` before `TLS`, which fits it too.
ALL = [
    NO_URL, TOO_LONG, UNPRINTABLE, NOT_HTTPS, USER, FRAGMENT, ZONE, NUMBER, NOT_PUBLIC, REFUSED, REDIRECT, NO_ANSWER,
    NOT_REACHED, NO_NAME, NO_CONNECTION, CERTIFICATE, TLS, BROKEN, NO_HTTP, OUR_OWN, SECRET_LOST, GONE, NO_SUCCESS,
]  # fmt: skip
GAP = re.compile(r"%\\\((\w+)\\\)s|%\((\w+)\)s")
PATTERNS = [(text, re.compile(GAP.sub(r"(?P<\1\2>.*)", re.escape(text)), re.DOTALL)) for text in ALL]


def translated(stored: str) -> str:
    """In the reader's language, with what stands in its gaps. Else, as of the system's own words, what is stored."""
    for text, pattern in PATTERNS:
        if match := pattern.fullmatch(stored):
            values = {name: translated(value) for name, value in match.groupdict().items()}
            return gettext(text) % values if values else gettext(text)
    return stored
