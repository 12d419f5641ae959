"""Builds by the tasks of an Azure Container Registry, where the build registry is one.

The registry's agents can read all of it. So nothing that a Dockerfile names of it may be another tenant's,
which is looked at before anything is scheduled; what could name an image without our seeing it is refused.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import orjson

from shared.domain.images import LATEST
from shared.modules.containers.building.acr_tasks import AcrTasks, Run
from shared.modules.containers.building.bases import MAX_CONFIG, Bases
from shared.modules.containers.building.benches import Bench
from shared.modules.containers.building.orders import Building, Built, Context, Order
from shared.modules.containers.building.sources import IGNORE
from shared.modules.containers.images.build_logs import BuildLog
from shared.modules.containers.images.dockerfiles import Instruction
from shared.modules.containers.images.layers import Layer, write_layer
from shared.modules.containers.images.recipes import Origin, Recipe
from shared.modules.containers.images.trees import Node, Part
from shared.modules.containers.registry.build_registry import execution_tag
from shared.modules.containers.registry.repositories import Repositories, Repository
from shared.ports.actions import ActionError
from shared.ports.registries import Login

DOCKERFILE: Final = ".quantum.dockerfile"
LOOK_EVERY: Final = 5.0
"""Seconds between two looks at a run."""
RUN_SECONDS: Final = 3600
"""How long a run may take, whatever its step is given."""
SHOWN_LINES: Final = 5


class AcrBuilder:
    """A build is a run, which goes on while nobody waits."""

    name: ClassVar[str] = "acr"

    def __init__(self, tasks: AcrTasks, repositories: Repositories, bases: Bases) -> None:
        self._tasks = tasks
        self._repositories = repositories
        self._bases = bases

    def refuse(self, recipe: Recipe) -> None:
        for one in recipe.instructions:
            if one.name == "ONBUILD":
                raise one.wrong("triggers are not supported: nobody sees what they would do")
            if one.name == "RUN" and "from=" in one.flags.get("mount", ""):
                raise one.wrong("--mount with 'from' is not supported; use COPY --from")

    async def build(self, order: Order, context: Context, bench: Bench) -> Building:
        logins: dict[str, Login] = {}
        for origin, named_by in context.recipe.images.items():
            repository = await self._check_base(order, origin, named_by)
            if (login := await self._login(order, repository)) is not None:
                logins[repository.host] = login
        archive = await bench.run(lambda: _packed(context, bench))
        source = await self._tasks.upload(archive.path, archive.size)
        run = await self._tasks.schedule(self._request(order, context, source, logins))
        return Building({"run": run.id}, LOOK_EVERY)

    async def look(self, token: Any, order: Order, log: BuildLog) -> Built | Building:
        try:
            run = await self._tasks.run(token["run"])
        except ActionError as error:
            if not error.retryable:
                raise
            return Building(token, max(LOOK_EVERY, error.retry_after))  # the run goes on meanwhile
        if not run.has_ended:
            return Building(token, LOOK_EVERY)
        try:
            async for line in self._tasks.log(run.id):
                log.write(line)
        except ActionError as error:
            log.write(f"(the log cannot be had: {error.message})")
        if run.status != "Succeeded":
            said = run.error or log.tail(SHOWN_LINES)
            message = f"the build {run.id} ended as {run.status}: {said}"
            raise ActionError("BUILD_FAILED", message, retryable=run.status in {"Error", "Timeout"})
        return await self._built(order, run)

    async def stop(self, token: Any, order: Order) -> None:
        del order  # the run is known by its id
        await self._tasks.cancel(token["run"])

    async def _login(self, order: Order, repository: Repository) -> Login | None:
        """How the agents sign in where a base image is; the build registry knows them by itself."""
        if repository.registry is self._repositories.build.registry:
            return None
        return order.logins.get(repository.host) or await repository.registry.lent()

    async def _check_base(self, order: Order, origin: Origin, named_by: Instruction) -> Repository:
        """Hold a base image against what the tenant may read, and that it does nothing by itself."""
        *_, found = await self._bases.found(order, origin, named_by)
        config, *_ = found.manifest.blobs
        registry, name = found.repository.registry, found.repository.name
        configuration = orjson.loads(await registry.read(name, config, limit=MAX_CONFIG))
        if (configuration.get("config") or {}).get("OnBuild"):
            wrong = named_by.wrong(f"{origin.image} has ONBUILD triggers, which are not supported")
            raise ActionError("DOCKERFILE", str(wrong), retryable=False)
        return found.repository

    def _request(
        self, order: Order, context: Context, source: str, logins: Mapping[str, Login]
    ) -> dict[str, Any]:
        repository = self._repositories.build.repository(order.scope, order.image.repository)
        last = context.recipe.parts[-1]
        platform = {"os": "Linux", "architecture": last.platform.architecture}
        variant = {"variant": last.platform.variant} if last.platform.variant else {}
        given = context.recipe.given.items()
        return {
            "type": "DockerBuildRequest",
            "sourceLocation": source,
            "dockerFilePath": DOCKERFILE,
            "imageNames": [f"{repository}:{_tag(order)}"],
            "isPushEnabled": True,
            "noCache": False,
            "platform": platform | variant,
            "arguments": [{"name": name, "value": value, "isSecret": False} for name, value in given],
            "timeout": RUN_SECONDS,
            **({"credentials": _credentials(logins)} if logins else {}),
        }

    async def _built(self, order: Order, run: Run) -> Built:
        build = self._repositories.build
        repository = build.repository(order.scope, order.image.repository)
        digest = run.digests.get(f"{repository}:{_tag(order)}", "")
        manifest = await build.registry.manifest(repository, digest) if digest else None
        if manifest is None:
            message = f"the build {run.id} succeeded, and its image is not in {repository}"
            raise ActionError("BUILD_FAILED", message, retryable=True)
        return Built(manifest, is_new=False)  # whether it was there before, nobody can say afterwards


def _credentials(logins: Mapping[str, Login]) -> dict[str, Any]:
    """As runs are told them: Azure shows such values nowhere."""
    return {
        "sourceRegistry": {"loginMode": "Default"},
        "customRegistries": {
            registry: {
                "userName": {"type": "Opaque", "value": login.username},
                "password": {"type": "Opaque", "value": login.password},
            }
            for registry, login in logins.items()
        },
    }


def _tag(order: Order) -> str:
    return execution_tag(order.execution_id, order.image.tag or LATEST)


def _packed(context: Context, bench: Bench) -> Layer:
    """The context as a tar.gz, with its Dockerfile under a name of ours, which no COPY sees."""
    own = {DOCKERFILE: context.needed_dockerfile, IGNORE: f"{DOCKERFILE}\n{IGNORE}\n".encode()}
    entries = dict(context.tree.nodes)
    for number, (name, content) in enumerate(own.items()):
        path = bench.folder / f"own-{number}"
        path.write_bytes(content)
        entries[name] = Node("file", 0o644, size=len(content), content=Part(path, 0, len(content)))
    return write_layer(bench.folder / "source.tar.gz", entries, time=0, check=bench.check)
