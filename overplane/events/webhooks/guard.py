"""Where a webhook may go: https and public addresses only, unless WEBHOOK_ALLOW_PRIVATE lifts both.

Whoever may enter a URL could else make this service speak to what only it can reach. The name is resolved once an
attempt, and the connection goes to an address that was judged here; so nothing can be swapped between check and use.
"""

import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from overplane.events.webhooks import wording
from overplane.events.webhooks.models import URL_LENGTH

PORTS = {"http": 80, "https": 443}
# A host that ends like this is a number to many programs (2130706433, 0x7f.1, 0177.0.0.1), so an address in disguise.
NUMERIC = re.compile(r"(.*\.)?(0x[0-9a-f]*|[0-9]+)\.?", re.IGNORECASE)
LABEL_LENGTH = 63  # of a part of a name; no resolver is asked for a longer one
PRINTABLE = re.compile(r"[\x21-\x7e]+")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
UNICAST = ipaddress.IPv6Network("2000::/3")  # what the internet has handed out of IPv6
# Prefixes of IPv6 behind which a gateway connects to the IPv4 address in it; so many bits stand right of that.
GATEWAYS = [(ipaddress.IPv6Network("64:ff9b::/96"), 0), (ipaddress.IPv6Network("2002::/16"), 80)]
# For protocols, examples and gateways of which nobody can tell where they lead. Python's own lists grow by version; these
# are closed with each of them. (64:ff9b:1::/48, of local gateways, is no unicast address.)
CLOSED = [
    *[ipaddress.ip_network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15")],
    *[ipaddress.ip_network(text) for text in ("2001::/23", "2001:db8::/32", "3fff::/20")],
]


class Refused(Exception):
    """This URL may not be called; the message says why, to whoever entered it."""


@dataclass(frozen=True, slots=True)
class Target:
    """Parts of a URL. `host` is without brackets, in small letters."""

    scheme: str
    host: str
    port: int
    path: str


Resolver = Callable[[str, int], list[str]]


def resolve(host: str, port: int) -> list[str]:
    """Every address of a name. Raises `OSError` if it has none."""
    records = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in records))


def target(url: str) -> Target:
    """Judges the form of a URL, without asking for any name. Raises `Refused`."""
    if len(url) > URL_LENGTH:
        raise Refused(_(wording.TOO_LONG) % {"count": URL_LENGTH})
    if not PRINTABLE.fullmatch(url) or "\\" in url:
        raise Refused(_(wording.UNPRINTABLE))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused(_(wording.NO_URL)) from None
    _judge_parts(parts)
    host = (parts.hostname or "").rstrip(".")
    _judge_host(host)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, PORTS[parts.scheme] if port is None else port, path)


def _judge_parts(parts: SplitResult) -> None:
    if parts.scheme != "https" and not (settings.WEBHOOK_ALLOW_PRIVATE and parts.scheme == "http"):
        raise Refused(_(wording.NOT_HTTPS))
    if parts.username is not None or parts.password is not None:
        raise Refused(_(wording.USER))
    if parts.fragment:
        raise Refused(_(wording.FRAGMENT))
    if parts.port == 0 or not parts.hostname or not parts.hostname.rstrip("."):
        raise Refused(_(wording.NO_URL))


def _judge_host(host: str) -> None:
    if "%" in host:
        raise Refused(_(wording.ZONE))
    if not all(0 < len(label) <= LABEL_LENGTH for label in host.split(".")):
        raise Refused(_(wording.NO_URL))
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if ":" in host or NUMERIC.fullmatch(host):
            raise Refused(_(wording.NUMBER)) from None
        return
    if not may_go_to(address):
        raise Refused(_not_public(host))


def _not_public(host: str) -> str:
    return _(wording.NOT_PUBLIC) % {"host": host}


def address_of(goal: Target, resolver: Resolver = resolve) -> str:
    """Asks for the addresses of the host, judges all of them and answers the one to connect to.

    Raises `Refused`, or `OSError` if there is no such name.
    """
    addresses = resolver(goal.host, goal.port)
    if not addresses:
        raise socket.gaierror(socket.EAI_NONAME, "it has no address")
    for text in addresses:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:  # with a zone, or nothing that we know
            raise Refused(_not_public(text)) from None
        if not may_go_to(address):
            raise Refused(_not_public(f"{goal.host} ({text})"))
    return addresses[0]


def may_go_to(address: Address) -> bool:
    return bool(settings.WEBHOOK_ALLOW_PRIVATE) or is_public(address)


def is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or _behind_gateway(address)
        if inner is not None:
            return is_public(inner)
        if address.scope_id or address not in UNICAST:
            return False
    if any(address in network for network in CLOSED):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _behind_gateway(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    for network, shift in GATEWAYS:
        if address in network:
            return ipaddress.IPv4Address(int(address) >> shift & 0xFFFFFFFF)
    return None
