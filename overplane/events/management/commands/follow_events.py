import argparse
import os
import signal
import sys
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from overplane.database.encoding import dumps
from overplane.events.feed import Choice
from overplane.events.webhooks import rules, signing
from overplane.events.webhooks.following import Event, Follower, Forwarder
from overplane.problems import CursorExpired


def event_types(text: str) -> list[str]:
    try:
        return rules.event_types(text.split(","))
    except ValidationError as error:
        raise argparse.ArgumentTypeError(" ".join(error.messages)) from None


def url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError("Write the URL like http://127.0.0.1:3000/webhooks.")
    return text


def secret(text: str) -> str:
    try:
        signing.key(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


class Command(BaseCommand):
    help = (
        "Prints the event feed, one JSON line an event, or forwards it to a URL, signed as webhooks are: in order, each"
        " event again until it is answered with 2xx. Ends on Ctrl C and says where to go on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--after", metavar="CURSOR", help="start, or a cursor; unless given, what happens from now on"
        )
        parser.add_argument("--types", type=event_types, metavar="TYPE,…", help="only events of these types")
        parser.add_argument(
            "--forward", type=url, metavar="URL", help="post the events there, instead of printing them"
        )
        parser.add_argument("--secret", type=secret, metavar="whsec_…", help="signs what is forwarded")

    def handle(self, **options: Any) -> None:
        if (options["forward"] is None) != (options["secret"] is None):
            raise CommandError("--forward and --secret belong together.")
        follower = Follower(self._print, self.stderr.write, options["after"], Choice(types=options["types"]))
        if options["forward"]:
            follower.take, follower.limit = Forwarder(options["forward"], options["secret"], self.stdout.write), 1
        before = {number: signal.signal(number, partial(_stop, follower)) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            follower.run()
        except (CursorExpired, ValidationError) as error:
            raise CommandError(" ".join(getattr(error, "messages", [str(error)]))) from None
        except BrokenPipeError:  # who read our lines has left; Python would tell it once more at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except KeyboardInterrupt:
            pass
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            if follower.cursor is not None:
                self.stderr.write(f"Go on with: --after {follower.cursor}")

    def _print(self, events: list[Event]) -> bool:
        self.stdout.write("".join(f"{dumps(event).decode()}\n" for event in events), ending="")
        self.stdout.flush()
        return True


def _stop(follower: Follower, *_: Any) -> None:
    """What is under way ends first, so that the cursor is right; the second time at once."""
    follower.stopped.set()
    signal.signal(signal.SIGINT, signal.default_int_handler)
