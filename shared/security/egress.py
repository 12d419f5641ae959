"""The one rule for what leaves the platform on a tenant's behalf: public addresses, and what is allowed."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from shared.security.addresses import Address, Network, kind_of, spelled_addresses

_PORTS: Final = {"http": 80, "https": 443}
_BROWSERS: Final = re.compile(
    r"(?P<scheme>https?):[/\\]*(?:[^/\\?#]*@)?(?P<host>\[[^\]]*\]|[^/\\?#:@]*)(?::(?P<port>\d{1,5}))?"
)
"""A URL as browsers read it (the WHATWG's URL standard): any number of slashes, either way round."""
_SKIPPED: Final = re.compile(r"[\t\r\n]|^[\x00-\x20]+")
"""What they leave out before."""


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """What actions may reach beside the public internet."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def allowing(cls, entries: Iterable[str]) -> "EgressPolicy":
        """A policy from networks (``10.1.0.0/16``) and pairs (``build.internal:8080``, ``[::1]:80``).

        Raises:
            ValueError: an entry is neither.
        """
        networks: list[Network] = []
        hosts: set[tuple[str, int]] = set()
        for entry in entries:
            host, _, port = entry.rpartition(":")
            if host and port.isdecimal() and (":" not in host or host.startswith("[")):
                hosts.add((host.strip("[]").lower(), int(port)))
            else:
                networks.append(ipaddress.ip_network(entry))
        return cls(tuple(networks), frozenset(hosts))

    def refusal(self, host: str, port: int, address: Address) -> str | None:
        """Why ``address``, which ``host`` resolves to, may not be reached; None if it may."""
        if (host.strip("[]").rstrip(".").lower(), port) in self.hosts:
            return None
        if any(address in network for network in self.networks):
            return None
        kind = kind_of(address)
        return f"{host} is at a {kind} address, which this platform does not reach" if kind else None

    def refusal_of_host(self, host: str, port: int) -> str | None:
        """Why ``host`` may not be reached, as far as it says itself where it is; None if nothing is known.

        A name is resolved when it is called, and its addresses are judged then.
        """
        refusals = (self.refusal(host, port, address) for address in spelled_addresses(host))
        return next(filter(None, refusals), None)

    def refusal_of_url(self, url: str) -> str | None:
        """Why ``url`` may not be called, as far as it says itself where it leads, whoever reads it."""
        refusals = (self.refusal_of_host(host, port) for host, port in _readings(url))
        return next(filter(None, refusals), None)


def _readings(url: str) -> Iterator[tuple[str, int]]:
    """The host and port that ``url`` names: programs differ where it is not as it should be."""
    try:
        parts = urlsplit(url)
        if parts.hostname:
            yield parts.hostname, parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        pass  # no URL at all for this reader, which is not the question here
    if read := _BROWSERS.match(_SKIPPED.sub("", url).lower()):
        yield read["host"], int(read["port"] or _PORTS[read["scheme"]])
