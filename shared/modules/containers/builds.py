"""``build-container`` and ``build-docker-image``: an image from a Dockerfile, in the build registry."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, ClassVar, Final

from pydantic import BaseModel

from shared.domain.actions import Undoing
from shared.modules.containers.building.bases import Bases
from shared.modules.containers.building.benches import Bench, bench
from shared.modules.containers.building.build_parameters import BuildOutputs, BuildParameters
from shared.modules.containers.building.contexts import Contexts
from shared.modules.containers.building.orders import Builder, Building, Built, Context, Order
from shared.modules.containers.building.records import keep_record, record_of
from shared.modules.containers.failures import BUILDS
from shared.modules.containers.images.build_logs import BuildLog
from shared.modules.containers.images.dockerfiles import DockerfileError
from shared.modules.containers.registry.build_registry import execution_tag
from shared.modules.containers.registry.manifests import Manifest
from shared.modules.containers.registry.repositories import Repositories, Repository
from shared.modules.containers.registry.tags import TagsBefore
from shared.ports.actions import Action, ActionContext, ActionError, Completed, Foreseen, Pending

SHOWN_LINES: Final = 20
"""Lines of the log's end that a failure tells."""


class Builds(Action):
    """Build an image.

    What is big goes first, and is seen by nobody. Then what the tags stand for is remembered, and only then
    are they set: whenever it is broken off, it is known what to put back. A step that is told twice to build
    finds by a tag of its own what it has built.
    """

    module = "containers"
    side_effect = "compensatable"
    offers = MappingProxyType({"image": "image"})
    undone_by = Undoing(
        "restore-tags",
        {"repository": "repository", "digest": "digest", "tags": "tags", "is_new": "is_new"},
    )
    failures = BUILDS
    Parameters: ClassVar[type[BaseModel]] = BuildParameters
    Outputs: ClassVar[type[BaseModel]] = BuildOutputs

    own_images = frozenset({"image"})
    takes_secrets = frozenset({"registries"})

    def __init__(
        self, builder: Builder, contexts: Contexts, repositories: Repositories, bases: Bases
    ) -> None:
        self._builder = builder
        self._contexts = contexts
        self._repositories = repositories
        self._bases = bases

    def warm_up(self) -> None:
        self._repositories.warm_up()

    async def run(self, parameters: BuildParameters, context: ActionContext) -> Pending:
        _refuse_secrets(parameters, context)
        order, repository = _order(parameters, context), self._repository(parameters, context)
        known = await record_of(order, repository)
        if known is not None and await repository.registry.digest(repository.name, known.digest):
            return Pending(0, {"built": {"digest": known.digest, "log": known.log, **known.facts}})
        async with self._logged(order, repository) as place:
            read = await self._contexts.read(context.scope, parameters.wanted, place)
            self._tell(read, order, place.log)
            self._refuse(read)
            begun = await self._builder.build(order, read, place)
            if isinstance(begun, Building):
                return Pending(begun.delay, {"building": begun.token, "facts": dict(read.facts)})
            return await self._done(order, repository, begun, place.log, read.facts)

    async def poll(
        self, token: Any, parameters: BuildParameters, context: ActionContext
    ) -> Completed | Pending:
        order, repository = _order(parameters, context), self._repository(parameters, context)
        if "building" in token:
            log = BuildLog()
            try:
                begun = await self._builder.look(token["building"], order, log)
            except ActionError as error:
                raise await _told(error, order, repository, log) from error
            if isinstance(begun, Building):
                return Pending(begun.delay, {**token, "building": begun.token})
            return await self._done(order, repository, begun, log, token["facts"])
        built = token["built"]
        manifest = await self._manifest(repository, built["digest"])
        if "tags" not in built:
            tags = [execution_tag(context.execution_id, parameters.tag), parameters.tag]
            before = await TagsBefore.of(repository, tags, digest=built["digest"], is_new=built["is_new"])
            return Pending(0, {"built": {**built, "tags": dict(before.previous)}})
        await _before(built).set(repository, manifest)
        # What others have left may have been taken away just then, and been the same.
        await self._manifest(repository, execution_tag(context.execution_id, parameters.tag))
        image = f"{repository.path}:{parameters.tag}@{built['digest']}"
        return Completed({**built, "image": image, "repository": repository.path})

    async def cancel(self, token: Any, parameters: BuildParameters, context: ActionContext) -> None:
        if token is None:
            return
        if "building" in token:
            await self._builder.stop(token["building"], _order(parameters, context))
        elif "tags" in token["built"]:
            await _before(token["built"]).restore(self._repository(parameters, context))

    async def dry_run(self, parameters: BuildParameters, context: ActionContext) -> Foreseen:
        """The context is read, and registries are asked for the base images; nothing is kept."""
        _refuse_secrets(parameters, context)
        order, repository = _order(parameters, context), self._repository(parameters, context)
        async with bench() as place:
            read = await self._contexts.read(context.scope, parameters.wanted, place)
            self._refuse(read)
            bases = {
                origin.image: await self._bases.foreseen(order, origin, line)
                for origin, line in read.recipe.images.items()
            }
        would = {
            "build": parameters.image,
            "repository": repository.path,
            "builder": self._builder.name,
            "base_images": bases,
            "steps": [f"line {one.line}: {one}"[:200] for one in read.recipe.instructions],
            "files": len(read.tree.nodes),
            "unused_args": list(read.recipe.unused),
            "signed_in_to": sorted(order.logins.keys() & read.recipe.registries),
        }
        known = {"builder": self._builder.name, "repository": repository.path}
        return Foreseen(would, {**known, "commit": read.facts.get("commit")})

    def _refuse(self, read: Context) -> None:
        try:
            self._builder.refuse(read.recipe)
        except DockerfileError as error:
            raise ActionError("DOCKERFILE", str(error), retryable=False) from error

    def _tell(self, read: Context, order: Order, log: BuildLog) -> None:
        log.write(f"builder {self._builder.name}, {len(read.tree.nodes)} files in the context")
        for name in read.recipe.unused:
            log.write(f"the argument {name} is declared by no ARG, and goes unused")
        for number, name in enumerate(order.logins):
            if name not in read.recipe.registries:  # and is not told: a secret may stand there by mistake
                log.write(f"registries/{number} goes unused: no image comes from there")

    @asynccontextmanager
    async def _logged(self, order: Order, repository: Repository) -> AsyncGenerator[Bench]:
        """A bench; of what fails there, the log is kept, and its end told."""
        async with bench() as place:
            try:
                yield place
            except ActionError as error:
                raise await _told(error, order, repository, place.log) from error

    async def _done(
        self,
        order: Order,
        repository: Repository,
        built: Built,
        log: BuildLog,
        facts: Mapping[str, str],
    ) -> Pending:
        manifest = built.manifest
        size = len(manifest.content) + sum({blob.digest: blob.size for blob in manifest.blobs}.values())
        log.write(f"built {manifest.digest}, {size} bytes")
        told = {
            "builder": self._builder.name,
            "size": size,
            "commit": facts.get("commit"),
            "is_new": built.is_new,
        }
        record = await keep_record(order, repository, manifest, log, told)
        # From now on it is no more taken for what others have left; until now, it might have been.
        if await repository.registry.digest(repository.name, manifest.digest) is None:
            await repository.registry.put_manifest(repository.name, manifest)
        return Pending(0, {"built": {"digest": manifest.digest, "log": record.log, **told}})

    async def _manifest(self, repository: Repository, reference: str) -> Manifest:
        manifest = await repository.registry.manifest(repository.name, reference)
        if manifest is None:
            message = f"{repository.path} no longer has {reference}, which was just built"
            raise ActionError("IMAGE_NOT_FOUND", message, retryable=True)
        return manifest

    def _repository(self, parameters: BuildParameters, context: ActionContext) -> Repository:
        host = self._repositories.build.place.host
        return self._repositories.destination(context.scope, host, parameters.reference)

    async def aclose(self) -> None:
        """Close the connections that are kept."""
        await self._repositories.aclose()


