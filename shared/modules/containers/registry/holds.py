"""What deployments hold in the build registry: what each workload runs, and what it ran before.

Clusters pull by digest whenever they start a copy, long after whoever built the image is gone; and what is
undone goes back by one. So two tags in the image's repository go with each workload.
"""

import logging
from collections.abc import Sequence

from shared.modules.containers.registry.manifests import Manifest
from shared.modules.containers.registry.marks import holds_of
from shared.modules.containers.registry.repositories import Repositories, Repository
from shared.ports.actions import ActionError
from shared.security.scope import TenantScope

_log = logging.getLogger(__name__)


class Holds:
    def __init__(self, repositories: Repositories) -> None:
        self._repositories = repositories

    async def hold(self, scope: TenantScope, place: str, images: Sequence[str]) -> list[str]:
        """Keep those of the images that are in the build registry for what runs at ``place``; which.

        What it ran before is kept, too. Doing it again changes nothing.

        Raises:
            ActionError: the registry cannot be asked now.
        """
        held: list[str] = []
        for number, image in enumerate(images):
            if (found := self._repositories.built_here(scope, image)) is None:
                continue
            repository, reference = found
            manifest = await _manifest(repository, reference)
            if manifest is not None:
                await _set(repository, f"{place}/{number}", manifest)
                held.append(f"{repository.path}@{manifest.digest}")
        return held

    async def release(self, scope: TenantScope, place: str, held: Sequence[str]) -> None:
        """Have what ran before be what runs, unless something else is deployed meanwhile.

        Raises:
            ActionError: the registry cannot be asked now.
        """
        for number, image in enumerate(held):
            if (found := self._repositories.built_here(scope, image)) is None:
                continue
            repository, digest = found
            now, before = holds_of(f"{place}/{number}")
            current = await _manifest(repository, now)
            if current is None or current.digest != digest:
                continue
            earlier = await _manifest(repository, before)
            if earlier is not None:
                await _put(repository, earlier, now)


async def _set(repository: Repository, place: str, manifest: Manifest) -> None:
    now, before = holds_of(place)
    current = await _manifest(repository, now)
    if current is not None and current.digest == manifest.digest:
        return
    if current is not None:
        await _put(repository, current, before)
    await _put(repository, manifest, now)


async def _manifest(repository: Repository, reference: str) -> Manifest | None:
    return await repository.registry.manifest(repository.name, reference)


async def _put(repository: Repository, manifest: Manifest, tag: str) -> None:
    try:
        await repository.registry.put_manifest(repository.name, manifest, tag)
    except ActionError as error:
        if error.retryable:
            raise
        # What runs, runs. A registry that takes no tags will hardly let images be deleted.
        _log.warning("%s cannot be kept for a deployment: %s", repository.path, error.message)
