"""What is to be built, and what comes of it: what actions and builders have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from shared.domain.images import ImageReference
from shared.modules.containers.building.benches import Bench
from shared.modules.containers.images.build_logs import BuildLog
from shared.modules.containers.images.dockerfiles import Stage
from shared.modules.containers.images.recipes import Recipe
from shared.modules.containers.images.trees import Tree
from shared.modules.containers.registry.manifests import Manifest
from shared.ports.registries import Login
from shared.security.scope import TenantScope


@dataclass(frozen=True, slots=True)
class Context:
    """What is built from: its files, and its Dockerfile read."""

    tree: Tree
    recipe: Recipe
    dockerfile: bytes
    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    """What is to be told of it: of a git reference, the ``commit``."""

    @property
    def needed_dockerfile(self) -> bytes:
        """The Dockerfile up to the stage that is asked for, and of the others what that needs.

        Other builders build all stages, needed or not, and we have only looked at those that are.
        """
        needed = {part.stage.index for part in self.recipe.parts}
        stages = self.recipe.dockerfile.stages
        lines = self.dockerfile.splitlines(keepends=True)
        starts = [*(stage.origin.line - 1 for stage in stages), len(lines)]
        made = lines[: starts[0]]
        for stage in stages[: max(needed) + 1]:
            begins, ends = starts[stage.index], starts[stage.index + 1]
            made += lines[begins:ends] if stage.index in needed else _unneeded(stage, ends - begins)
        return b"".join(made)


def _unneeded(stage: Stage, count: int) -> list[bytes]:
    """A stage of so many lines that has the name and the number, and nothing else."""
    named = f" AS {stage.name}" if stage.name else ""
    return [f"FROM scratch{named}\n".encode(), b"LABEL unneeded=true\n", *[b"\n"] * (count - 2)]


@dataclass(frozen=True, slots=True)
class Order:
    """One image that a step asks for."""

    scope: TenantScope
    image: ImageReference
    execution_id: str
    key: str
    """The same for every attempt of the step in this execution, and for no other."""
    logins: Mapping[str, Login] = field(default_factory=dict[str, Login], repr=False)
    """How to sign in to registries that base images are in, by their names."""


@dataclass(frozen=True, slots=True)
class Built:
    """The image is in the build registry, as ``manifest``; nothing is tagged yet.

    ``is_new``: the registry had no such image in that repository before.
    """

    manifest: Manifest
    is_new: bool


@dataclass(frozen=True, slots=True)
class Building:
    """It is built elsewhere: ask again with ``token`` (JSON)."""

    token: Any
    delay: float


class Builder(Protocol):
    """A way to build. What fails is an ``ActionError``; everything may be asked again."""

    @property
    def name(self) -> str:
        """What settings and outputs call it."""
        ...

    def refuse(self, recipe: Recipe) -> None:
        """Raise for what this builder does not do, before anything is done.

        Raises:
            DockerfileError: there is such an instruction.
        """
        ...

    async def build(self, order: Order, context: Context, bench: Bench) -> Built | Building:
        """Build it, or have it built."""
        ...

    async def look(self, token: Any, order: Order, log: BuildLog) -> Built | Building:
        """How what is built elsewhere stands."""
        ...

    async def stop(self, token: Any, order: Order) -> None:
        """Have it built no further; what is done already stays."""
        ...