class BuildContainer(Builds):
    """Build a container image from a Dockerfile."""

    name = "build-container"
    examples = (
        {
            "id": "build",
            "action": "build-container",
            "image": "shop:1.4",
            "context": "./shop",
            "args": {"VERSION": "1.4"},
        },
    )


class BuildDockerImage(Builds):
    """Build a container image from a Dockerfile; another name of ``build-container``."""

    name = "build-docker-image"
    examples = (
        {
            "id": "build",
            "action": "build-docker-image",
            "image": "shop:1.4",
            "context": "./shop",
            "args": {"VERSION": "1.4"},
        },
    )


def _order(parameters: BuildParameters, context: ActionContext) -> Order:
    return Order(
        context.scope,
        parameters.reference,
        context.execution_id,
        context.idempotency_key,
        parameters.logins,
    )


def _refuse_secrets(parameters: BuildParameters, context: ActionContext) -> None:
    if found := context.redactor.names_in(parameters.model_dump(exclude={"registries"})):
        message = (
            f"the secret {found[0]} cannot be given to a build: whoever may pull the image could read it; "
            "give it to what runs the image instead"
        )
        raise ActionError("SECRET_IN_IMAGE", message, retryable=False)


def _before(built: Mapping[str, Any]) -> TagsBefore:
    return TagsBefore(built["digest"], built["tags"], built["is_new"])


async def _told(error: ActionError, order: Order, repository: Repository, log: BuildLog) -> ActionError:
    """The error, with the log that is kept of what led to it."""
    for line in f"failed: {error.message}".splitlines():
        log.write(line)
    more = {**error.more, **await _kept(order, repository, log)}
    return ActionError(
        error.code, error.message, retryable=error.retryable, retry_after=error.retry_after, more=more
    )


async def _kept(order: Order, repository: Repository, log: BuildLog) -> Mapping[str, Any]:
    """Where the log of a failed build is, and its end; where the registry takes it no more, the end alone."""
    told = {"log_end": log.tail(SHOWN_LINES)[-2000:]}
    try:
        record = await keep_record(order, repository, None, log, {})
    except ActionError:
        return told
    return {**told, "log": record.log}
