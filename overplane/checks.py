"""Settings from the environment, judged at start: a wrong value stops the service with a message that says which."""

import os
import re
import secrets
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured

N = TypeVar("N", int, float)
TRUE, FALSE = {"1", "true", "yes", "on"}, {"", "0", "false", "no", "off"}

USUAL_PORTS = {"http": "80", "https": "443"}
ORIGIN = re.compile(r"(https?)://((?:[a-z0-9-]+\.)*[a-z0-9-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", re.ASCII)


class Environment:
    """Reads variables; each reader names the variable, the value and what would be right."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = variables

    def text(self, name: str, default: str = "") -> str:
        return self.variables.get(name, "").strip() or default

    def flag(self, name: str, *, default: bool = False) -> bool:
        word = self.text(name, "yes" if default else "no").lower()
        if word not in TRUE | FALSE:
            raise self._wrong(name, "yes or no")
        return word in TRUE

    def integer(self, name: str, default: int, *, lowest: int) -> int:
        return self._number(name, default, lowest, int)

    def number(self, name: str, default: float, *, lowest: float) -> float:
        return self._number(name, default, lowest, float)

    def _number(self, name: str, default: N, lowest: N, read: Callable[[str], N]) -> N:
        text = self.text(name)
        try:
            value = read(text) if text else default
        except ValueError:
            raise self._wrong(name, "a number") from None
        if not value >= lowest:  # also not a number
            raise self._wrong(name, f"{lowest} or more")
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        word = self.text(name, choices[0])
        if word not in choices:
            raise self._wrong(name, " or ".join(choices))
        return word

    def names(self, name: str, default: list[str]) -> list[str]:
        return [part.strip() for part in self.text(name).split(",") if part.strip()] or default

    def url(self, name: str, default: str, schemes: tuple[str, ...]) -> str:
        url = self.text(name, default)
        if not url.startswith(tuple(f"{scheme}://" for scheme in schemes)):
            raise self._wrong(name, f"a URL that starts with {' or '.join(schemes)}://")
        return url.rstrip("/")

    def origins(self, name: str) -> list[str]:
        """Origins as browsers send them, scheme://host[:port]: in small letters, without the scheme's own port."""
        return [self._origin(name, text) for text in self.names(name, [])]

    def _origin(self, name: str, text: str) -> str:
        match = ORIGIN.fullmatch(text.lower())
        if match is None:
            expected = f"origins such as https://app.example.com:8443, with commas between; {text!r} is none"
            raise self._wrong(name, expected)
        scheme, host, port = match.groups()
        return f"{scheme}://{host}" + ("" if port in (None, USUAL_PORTS[scheme]) else f":{port}")

    def networks(self, name: str) -> list[IPv4Network | IPv6Network | str]:
        """Addresses and networks, with commas between; `unix` for a socket in the file system."""
        return [self._network(name, text) for text in self.names(name, [])]

    def _network(self, name: str, text: str) -> IPv4Network | IPv6Network | str:
        try:
            network = text if text == "unix" else ip_network(text)
        except ValueError:
            expected = f"addresses and networks such as 127.0.0.1,10.0.0.0/8, with commas between; {text!r} is none"
            raise self._wrong(name, expected) from None
        if not isinstance(network, str) and network.prefixlen == 0:
            raise self._wrong(name, f"the addresses of your own proxies; {text} are all there are")
        return network

    def _wrong(self, name: str, expected: str) -> ImproperlyConfigured:
        return ImproperlyConfigured(f"{name} is {self.variables.get(name)!r}; it must be {expected}.")


def stored_secret(path: Path) -> str:
    """The secret in this file, made on first use. Workers that start together agree on one."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(handle, "w") as file:
        secret = secrets.token_urlsafe(64)
        file.write(secret)
    return secret
