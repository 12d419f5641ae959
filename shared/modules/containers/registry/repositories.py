"""Whose repository a definition means: a tenant's own in the operator's registries, or one anywhere else.

The operator's registries are the build registry and, on one machine, the local host's own. There the platform
signs in as itself and puts the tenant in front of every name; anywhere else it signs in with what the step
gives, or as its own identity where an operator allows the tenant that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from shared.domain.images import REPOSITORY, REPOSITORY_RULE, ImageReference, parse_image, parse_registry
from shared.modules.authorization import NO_TOKENS, OutboundTokens
from shared.modules.containers.registry.authentication import AzureIdentity, RegistryCredentials
from shared.modules.containers.registry.build_registry import BuildRegistry
from shared.modules.containers.registry.manifests import Manifest
from shared.modules.containers.registry.patience import Pace
from shared.modules.containers.registry.registries import Registry, origin_of_registry
from shared.modules.containers.registry.sending import PACE, Connections
from shared.ports.actions import ActionError
from shared.ports.credentials import Credentials
from shared.ports.registries import LOCAL, Login, RegistryPlace
from shared.ports.telemetry import NO_TELEMETRY, Telemetry
from shared.security.egress import EgressPolicy
from shared.security.scope import TenantScope

ACR_SCOPE: Final = "https://containerregistry.azure.net/.default"
"""Whom a token is for that an Azure Container Registry takes. Unlike one for Azure's management, it opens
nothing else."""
_AZURE: Final = (".azurecr.io", ".azurecr.us", ".azurecr.cn")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of a registry; ``shown`` is how people are told of the registry."""

    registry: Registry
    name: str
    host: str
    shown: str
    alias_of: str | None = None
    """The registry that was asked for, where another takes its place."""

    @property
    def path(self) -> str:
        """As references have it: ``ghcr.io/acme/app``."""
        return f"{self.host}/{self.name}"


@dataclass(frozen=True, slots=True)
class Found:
    """An image, and where it is."""

    repository: Repository
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class _Own:
    """One of the operator's registries, under the name of another that it takes the place of."""

    registry: BuildRegistry
    folder: str = ""
    alias_of: str | None = None


@dataclass(frozen=True, slots=True)
class Operators:
    """What an operator has set up: registries, and which names stand for which.

    ``build`` and ``local`` may be the same.
    """

    build: BuildRegistry | None = None
    local: BuildRegistry | None = None
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])

    def registries(self) -> Sequence[BuildRegistry]:
        return list(dict.fromkeys(one for one in (self.build, self.local) if one is not None))

    def own(self, name: str) -> _Own | None:
        """The operator's registry that goes by ``name``; None: that is somebody else's."""
        stands_for = self.aliases.get(name, name)
        for one in self.registries():
            if stands_for in one.place.names:
                if stands_for == name:
                    return _Own(one)
                return _Own(one, name.replace(":", "-").strip("[]") + "/", name)
        return None


