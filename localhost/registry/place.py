"""Where the local host's registry is, and the key with which the platform signs in to it."""

import json
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from localhost.identity.files import create, replace
from shared.ports.registries import LOCAL, Login, RegistryPlace

PLATFORM = "platform"
"""The user name with which the platform signs in."""
ADDRESSES_KEPT = 16


def registry_folder(data: Path) -> Path:
    """``<data>/registry``, made if absent, closed to other users of the machine."""
    folder = data.resolve() / "registry"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def local_registry(data: Path, base_url: str) -> RegistryPlace:
    """The registry of the host that is reached at ``base_url``, as the platform signs in there.

    The address is recorded: references of before stay good when the host comes back at another.
    """
    folder = registry_folder(data)
    key = create(folder / "platform.key", secrets.token_urlsafe(32))
    host, path = urlsplit(base_url).netloc, folder / "addresses.json"
    known: list[str] = json.loads(path.read_text()) if path.exists() else []
    hosts = [host, *(one for one in known if one != host)][:ADDRESSES_KEPT]
    if hosts != known:
        replace(path, json.dumps(hosts))
    return RegistryPlace(LOCAL, base_url, Login(PLATFORM, key.strip()), earlier=tuple(hosts[1:]))
