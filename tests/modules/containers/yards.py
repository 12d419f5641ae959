"""The action that builds, over a real registry, as steps of an execution call it."""

import contextlib
import json
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from shared.domain.places import Place
from shared.modules.containers.building.bases import Bases
from shared.modules.containers.building.builtin import BuiltInBuilder
from shared.modules.containers.building.contexts import Contexts, Folders
from shared.modules.containers.building.git_contexts import GitContexts
from shared.modules.containers.building.orders import Builder
from shared.modules.containers.building.uploaded import UploadedContexts
from shared.modules.containers.builds import BuildContainer
from shared.modules.containers.registry.build_registry import BuildRegistry
from shared.modules.containers.registry.manifests import Manifest
from shared.modules.containers.registry.repositories import Operators, Repositories
from shared.ports.actions import ActionContext, ActionError, Completed, Pending
from shared.ports.registries import LOCAL, RegistryPlace
from shared.security.scope import TenantScope
from tests.fakes.callbacks import StandingCallbacks
from tests.fakes.children import StandingChildren
from tests.fakes.clock import FrozenClock
from tests.modules.containers.building import Workshop
from tests.registries import EGRESS, RunningRegistry

ACME = TenantScope("acme")
EXECUTION = "01HF7YAT00ABCDEFGHJKMNPQRS"


@dataclass
class Yard:
    """The action over a registry, as a step of an execution calls it."""

    running: RunningRegistry
    workshop: Workshop
    repositories: Repositories
    action: BuildContainer
    context: ActionContext

    @property
    def build(self) -> BuildRegistry:
        return self.repositories.build

    @contextlib.contextmanager
    def built_by(self, builder: Builder) -> Iterator["Yard"]:
        yield replace(self, action=action_of(self.repositories, builder, self.workshop))

    def step(self, key: str = "build", execution: str = EXECUTION, scope: TenantScope = ACME) -> "Yard":
        """The same for another step."""
        place = Place(execution, key, 1)
        context = replace(self.context, place=place, idempotency_key=f"{execution}/{key}", scope=scope)
        return replace(self, context=context)

    async def begin(self, **parameters: Any) -> Any:
        """What ``run`` leaves pending."""
        given = self.action.Parameters.model_validate({"image": "web:1", **parameters})
        pending = await self.action.run(given, self.context)  # type: ignore[arg-type]  # of its own Parameters
        return json.loads(json.dumps(pending.token))

    async def go_on(self, token: Any, **parameters: Any) -> Completed | Pending:
        given = self.action.Parameters.model_validate({"image": "web:1", **parameters})
        return await self.action.poll(token, given, self.context)  # type: ignore[arg-type]  # likewise

    async def done(self, **parameters: Any) -> dict[str, Any]:
        """The outputs of a build."""
        return await self.ended(await self.begin(**parameters), **parameters)

    async def ended(self, token: Any, **parameters: Any) -> dict[str, Any]:
        """The outputs of what goes on with ``token``."""
        while isinstance(result := await self.go_on(token, **parameters), Pending):
            token = json.loads(json.dumps(result.token))
        return self.action.Outputs.model_validate(dict(result.outputs)).model_dump()

    async def failure(self, **parameters: Any) -> ActionError:
        with pytest.raises(ActionError) as caught:
            await self.done(**parameters)
        return caught.value

    async def failure_of(self, token: Any, **parameters: Any) -> ActionError:
        """Why what goes on with ``token`` fails."""
        with pytest.raises(ActionError) as caught:
            await self.ended(token, **parameters)
        return caught.value

    async def manifest(self, tag: str, name: str = "web") -> Manifest | None:
        return await self.build.registry.manifest(f"acme/{name}", tag)

    async def log(self, outputs: Mapping[str, Any]) -> str:
        """The log that the outputs refer to."""
        path, _, digest = outputs["log"].partition("@")
        repository = path.partition("/")[2]
        record = await self.build.registry.manifest(repository, digest)
        assert record is not None
        *_, log = record.blobs
        return (await self.build.registry.read(repository, log, limit=2**21)).decode()


def action_of(
    repositories: Repositories, builder: Builder, workshop: Workshop, bases: Bases | None = None
) -> BuildContainer:
    contexts = Contexts(UploadedContexts(repositories), GitContexts(EGRESS), Folders(workshop.context))
    return BuildContainer(builder, contexts, repositories, bases or Bases(repositories))


async def opened_yard(running: RunningRegistry, workshop: Workshop) -> AsyncIterator[Yard]:
    build = BuildRegistry(RegistryPlace(LOCAL, running.url, running.login), EGRESS)
    repositories = Repositories(Operators(build, build), EGRESS)
    place = Place(EXECUTION, "build", 1)
    context = ActionContext(
        ACME, place, f"{EXECUTION}/build", FrozenClock(), StandingChildren(), StandingCallbacks()
    )
    action = action_of(repositories, BuiltInBuilder(repositories, Bases(repositories)), workshop)
    yield Yard(running, workshop, repositories, action, context)
    await repositories.aclose()


def skopeo(yard: Yard, *command: str, image: str) -> Any:
    login = yard.running.login
    credentials = ["--creds", f"{login.username}:{login.password}"] if login else []
    ran = subprocess.run(
        ["skopeo", *command, "--tls-verify=false", *credentials, f"docker://{yard.running.host}/{image}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout)
