"""The operator's own registries of container images: where they are, and how the platform signs in."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

LOCAL: Final = "local"
"""What the registry of the local host is called, in definitions, plans and outputs."""
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and a password, or what a registry takes for one."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RegistryPlace:
    """A registry of the operator's. Each tenant's repositories are under the tenant's name there.

    ``name`` is what outputs and plans tell: ``local``, or the host. ``data_origins`` are where else it sends
    those who read blobs, ``earlier`` are hosts that it was at before. Without a ``login``, the platform's own
    identity signs in, if it is Azure's.
    """

    name: str
    origin: str
    login: Login | None = None
    data_origins: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """As references of images have it: ``127.0.0.1:7071``."""
        return urlsplit(self.origin).netloc

    @property
    def names(self) -> frozenset[str]:
        """What definitions and references call it."""
        return frozenset({self.name, self.host, *self.earlier})

    @property
    def hosts(self) -> frozenset[tuple[str, int]]:
        """The hosts and ports that it takes to use it."""
        return frozenset(
            ((parts.hostname or "").lower(), parts.port or _PORTS[parts.scheme])
            for parts in map(urlsplit, (self.origin, *self.data_origins))
        )
