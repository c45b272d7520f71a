"""What went wrong is stored in English and told in the reader's language."""

import socket
import ssl

import pytest
from django.utils.translation import override
from urllib3.connection import HTTPConnection
from urllib3.exceptions import NewConnectionError

from overplane.events.webhooks import guard, transport, wording

IN_GERMAN = [
    ("HTTP 302: redirects are not followed", "HTTP 302: Weiterleitungen wird nicht gefolgt"),
    ("timeout: no whole answer within 15 s", "Zeit abgelaufen: keine ganze Antwort innerhalb von 15 s"),
    ("refused: a.example.com (10.0.0.1) is no public address.", "abgelehnt: a.example.com (10.0.0.1) ist keine öffentliche Adresse."),
    (
        "No success for five days. The last error: timeout: no connection within 5 s",
        "Seit fünf Tagen kein Erfolg. Der letzte Fehler: Zeit abgelaufen: keine Verbindung innerhalb von 5 s",
    ),
    ("HTTP 500", "HTTP 500"),
    ("", ""),
]  # fmt: skip


@pytest.mark.parametrize(("stored", "german"), IN_GERMAN)
def test_errors_are_told_in_the_language_of_the_reader(stored: str, german: str) -> None:
    with override("de"):
        assert wording.translated(stored) == german
    with override("en"):
        assert wording.translated(stored) == stored


@pytest.mark.parametrize("text", wording.ALL)
def test_every_text_is_found_again_and_translated(text: str) -> None:
    stored = text % dict.fromkeys(("why", "error", "host", "count", "seconds", "status"), "7") if "%(" in text else text
    with override("de"):
        assert wording.translated(stored) != stored or text == wording.TLS
        assert "%(" not in wording.translated(stored)


def new_connection(cause: Exception) -> Exception:
    error = NewConnectionError(HTTPConnection("example.com"), "<object at 0x7f>")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (socket.gaierror(-2, "Name or service not known"), "no such name: Name or service not known"),
        (new_connection(ConnectionRefusedError(111, "Connection refused")), "no connection: Connection refused"),
        (new_connection(TimeoutError()), "timeout: no connection within 5 s"),
        (ConnectionResetError(104, "Connection reset by peer"), "the connection was ended before the answer: Connection reset by peer"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "TLS: SSLError"),
        (ValueError("hush"), "what was answered is no HTTP: ValueError"),
    ],
)  # fmt: skip
def test_what_is_said_of_an_error_quotes_no_answer_and_no_object(error: Exception, said: str) -> None:
    assert transport._reason(error, is_cut=False) == said


def test_a_name_that_no_resolver_takes_is_refused() -> None:
    for host in ("a" * 64 + ".example.com", "a..example.com", ".example.com"):
        with pytest.raises(guard.Refused):
            guard.target(f"https://{host}/")
