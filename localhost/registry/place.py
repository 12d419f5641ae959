"""Where the local host's registry is, and the key with which the platform signs in to it."""

import secrets
from pathlib import Path

from localhost.identity.files import create
from shared.ports.registries import LOCAL, Login, RegistryPlace

PLATFORM = "platform"
"""The user name with which the platform signs in."""


def registry_folder(data: Path) -> Path:
    """``<data>/registry``, made if absent, closed to other users of the machine."""
    folder = data.resolve() / "registry"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def local_registry(data: Path, base_url: str) -> RegistryPlace:
    """The registry of the host that is reached at ``base_url``, as the platform signs in there."""
    key = create(registry_folder(data) / "platform.key", secrets.token_urlsafe(32))
    return RegistryPlace(LOCAL, base_url, Login(PLATFORM, key.strip()))
