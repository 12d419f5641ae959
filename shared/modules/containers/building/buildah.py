"""Builds by ``buildah``, a program of this machine: everything that Dockerfiles can do, RUN included.

It gets a context that has been read by us, base images that were pulled by us (``--pull=never``), and gives
back an OCI layout, which we store; so what the platform reaches for an author keeps to the egress rule. What
RUN does is another matter: it runs on this machine, in a chroot, with its network.
"""

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Final, Never

import orjson

from shared.domain.images import parse_image
from shared.modules.containers.building.bases import Bases
from shared.modules.containers.building.benches import Bench
from shared.modules.containers.building.orders import Built, Context, Order
from shared.modules.containers.building.programs import Program
from shared.modules.containers.building.uploaded import file_pieces
from shared.modules.containers.images.build_logs import BuildLog
from shared.modules.containers.images.recipes import EPOCH, Recipe
from shared.modules.containers.images.trees import write_tree
from shared.modules.containers.registry.manifests import Descriptor, Manifest
from shared.modules.containers.registry.repositories import Repositories
from shared.ports.actions import ActionError

PROGRAM: Final = "buildah"
SHOWN_LINES: Final = 5
"""Lines of what it said last that a failure tells."""


class BuildahBuilder:
    """One build is one process group, which is killed when nobody waits for it."""

    name: ClassVar[str] = "buildah"

    def __init__(self, repositories: Repositories, bases: Bases, program: str = PROGRAM) -> None:
        self._repositories = repositories
        self._program = program
        self._bases = bases

    def refuse(self, recipe: Recipe) -> None:
        """It does all that can be read."""

    async def build(self, order: Order, context: Context, bench: Bench) -> Built:
        program = _Buildah(bench, self._program)
        try:
            await self._import(order, context.recipe, program, bench)
            image = await program.build(context)
            layout = bench.folder / "image"
            await program.run("push", "--quiet", "--compression-format", "gzip", image, f"oci:{layout}:it")
            return await self._stored(order, layout)
        finally:
            await program.clear()

    async def look(self, token: Any, order: Order, log: BuildLog) -> Never:
        raise NotImplementedError("buildah is done when it returns")

    async def stop(self, token: Any, order: Order) -> None:
        """Nothing is left of it once it is not waited for."""

    async def _import(self, order: Order, recipe: Recipe, program: "_Buildah", bench: Bench) -> None:
        """Have the images that the build begins with in its storage, under the names that it knows."""
        for number, (origin, named_by) in enumerate(recipe.images.items()):
            # It makes a name of the path, and not of each that there is: of one in its own folder, it can.
            layout = f"base-{number}"
            await self._bases.lay_out(order, origin, named_by, bench, program.home / layout)
            platform = ["--platform", str(origin.platform)] if origin.platform else []
            (image,) = (await program.run("pull", "--quiet", *platform, f"oci:{layout}")).split()[-1:]
            named = parse_image(origin.image).at_docker()
            await program.run("tag", image, f"{named.registry}/{named.repository}:{named.tag or 'latest'}")

    async def _stored(self, order: Order, layout: Path) -> Built:
        """Put what is in the layout into the build registry, with no tag."""
        build = self._repositories.build
        repository = build.repository(order.scope, order.image.repository)
        blobs = layout / "blobs" / "sha256"
        index = orjson.loads(await asyncio.to_thread((layout / "index.json").read_bytes))
        descriptor = Descriptor.from_json(index["manifests"][0])
        content = await asyncio.to_thread((blobs / _name(descriptor)).read_bytes)
        manifest = Manifest(content, descriptor.media_type)
        for blob in manifest.blobs:
            await build.registry.put_blob(repository, blob, file_pieces(blobs / _name(blob)))
        known = await build.registry.digest(repository, manifest.digest)
        await build.registry.put_manifest(repository, manifest)
        return Built(manifest, is_new=known is None)


def _name(blob: Descriptor) -> str:
    return blob.digest.partition(":")[2]


class _Buildah:
    """The program, with a storage of its own for one build."""

    def __init__(self, bench: Bench, program: str) -> None:
        self._bench = bench
        self.home = bench.new_folder("buildah")
        self._program = Program(program, self.home, {})
        folders = ("--root", f"{self.home}/root", "--runroot", f"{self.home}/run")
        self._storage = [*folders, *("--storage-driver", "vfs")]

    async def build(self, context: Context) -> str:
        """Build; the id of the image in the storage."""
        bench, recipe = self._bench, context.recipe
        folder, dockerfile = bench.new_folder("context"), bench.folder / "Dockerfile"
        await bench.run(lambda: _written(context, folder, dockerfile, bench))
        identity, nothing = bench.folder / "image-id", bench.folder / "nothing"
        await asyncio.to_thread(nothing.touch)  # what is to be ignored is not in the folder
        last = recipe.parts[-1]
        await self.run(
            "build",
            *("--isolation", "chroot", "--format", "oci", "--pull=never", "--no-cache"),
            *("--timestamp", recipe.given.get(EPOCH, "0"), "--platform", str(last.platform)),
            *("--iidfile", str(identity)),
            *(part for name, value in recipe.given.items() for part in ("--build-arg", f"{name}={value}")),
            *("--ignorefile", str(nothing), "--file", str(dockerfile), str(folder)),
        )
        return (await asyncio.to_thread(identity.read_text)).strip()

    async def run(self, command: str, *arguments: str) -> str:
        """What it says, which is in the log, too.

        Raises:
            ActionError: it is not there, or has failed.
        """
        said = BuildLog()

        def told(line: str) -> None:
            said.write(line)
            self._bench.log.write(line)

        code = await self._program.run([*self._storage, command, *arguments], told)
        if code:
            message = f"{self._program.name} {command} ended with {code}: {said.tail(SHOWN_LINES)}"
            raise ActionError("BUILD_FAILED", message, retryable=True)
        return said.text().decode()

    async def clear(self) -> None:
        """Take away what only it may take away: without root, files have the ids of its own name space."""
        if os.geteuid() != 0:
            with suppress(ActionError):
                await self._program.run(["unshare", "rm", "-rf", str(self.home / "root")], lambda _: None)


def _written(context: Context, folder: Path, dockerfile: Path, bench: Bench) -> None:
    """The context's files in ``folder``, with nothing left out that is in it."""
    dockerfile.write_bytes(context.needed_dockerfile)
    write_tree(context.tree, folder, check=bench.check)
