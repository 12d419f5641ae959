"""The settings about registries of container images, as what they mean."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from shared.domain.images import parse_registry
from shared.ports.registries import LOCAL, Login, RegistryPlace
from shared.security.origins import protected_origin
from shared.settings import Settings
from shared.settings_values import SettingsError

ADDRESS: Final = "QUANTUM_BUILD_REGISTRY"
ALIASES: Final = "QUANTUM_REGISTRY_ALIASES"
RESOURCE: Final = re.compile(
    r"/subscriptions/[\w-]+/resourceGroups/[\w.()-]+/providers/Microsoft\.ContainerRegistry/registries/[a-zA-Z0-9]+"
)
RESOURCE_MANAGERS: Final = {
    ".azurecr.io": "https://management.azure.com",
    ".azurecr.us": "https://management.usgovcloudapi.net",
    ".azurecr.cn": "https://management.chinacloudapi.cn",
}
"""Where each of Azure's clouds is managed, by what its registries' names end with."""
LOCAL_ALIASES: Final = {"azurecr.io": LOCAL}
"""The aliases of a host that is a registry itself, unless it is told others: that name is no registry's."""


def build_registry(settings: Settings, local: RegistryPlace | None) -> RegistryPlace | None:
    """Where images are built into: what the operator says, or else the local host's own registry.

    Raises:
        SettingsError: an address or the user cannot be used.
    """
    user, password = settings.build_registry_user, settings.build_registry_password
    if not settings.build_registry:
        if user or password:
            raise SettingsError(f"{ADDRESS} is not set, but {ADDRESS}_USER or {ADDRESS}_PASSWORD is")
        return local
    if bool(user) != bool(password):
        raise SettingsError(f"{ADDRESS}_USER and {ADDRESS}_PASSWORD: give both, or neither")
    try:
        origin, *more = (protected_origin(one.strip()) for one in settings.build_registry.split(","))
    except ValueError as error:
        raise SettingsError(f"{ADDRESS}: {error}") from error
    login = Login(user, password) if user else None
    return RegistryPlace(urlsplit(origin).netloc, origin, login, tuple(more))


def registry_aliases(settings: Settings, local: RegistryPlace | None) -> Mapping[str, str]:
    """Which registries take the place of which.

    Raises:
        SettingsError: a pair cannot be used, or there is no local registry here.
    """
    if settings.registry_aliases is None:
        return LOCAL_ALIASES if local else {}
    aliases: dict[str, str] = {}
    for pair in filter(None, (one.strip() for one in settings.registry_aliases.split(","))):
        name, _, stands_for = (part.strip() for part in pair.partition("="))
        try:
            aliases[parse_registry(name)] = parse_registry(stands_for)
        except ValueError as error:
            raise SettingsError(f"{ALIASES} has {pair!r}: {error}; a pair is azurecr.io=local") from error
    if LOCAL in aliases.values() and local is None:
        raise SettingsError(f"{ALIASES} names {LOCAL!r}: only a local host on loopback is a registry itself")
    return aliases


def resource_manager(settings: Settings) -> str:
    """Where the build registry, which is Azure's, is managed.

    Raises:
        SettingsError: it is none of Azure's, or it is not said which resource it is.
    """
    address = settings.build_registry.partition(",")[0].strip()
    host = urlsplit(address).hostname or ""
    origin = next((one for end, one in RESOURCE_MANAGERS.items() if host.endswith(end)), None)
    if origin is None:
        raise SettingsError(
            f"QUANTUM_BUILDER is 'acr': {ADDRESS}, which is {address!r}, must be an Azure Container Registry"
        )
    if not RESOURCE.fullmatch(settings.build_registry_id):
        raise SettingsError(
            f"QUANTUM_BUILDER is 'acr': {ADDRESS}_ID must be the registry's resource, "
            "/subscriptions/…/resourceGroups/…/providers/Microsoft.ContainerRegistry/registries/…"
        )
    return origin
