"""What executions left in the build registry, taken away by no more than every registry can do.

That is: tags listed, manifests read, put, and deleted by digest. Where a tag is to go and its manifest to
stay, the tag is set to an artifact without content, and that is deleted, which removes no other tag anywhere;
registries need not remove tags, and of those that do, not all mean the tag alone.
"""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import batched
from typing import Final

from shared.domain.errors import UnavailableError
from shared.modules.containers.registry.build_registry import BuildRegistry
from shared.modules.containers.registry.manifests import EMPTY, OCI_MANIFEST, Descriptor, Manifest
from shared.modules.containers.registry.marks import execution_of, is_hold
from shared.modules.containers.registry.registries import Registry
from shared.modules.containers.registry.repositories import Repositories
from shared.ports.actions import ActionError
from shared.ports.leavings import CannotClearError, Gone
from shared.security.scope import TenantScope

ARTIFACT: Final = "application/vnd.quantum.removed.v1"
AT_ONCE: Final = 8
CHUNK: Final = 100
"""Tags that go before it is looked again what is needed."""
MAX_LIVE: Final = 20_000
"""Tags that stay, in one repository: of more, it would take too long to say what they need."""
_REFUSALS: Final = ("REGISTRY_UNAUTHENTICATED", "REGISTRY_DENIED", "REGISTRY_REFUSED", "REGISTRY_NOT_FOUND")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Needed:
    """Manifests that stay, by their digests: all, and those that a deployment holds."""

    all: frozenset[str]
    held: frozenset[str]


class RegistryLeavings:
    """Implements :class:`shared.ports.leavings.Leavings` over the build registry, whatever it is."""

    def __init__(self, repositories: Repositories) -> None:
        self._repositories = repositories

    async def repositories(self, scope: TenantScope) -> AsyncIterator[str]:
        with _told():
            build = self._repositories.build
            contexts = build.contexts(scope)
            async for repository in build.registry.repositories(f"{scope.tenant_id}/"):
                if repository != contexts:
                    yield repository

    async def clear(
        self, scope: TenantScope, repository: str, *, gone: Gone, go_on: Callable[[], bool]
    ) -> int:
        with _told():
            return await _Clearing(self._build(scope, repository), repository).run(gone, go_on)

    def _build(self, scope: TenantScope, repository: str) -> BuildRegistry:
        if not repository.startswith(f"{scope.tenant_id}/"):
            raise ValueError(f"{repository} is not {scope.tenant_id}'s")
        return self._repositories.build


class _Clearing:
    """One repository, looked through once."""

    def __init__(self, build: BuildRegistry, repository: str) -> None:
        self._registry: Registry = build.registry
        self._repository = repository
        self._known: dict[str, Sequence[str]] = {}
        """What tags of executions stand for and need; no other execution sets them."""

    async def run(self, gone: Gone, go_on: Callable[[], bool]) -> int:
        tags = await self._tags()
        executions = await gone({one for tag in tags if (one := execution_of(tag))})
        doomed = [tag for tag in tags if execution_of(tag) in executions]
        if len(tags) - len(doomed) > MAX_LIVE:
            _log.warning("%s has too many tags: what executions left there stays", self._repository)
            return 0
        removed = 0
        for some in batched(doomed, CHUNK, strict=False):
            if not go_on():
                break
            removed += await self._clear(some, await self._needed(executions))
        return removed

    async def _tags(self) -> Sequence[str]:
        return [tag async for page in self._registry.all_tags(self._repository) for tag in page]

    async def _needed(self, gone: Collection[str]) -> _Needed:
        """What those tags need that are there now and stay."""
        live = [tag for tag in await self._tags() if execution_of(tag) not in gone]
        places = asyncio.Semaphore(AT_ONCE)

        async def look(tag: str) -> Sequence[str]:
            if (known := self._known.get(tag)) is not None:
                return known
            async with places:
                found = _digests(await self._registry.manifest(self._repository, tag))
            if execution_of(tag):
                self._known[tag] = found
            return found

        looked = await asyncio.gather(*(look(tag) for tag in live), return_exceptions=True)
        for one in looked:
            if isinstance(one, BaseException):
                raise one
        digests = {tag: found for tag, found in zip(live, looked, strict=True) if isinstance(found, Sequence)}
        return _Needed(
            frozenset(_flat(digests.values())),
            frozenset(_flat(found for tag, found in digests.items() if is_hold(tag))),
        )

    async def _clear(self, tags: Iterable[str], needed: _Needed) -> int:
        removed, shared, refusals = 0, list[str](), list[ActionError]()
        for tag in tags:
            manifest = await self._registry.manifest(self._repository, tag)
            if manifest is None:  # it went with another tag
                continue
            about = _digests(manifest)
            if needed.held.intersection(about):
                continue
            # What it is about first: by the record it is found again. What it is made of last.
            refused = await self._delete(
                [one for one in (*manifest.subjects, *about) if one not in needed.all]
            )
            if refused is not None:
                refusals.append(refused)
            elif manifest.digest in needed.all:
                shared.append(tag)
            else:
                removed += 1
        if refusals and not removed:
            raise refusals[0]
        return removed + await self._untag(shared)

    async def _delete(self, digests: Sequence[str]) -> ActionError | None:
        """Delete manifests; why the registry refuses, if it does."""
        try:
            for digest in dict.fromkeys(digests):
                await self._registry.delete(self._repository, digest)
        except ActionError as error:
            if error.code not in _REFUSALS:
                raise
            return error
        return None

    async def _untag(self, tags: Sequence[str]) -> int:
        """Have tags stand for nothing, whatever they stand for now."""
        if not tags:
            return 0
        nothing = Descriptor.of(b"{}", EMPTY)
        await self._registry.put_blob(self._repository, nothing, b"{}")
        removed = Manifest.made(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "artifactType": ARTIFACT,
                "config": nothing.to_json(),
                "layers": [nothing.to_json()],
                "annotations": {"dev.quantum.removed": str(uuid.uuid4())},
            }
        )
        for tag in tags:
            await self._registry.put_manifest(self._repository, removed, tag)
        await self._registry.delete(self._repository, removed.digest)
        return len(tags)


def _digests(manifest: Manifest | None) -> Sequence[str]:
    """The manifest, and those that it is made of or about."""
    if manifest is None:
        return ()
    return [manifest.digest, *(one.digest for one in manifest.manifests), *manifest.subjects]


def _flat(parts: Iterable[Sequence[str]]) -> Iterator[str]:
    for part in parts:
        yield from part


@contextmanager
def _told() -> Iterator[None]:
    """What registries answer, as the port has it."""
    try:
        yield
    except ActionError as error:
        if error.retryable:
            raise UnavailableError(error.message) from error
        raise CannotClearError(error.message) from error
