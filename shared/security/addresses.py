"""What an address is, beside a plain public one, and which address a host spells itself."""

import ipaddress
import re
import unicodedata
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final
from urllib.parse import unquote

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network

LOOPBACK: Final = ("127.0.0.0/8", "::1/128")
"""This machine itself."""

_SPECIAL: Final[Sequence[tuple[str, Network]]] = [
    (kind, ipaddress.ip_network(network))
    for kind, networks in {
        # Azure's virtual public address of a node's platform services (learn.microsoft.com, "What is IP
        # address 168.63.129.16?"): public by its range, yet the cloud's own.
        "platform": ("168.63.129.16/32",),
        # IANA's special-purpose registries, where Python takes a part of them for public: PCP and TURN
        # anycast (RFC 7723, RFC 8155) lead to the network's own gateway, 6to4 (RFC 7526) to anybody's.
        "special-purpose": ("192.0.0.0/24", "2001::/23", "3fff::/20"),
        "transition": ("192.88.99.0/24", "2002::/16"),
    }.items()
    for network in networks
]
_UNICAST: Final = IPv6Network("2000::/3")
"""RFC 4291: all that is given out for the public, as of today."""
_NAT64: Final = IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an IPv4 address that a gateway would reach. Networks without IPv4 reach
all of the public one so. The prefix for local use (RFC 8215) leads inside by its purpose: it is refused."""
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})
"""RFC 5214: what an interface's identifier starts with that ends in an IPv4 address."""

_LOCAL_NAMES: Final = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
METADATA_NAMES: Final = frozenset(
    {
        *("metadata", "metadata.google.internal", "metadata.goog"),
        *("instance-data", "instance-data.ec2.internal"),
    }
)
"""Names by which machines of clouds find their metadata service."""
_DOTS: Final = str.maketrans(dict.fromkeys("\u3002\uff0e\uff61", "."))
"""What IDNA (RFC 3490, 3.1) takes for a dot."""
_UNSEEN: Final = re.compile("[\u00ad\u034f\u180b-\u180d\u200b-\u200d\u2060\ufe00-\ufe0f\ufeff\x00-\x20]")
"""What IDNA (RFC 3454, table B.1) and lenient readers of URLs leave out."""
_NUMBER: Final = re.compile(r"0x[0-9a-f]*|\d+")
_UNQUOTED: Final = 3
"""How often a host is freed of percent signs: readers behind one another may each do so."""


def kind_of(address: Address) -> str | None:
    """What keeps ``address`` from being a plain public one, or None."""
    if isinstance(address, IPv6Address) and (inner := _inner(address)) is not None:
        # A wrapper of a public address is as good as that address.
        return kind_of(inner)
    kinds = {
        "loopback": address.is_loopback,
        "unspecified": address.is_unspecified,
        "link-local": address.is_link_local,
        "multicast": address.is_multicast,
        **{kind: True for kind, network in _SPECIAL if address in network},
        "private": address.is_private or (isinstance(address, IPv6Address) and address.is_site_local),
        "reserved": address.is_reserved or not address.is_global or _is_unassigned(address),
    }
    return next((kind for kind, holds in kinds.items() if holds), None) or _isatap(address)


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one is another form of."""
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address.ipv4_mapped


def _isatap(address: Address) -> str | None:
    """What is at the end of the tunnel that ``address`` may be (RFC 5214)."""
    if isinstance(address, IPv4Address) or int(address) >> 32 & 0xFFFFFFFF not in _ISATAP:
        return None
    return kind_of(IPv4Address(int(address) & 0xFFFFFFFF))


def _is_unassigned(address: Address) -> bool:
    return isinstance(address, IPv6Address) and address not in _UNICAST


def spelled_addresses(host: str) -> Sequence[Address]:
    """The addresses that a host spells itself, in any spelling that some reader takes; none if it is a name.

    They are several where readers differ: ``010.0.0.1`` begins with 8 for those that know octal numbers.
    """
    name = _plain(host)
    if name in _LOCAL_NAMES or name.endswith(".localhost"):
        return [IPv4Address("127.0.0.1")]  # RFC 6761, section 6.3
    if name in METADATA_NAMES:
        return [IPv4Address("169.254.169.254")]
    try:
        return [ipaddress.ip_address(name)]
    except ValueError:
        return [found for octal in (True, False) if (found := _classic(name, octal=octal)) is not None]


def _plain(host: str) -> str:
    """The host in the one way to write it: lower case, ASCII where that is what it stands for, no zone."""
    for _ in range(_UNQUOTED):
        host = unquote(host, errors="replace")
    name = _UNSEEN.sub("", unicodedata.normalize("NFKC", host)).translate(_DOTS).casefold()
    return name.strip("[]").partition("%")[0].rstrip(".")


def _classic(name: str, *, octal: bool) -> IPv4Address | None:
    """What ``inet_aton`` makes of ``127.1``, ``0x7f000001`` and ``017700000001``; None if nothing."""
    try:
        *first, last = (_number(part, octal=octal) for part in name.split("."))
    except ValueError:
        return None
    if len(first) > 3 or any(part > 255 for part in first) or last >= 256 ** (4 - len(first)):
        return None
    return IPv4Address(sum(part << 8 * (3 - at) for at, part in enumerate(first)) + last)


def _number(digits: str, *, octal: bool) -> int:
    if not _NUMBER.fullmatch(digits):  # Python would take more: signs, "0o", "_" between digits
        raise ValueError(digits)
    if digits.startswith("0x"):
        return int(digits[2:] or "0", 16)  # none behind it: 0 for browsers
    return int(digits, 8 if octal and digits.startswith("0") else 10)
