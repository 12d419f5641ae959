"""Build contexts: a folder on the local host, an archive that was uploaded, or a git reference."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.domain.contexts import PREFIX
from shared.modules.containers.building.benches import Bench
from shared.modules.containers.building.folders import folder_below
from shared.modules.containers.building.git_contexts import SCHEME, GitContexts
from shared.modules.containers.building.orders import Context
from shared.modules.containers.building.sources import Bounds, ContextError, Source, ignored_by
from shared.modules.containers.building.uploaded import UploadedContexts
from shared.modules.containers.images.archives import ArchiveError
from shared.modules.containers.images.dockerfiles import MAX_BYTES, DockerfileError, parse
from shared.modules.containers.images.platforms import Platform
from shared.modules.containers.images.recipes import RecipeError, recipe
from shared.ports.actions import ActionError
from shared.security.scope import TenantScope

DOCKERFILE: Final = "Dockerfile"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a step says of what it builds from."""

    context: str
    dockerfile: str
    args: Mapping[str, str]
    target: str | None
    platform: Platform


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of this machine that are built from: below ``root``, and nothing of ``hidden``."""

    root: Path
    hidden: Path | None = None


class Contexts:
    """Finds what steps name; without ``folders``, there are none."""

    def __init__(
        self,
        uploads: UploadedContexts,
        git: GitContexts,
        folders: Folders | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self._uploads = uploads
        self._git = git
        self._folders = folders
        self._bounds = bounds or Bounds()

    async def read(self, scope: TenantScope, wanted: Wanted, bench: Bench) -> Context:
        """The context that ``wanted`` names, with its Dockerfile read.

        Raises:
            ActionError: it is not there, or cannot be built from.
        """
        try:
            source, facts = await self._source(scope, wanted, bench)
            return await bench.run(lambda: self._context(source, facts, wanted, bench))
        except DockerfileError as error:
            raise ActionError("DOCKERFILE", str(error), retryable=False) from error
        except (ContextError, RecipeError, ArchiveError) as error:
            raise ActionError("BUILD_CONTEXT", str(error), retryable=False) from error
        except OSError as error:
            message = f"the context {wanted.context!r} cannot be read: {error.strerror}"
            raise ActionError("BUILD_CONTEXT", message, retryable=True) from error

    async def _source(
        self, scope: TenantScope, wanted: Wanted, bench: Bench
    ) -> tuple[Source, Mapping[str, str]]:
        """Its files, and what is to be told of them."""
        if wanted.context.startswith(PREFIX):
            return await self._uploads.fetched(scope, wanted.context, bench), {}
        if "://" in wanted.context or wanted.context.startswith("git@"):
            if not wanted.context.startswith(SCHEME):
                raise ContextError(f"{wanted.context[:200]!r}: repositories are fetched by {SCHEME} only")
            fetched = await self._git.fetched(wanted.context, self._bounds, bench)
            return fetched.source, {"commit": fetched.commit}
        folders = self._folders
        if folders is None:
            raise ContextError(
                f"{wanted.context!r} would be a folder of the host, and this one builds from none: upload "
                "the context (POST /api/v1/contexts), or have an operator set QUANTUM_CONTEXTS"
            )
        folder = await bench.run(lambda: folder_below(folders.root, wanted.context, hidden=folders.hidden))
        return folder, {}

    def _context(self, source: Source, facts: Mapping[str, str], wanted: Wanted, bench: Bench) -> Context:
        text = source.text(wanted.dockerfile, limit=MAX_BYTES)
        if text is None:
            raise ContextError(
                f"there is no {wanted.dockerfile!r} in the context {wanted.context!r}; 'dockerfile' says "
                "where it is in there"
            )
        made = recipe(parse(text), wanted.args, target=wanted.target, platform=wanted.platform)
        tree = source.tree(ignored_by(source, wanted.dockerfile), self._bounds, check=bench.check)
        return Context(tree, made, text, facts)
