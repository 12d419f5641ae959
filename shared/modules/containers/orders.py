"""What is to be built, and what comes of it: what actions and builders have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from shared.domain.images import ImageReference
from shared.modules.containers.benches import Bench
from shared.modules.containers.build_logs import BuildLog
from shared.modules.containers.manifests import Manifest
from shared.modules.containers.recipes import Recipe
from shared.modules.containers.trees import Tree
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
    def dockerfile_to_target(self) -> bytes:
        """The Dockerfile up to the stage that is asked for, which may have no name to ask for it by."""
        stages, last = self.recipe.dockerfile.stages, self.recipe.parts[-1].stage
        following = stages[last.index + 1 : last.index + 2]
        lines = self.dockerfile.splitlines(keepends=True)
        return b"".join(lines[: following[0].origin.line - 1] if following else lines)


@dataclass(frozen=True, slots=True)
class Order:
    """One image that a step asks for."""

    scope: TenantScope
    image: ImageReference
    execution_id: str
    key: str
    """The same for every attempt of the step in this execution, and for no other."""


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
