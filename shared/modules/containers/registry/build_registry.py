"""The build registry: where builders put what they build, each tenant's under the tenant's own name.

It is the operator's, and reached with the platform's own credentials. Nobody but this module puts a tenant in
front of a repository, so no tenant can name another's.
"""

import hashlib
import logging
from dataclasses import replace
from typing import Final

from shared.domain.errors import UnavailableError
from shared.domain.images import LATEST, MAX_NAME, REPOSITORY, REPOSITORY_RULE, ImageReference
from shared.modules.containers.registry.authentication import RegistryCredentials
from shared.modules.containers.registry.manifests import Manifest
from shared.modules.containers.registry.patience import Pace
from shared.modules.containers.registry.registries import Registry
from shared.modules.containers.registry.sending import PACE, Connections
from shared.ports.actions import ActionError
from shared.ports.registries import RegistryPlace
from shared.ports.telemetry import NO_TELEMETRY, Telemetry
from shared.security.egress import EgressPolicy
from shared.security.scope import TenantScope

CONTEXTS: Final = "contexts"
"""Where a tenant's uploaded build contexts are: no image can have that name."""
MAX_TAG: Final = 128

_log = logging.getLogger(__name__)


class BuildRegistry:
    """The build registry, as the repositories of tenants."""

    def __init__(
        self,
        place: RegistryPlace,
        egress: EgressPolicy,
        credentials: RegistryCredentials = None,
        telemetry: Telemetry = NO_TELEMETRY,
        pace: Pace = PACE,
    ) -> None:
        """``egress`` is the rule for everything else; this registry may be reached beside it."""
        self.place = place
        self._connections = Connections(replace(egress, hosts=egress.hosts | place.hosts), telemetry)
        self.credentials = place.login or credentials
        self.registry = Registry(
            self._connections, place.name, self.credentials, origin=place.origin, pace=pace
        )

    def repository(self, scope: TenantScope, name: str) -> str:
        """The repository of what the tenant calls ``name``: ``acme/myapp``.

        Raises:
            ActionError: that cannot be the name of a repository.
        """
        repository = f"{scope.tenant_id}/{name}"
        if not REPOSITORY.fullmatch(name) or len(f"{self.place.host}/{repository}") > MAX_NAME:
            message = f"{name[:100]!r} cannot be the name of an image: that is {REPOSITORY_RULE}"
            raise ActionError("IMAGE_NAME", message, retryable=False)
        if name.partition("/")[0] == CONTEXTS:
            message = (
                f"{name[:100]!r} cannot be the name of an image: '{CONTEXTS}' is where build contexts are"
            )
            raise ActionError("IMAGE_NAME", message, retryable=False)
        return repository

    def contexts(self, scope: TenantScope) -> str:
        """The repository of the tenant's build contexts."""
        return f"{scope.tenant_id}/{CONTEXTS}"

    def reference(self, repository: str, digest: str) -> str:
        """Exactly that image, for whoever pulls it: ``host/acme/myapp@sha256:…``."""
        return f"{self.place.host}/{repository}@{digest}"

    async def put_tags(
        self, scope: TenantScope, image: ImageReference, manifest: Manifest, *, execution_id: str
    ) -> str:
        """Tag what was built, whose blobs are there, as was asked and for the execution; the digest.

        Raises:
            ActionError: the registry does not take it, or the image cannot be named so.
        """
        repository = self.repository(scope, image.repository)
        tag = image.tag or LATEST
        await self.registry.put_manifest(repository, manifest, execution_tag(execution_id, tag))
        return await self.registry.put_manifest(repository, manifest, tag)

    async def find(self, scope: TenantScope, image: ImageReference, *, execution_id: str) -> Manifest | None:
        """What ``image`` stands for: what this execution built by that name, else what the tenant has by it.

        Raises:
            ActionError: the registry does not say, or the image cannot be named so.
        """
        repository = self.repository(scope, image.repository)
        if image.digest:
            return await self.registry.manifest(repository, image.digest)
        tag = image.tag or LATEST
        own = await self.registry.manifest(repository, execution_tag(execution_id, tag))
        return own or await self.registry.manifest(repository, tag)

    async def forget(self, scope: TenantScope) -> None:
        """Remove the tenant's repositories: see :meth:`shared.ports.remains.Remains.forget`.

        A registry that lists no repositories, or lets the platform remove none, keeps them; the log says so.
        """
        try:
            async for repository in self.registry.repositories(f"{scope.tenant_id}/"):
                await self.registry.delete_repository(repository)
        except ActionError as error:
            if error.retryable:
                raise UnavailableError(error.message) from error
            _log.warning("images of the erased tenant %s stay: %s", scope.tenant_id, error.message)

    def warm_up(self) -> None:
        self._connections.warm_up()

    async def aclose(self) -> None:
        """Close the connections that are kept."""
        await self._connections.aclose()


def execution_tag(execution_id: str, tag: str) -> str:
    """The tag that only this execution sets on what it builds as ``tag``."""
    text = f"{execution_id}.{tag}"
    return text if len(text) <= MAX_TAG else f"{execution_id}.{hashlib.sha256(tag.encode()).hexdigest()}"
