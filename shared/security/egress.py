"""The one rule for what leaves the platform on a tenant's behalf: public addresses, and what is allowed."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final
from urllib.parse import urlsplit

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network

PLATFORM_ADDRESSES: Final = frozenset({ipaddress.ip_address("168.63.129.16")})
"""Public by their range, yet the cloud's own: Azure's virtual public address of a node's platform services
(learn.microsoft.com, "What is IP address 168.63.129.16?")."""

METADATA_NAMES: Final = frozenset({"metadata.google.internal", "metadata", "instance-data"})
"""Names by which machines of clouds find their metadata service."""
_PORTS: Final = {"http": 80, "https": 443}
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an IPv4 address that a gateway would reach."""


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
        kind = _kind(address)
        return f"{host} is at a {kind} address, which this platform does not reach" if kind else None

    def refusal_of_url(self, url: str) -> str | None:
        """Why ``url`` may not be called, as far as it says itself where it leads; None if nothing is known.

        A name is resolved when it is called, and its addresses are judged then.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            return None  # no URL at all, which is not the question here
        address = _literal(host or "")
        if host is None or address is None:
            return None
        return self.refusal(host, port or _PORTS.get(parts.scheme, 0), address)


def _literal(host: str) -> Address | None:
    """The address that a host spells itself, in any spelling that a system's resolver takes."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return ipaddress.ip_address("127.0.0.1")  # RFC 6761, section 6.3
    if name in METADATA_NAMES:
        return ipaddress.ip_address("169.254.169.254")
    try:
        return ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return _classic(name)


def _classic(name: str) -> IPv4Address | None:
    """What ``inet_aton`` makes of ``127.1``, ``0x7f000001`` and ``017700000001``; None if nothing."""
    try:
        *first, last = (int(part, _base(part)) for part in name.split("."))
    except ValueError:
        return None
    if (
        len(first) > 3
        or any(not 0 <= part < 256 for part in first)
        or not 0 <= last < 256 ** (4 - len(first))
    ):
        return None
    return IPv4Address(sum(part << 8 * (3 - at) for at, part in enumerate(first)) + last)


def _base(digits: str) -> int:
    if digits.startswith("0x"):
        return 16
    return 8 if digits.startswith("0") else 10


def _kind(address: Address) -> str | None:
    """What keeps ``address`` from being a plain public one, or None."""
    inner = _inner(address)
    if inner is not None and (kind := _kind(inner)):
        return kind
    kinds = {
        "loopback": address.is_loopback,
        "unspecified": address.is_unspecified,
        "link-local": address.is_link_local,
        "multicast": address.is_multicast,
        "platform": address in PLATFORM_ADDRESSES,
        "private": address.is_private or (isinstance(address, IPv6Address) and address.is_site_local),
        "reserved": address.is_reserved or not address.is_global,
    }
    public_wrapper = inner is not None  # a wrapper of a public address is as good as that address
    return next((kind for kind, holds in kinds.items() if holds and not public_wrapper), None)


def _inner(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
