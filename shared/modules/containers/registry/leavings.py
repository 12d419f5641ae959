"""What executions left in the build registry, taken away by no more than every registry can do.

That is: tags listed, manifests read, put, and deleted by digest. Where a tag is to go and its manifest to
stay, the tag is set to an artifact without content, and that is deleted, which removes no other tag anywhere;
registries need not remove tags, and of those that do, not all mean the tag alone.
"""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Any, Final

from shared.domain.errors import UnavailableError
from shared.domain.ids import ulid_time
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
MAX_KNOWN: Final = 50_000
"""Tags of executions that are remembered from one clearing to the next."""
SETTLED: Final = timedelta(days=1)
_REFUSALS: Final = ("REGISTRY_UNAUTHENTICATED", "REGISTRY_DENIED", "REGISTRY_REFUSED", "REGISTRY_NOT_FOUND")

type Known = dict[tuple[str, str], Sequence[str]]
"""What tags stand for, by the repository and the tag."""
type Now = Callable[[], datetime]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Needed:
    """Manifests that stay, by their digests: all, and those that a deployment holds."""

    all: set[str]
    held: set[str]


class RegistryLeavings:
    """Implements :class:`shared.ports.leavings.Leavings` over the build registry, whatever it is."""

    def __init__(self, repositories: Repositories, now: Now = lambda: datetime.now(UTC)) -> None:
        self._repositories = repositories
        self._now = now
        self._known: Known = {}

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
        if not repository.startswith(f"{scope.tenant_id}/"):
            raise ValueError(f"{repository} is not {scope.tenant_id}'s")
        with _told():
            registry = self._repositories.build.registry
            return await _Clearing(registry, repository, self._known, self._now).run(gone, go_on)


class _Clearing:
    """One repository, looked through once."""

    def __init__(self, registry: Registry, repository: str, known: Known, now: Now) -> None:
        self._registry = registry
        self._repository = repository
        self._known = known
        self._now = now
        self._seen = set[str]()
        """The tags that there were when it was last looked what is needed."""

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
        tags = await self._tags()
        self._seen = set(tags)
        live = [tag for tag in tags if execution_of(tag) not in gone]
        needed, held = set[str](), set[str]()
        for some in batched(live, AT_ONCE, strict=False):
            for tag, found in zip(some, await _all(self._look(tag) for tag in some), strict=True):
                needed |= set(found)
                if is_hold(tag):
                    held |= set(found)
        return _Needed(needed, held)

    async def _look_again(self, needed: _Needed) -> None:
        """Add what is needed since it was looked: by tags that are new, or that deployments have moved."""
        tags = await self._tags()
        for tag in tags:
            if tag not in self._seen or is_hold(tag):
                found = await self._look(tag)
                needed.all.update(found)
                if is_hold(tag):
                    needed.held.update(found)
        self._seen.update(tags)

    async def _look(self, tag: str) -> Sequence[str]:
        """What a tag stands for, and what that names."""
        key = (self._repository, tag)
        if key not in self._known:
            named = await self._registry.named_by(self._repository, tag)
            found = named.all if named else ()
            if not self._is_settled(tag):
                return found
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[key] = found
        return self._known[key]

    def _is_settled(self, tag: str) -> bool:
        """Whether nobody sets it any more: only its execution does, which is no more at work."""
        execution_id = execution_of(tag)
        return execution_id is not None and self._now() - ulid_time(execution_id) > SETTLED

    async def _clear(self, tags: Iterable[str], needed: _Needed) -> int:
        removed, shared, refusals = 0, list[str](), list[ActionError]()
        for tag in tags:
            named = await self._registry.named_by(self._repository, tag)
            if named is None or needed.held.intersection(named.all):  # it went with another tag, or is held
                continue
            if not needed.all.issuperset(named.all):
                # A build that comes to the same image may have been done meanwhile.
                await self._look_again(needed)
                if needed.held.intersection(named.all):
                    continue
            # What it is about first: by the record it is found again. What it is made of last.
            refused = await self._delete([one for one in named.all if one not in needed.all])
            if refused is not None:
                refusals.append(refused)
            elif named.digest in needed.all:
                shared.append(tag)
            else:
                removed += 1
        if refusals and not removed:
            raise refusals[0]
        return removed + await self._untag(shared)

    async def _delete(self, digests: Sequence[str]) -> ActionError | None:
        """Delete manifests; why the registry refuses, if it does."""
        try:
            for digest in digests:
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


async def _all(work: Iterable[Coroutine[Any, Any, Sequence[str]]]) -> Sequence[Sequence[str]]:
    """What all of it comes to; the first failure, once none is at work any more."""
    found = await asyncio.gather(*work, return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return [one for one in found if not isinstance(one, BaseException)]


@contextmanager
def _told() -> Iterator[None]:
    """What registries answer, as the port has it."""
    try:
        yield
    except ActionError as error:
        if error.retryable:
            raise UnavailableError(error.message) from error
        raise CannotClearError(error.message) from error
