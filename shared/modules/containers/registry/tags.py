"""Tags of a repository: set, and put back as they were."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.modules.containers.registry.manifests import Manifest
from shared.modules.containers.registry.repositories import Repository
from shared.ports.actions import ActionError

_CANNOT: Final = frozenset({"REGISTRY_REFUSED"})
"""What registries say that delete no tags."""


@dataclass(frozen=True, slots=True)
class TagsBefore:
    """What tags stood for before they were set to ``digest``; None: nothing.

    ``is_new``: whether the repository had no such manifest, so that nobody else can be using it.
    """

    digest: str
    previous: Mapping[str, str | None]
    is_new: bool

    @classmethod
    async def of(
        cls, repository: Repository, tags: Iterable[str], *, digest: str, is_new: bool
    ) -> "TagsBefore":
        """Look what they stand for now.

        Raises:
            ActionError: the registry does not say.
        """
        registry, name = repository.registry, repository.name
        return cls(digest, {tag: await registry.digest(name, tag) for tag in dict.fromkeys(tags)}, is_new)

    async def set(self, repository: Repository, manifest: Manifest) -> None:
        """Have the tags stand for ``manifest``, which is there; where that fails, as they did before.

        Raises:
            ActionError: they cannot be set; the message says whether they could be put back.
        """
        try:
            for tag, previous in self.previous.items():
                if previous != manifest.digest:
                    await repository.registry.put_manifest(repository.name, manifest, tag)
        except ActionError as error:
            try:
                await self.restore(repository)
            except ActionError as worse:
                message = f"{error.message}; and what was set could not be put back: {worse.message}"
                raise ActionError(error.code, message, retryable=error.retryable) from worse
            raise

    async def restore(self, repository: Repository) -> dict[str, Any]:
        """Put the tags back that still stand for ``digest``; how each stands then, asked once or twice.

        Raises:
            ActionError: one could not be put back.
        """
        return {tag: await self._restored(repository, tag) for tag in self.previous}

    async def _restored(self, repository: Repository, tag: str) -> str:
        registry, name = repository.registry, repository.name
        previous = self.previous[tag]
        current = await registry.digest(name, tag)
        if current is None:
            return "removed"
        if current != self.digest:
            return "restored" if current == previous else "left"  # left: somebody has set it since
        if previous == self.digest:
            return "kept"
        before = await registry.manifest(name, previous) if previous else None
        if before is not None:
            await registry.put_manifest(name, before, tag)
            return "restored"
        await self._remove(repository, tag)
        return "removed"

    async def _remove(self, repository: Repository, tag: str) -> None:
        """Remove a tag; where a registry removes none, the manifest, if that is ours alone."""
        registry, name = repository.registry, repository.name
        try:
            await registry.delete(name, tag)
        except ActionError as error:
            if error.code not in _CANNOT or not self.is_new or await self._is_used(repository):
                raise
            await registry.delete(name, self.digest)

    async def _is_used(self, repository: Repository) -> bool:
        """Whether another tag stands for the manifest."""
        registry, name = repository.registry, repository.name
        for other in await registry.tags(name):
            if other not in self.previous and await registry.digest(name, other) == self.digest:
                return True
        return False