class Repositories:
    """Finds repositories and images for steps."""

    def __init__(
        self,
        operators: Operators,
        egress: EgressPolicy,
        outbound: OutboundTokens = NO_TOKENS,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        self._operators = operators
        self._egress = egress
        self._outbound = outbound
        self._connections = Connections(egress, telemetry)

    @property
    def build(self) -> BuildRegistry:
        """The build registry.

        Raises:
            ActionError: the operator has set up none.
        """
        if self._operators.build is None:
            message = "this platform has no registry to build into: its operator sets QUANTUM_BUILD_REGISTRY"
            raise ActionError("NO_BUILD_REGISTRY", message, retryable=False)
        return self._operators.build

    async def find(
        self, scope: TenantScope, image: ImageReference, *, execution_id: str, login: Login | None = None
    ) -> Found:
        """What ``image`` stands for in this execution; without a registry, it is one that was built here.

        Raises:
            ActionError: there is no such image, or it cannot be had.
        """
        own = self._operators.own(image.registry) if image.registry else _Own(self.build)
        if own is not None:
            name = image.repository
            if image.registry is not None and own.alias_of is None:
                name = _without_tenant(scope, name)
            named = replace(image, registry=None, repository=own.folder + name)
            repository = self._own(scope, own, named.repository)
            manifest = await own.registry.find(scope, named, execution_id=execution_id)
        else:
            named = image.at_docker()
            repository = self._elsewhere(scope, named.registry or "", named.repository, login)
            manifest = await repository.registry.manifest(named.repository, named.reference)
        if manifest is None:
            message = f"there is no image {image}" + (
                "" if image.registry else f" among those of {scope.tenant_id}: no step has built or pushed it"
            )
            raise ActionError("IMAGE_NOT_FOUND", message, retryable=False)
        return Found(repository, manifest)

    def destination(
        self, scope: TenantScope, registry: str, image: ImageReference, *, login: Login | None = None
    ) -> Repository:
        """Where ``image`` goes in ``registry``, which may have a path behind its name: ``ghcr.io/acme``.

        Raises:
            ActionError: there cannot be such a repository, or the registry may not be reached.
        """
        name, folder = parse_destination(registry)
        own = self._operators.own(name)
        repository = folder + self._name_of(scope, image)
        if own is not None:
            return self._own(scope, own, own.folder + repository)
        return self._elsewhere(scope, name, repository, login)

    def again(self, scope: TenantScope, repository: str, *, login: Login | None = None) -> Repository:
        """The repository that a :attr:`Repository.path` of before names.

        Raises:
            ActionError: it is another tenant's, or may not be reached.
        """
        image = parse_image(repository)
        own = self._operators.own(image.registry or "")
        if own is not None:
            return self._own(scope, own, own.folder + _without_tenant(scope, image.repository))
        return self._elsewhere(scope, image.registry or "", image.repository, login)

    def built_here(self, scope: TenantScope, image: str) -> tuple[Repository, str] | None:
        """Where in the build registry the image is, and its tag or digest there; None: it is elsewhere."""
        try:
            named = parse_image(image)
            own = self._operators.own(named.registry or "")
            if own is None or own.registry is not self._operators.build or own.alias_of is not None:
                return None
            repository = self._own(scope, own, _without_tenant(scope, named.repository))
        except (ValueError, ActionError):  # no image, or none of this tenant's
            return None
        return repository, named.reference

    def shown(self, registry: Any) -> str | None:
        """How people are told of the registry that a step names; None: it does not say yet."""
        try:
            name = parse_destination(registry)[0] if isinstance(registry, str) else None
        except ValueError:
            return None
        own = self._operators.own(name) if name else None
        return own.registry.place.name if own else name

    async def forget(self, scope: TenantScope) -> None:
        """Remove the tenant's images from the build registry; the local host's forgets them by itself.

        Implements :class:`shared.ports.remains.Remains`.
        """
        build = self._operators.build
        if build is not None and build is not self._operators.local:
            await build.forget(scope)

    def warm_up(self) -> None:
        for one in self._operators.registries():
            one.warm_up()
        self._connections.warm_up()

    async def aclose(self) -> None:
        """Close the connections that are kept."""
        for one in self._operators.registries():
            await one.aclose()
        await self._connections.aclose()

    def _name_of(self, scope: TenantScope, image: ImageReference) -> str:
        """What the image is called, wherever it is."""
        own = self._operators.own(image.registry) if image.registry else None
        return _without_tenant(scope, image.repository) if own and own.alias_of is None else image.repository

    def _own(self, scope: TenantScope, own: _Own, name: str) -> Repository:
        place = own.registry.place
        return Repository(
            own.registry.registry, own.registry.repository(scope, name), place.host, place.name, own.alias_of
        )

    def _elsewhere(
        self, scope: TenantScope, registry: str, repository: str, login: Login | None
    ) -> Repository:
        found = Registry(self._connections, registry, self.credentials(scope, registry, login))
        if (why := self._egress.refusal_of_url(found.origin)) is not None:
            raise ActionError("EGRESS_REFUSED", f"{registry}: {why}", retryable=False)
        return Repository(found, repository, registry, registry)

    def credentials(self, scope: TenantScope, registry: str, login: Login | None) -> RegistryCredentials:
        """How a step of the tenant signs in to a registry that is not the operator's."""
        if login is not None or not registry.endswith(_AZURE):
            return login
        outbound, tenant_id, origin = self._outbound, scope.tenant_id, origin_of_registry(registry)
        return AzureIdentity(lambda: outbound.token(scope=ACR_SCOPE, tenant_id=tenant_id, origin=origin))


NO_REPOSITORIES: Final = Repositories(Operators(), EgressPolicy())
"""Of a platform without registries of its own."""


def operators_registry(
    place: RegistryPlace, egress: EgressPolicy, credentials: Credentials, telemetry: Telemetry
) -> BuildRegistry:
    """The operator's registry at ``place``, as the platform signs in there."""
    identity = None
    if place.login is None and place.host.endswith(_AZURE):
        identity = AzureIdentity(lambda: OutboundTokens(credentials).own(ACR_SCOPE))
    # A local host that stops stops being a registry first: what is under way then is to outlast the host, and
    # to be done again by the next, not to fail.
    pace = Pace(failures=9) if place.name == LOCAL else PACE
    return BuildRegistry(place, egress, identity, telemetry, pace)


def parse_destination(text: str) -> tuple[str, str]:
    """The registry that ``text`` names, and the folder behind it, which ends in ``/`` unless it is empty.

    Raises:
        ValueError: it names none.
    """
    name, slash, folder = text.partition("/")
    registry = parse_registry(name)
    if slash and not REPOSITORY.fullmatch(folder):
        raise ValueError(f"{text[:100]!r}: behind the registry's name stands a path of {REPOSITORY_RULE}")
    return registry, folder + slash


def _without_tenant(scope: TenantScope, repository: str) -> str:
    """What a tenant calls its repository.

    Raises:
        ActionError: it is another tenant's, whether there is such a one or not.
    """
    tenant, _, name = repository.partition("/")
    if tenant != scope.tenant_id or not name:
        message = (
            f"{repository[:100]!r} is not among the repositories of {scope.tenant_id}, {scope.tenant_id}/…"
        )
        raise ActionError("IMAGE_DENIED", message, retryable=False)
    return name
