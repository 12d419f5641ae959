"""The built-in builder, between registries: fetches what a build begins with, and stores what it comes to."""

from typing import Any, ClassVar, Never

from shared.modules.containers.building.bases import Bases
from shared.modules.containers.building.benches import Bench
from shared.modules.containers.building.orders import Built, Context, Order
from shared.modules.containers.building.uploaded import file_pieces
from shared.modules.containers.images.archives import ArchiveError
from shared.modules.containers.images.assembly import Assembly, BaseImage, BuiltImage, refuse_unsupported
from shared.modules.containers.images.build_logs import BuildLog
from shared.modules.containers.images.dockerfiles import DockerfileError
from shared.modules.containers.images.recipes import Recipe, RecipeError
from shared.modules.containers.registry.build_registry import BuildRegistry
from shared.modules.containers.registry.manifests import OCI_CONFIG, OCI_MANIFEST, Descriptor, Manifest
from shared.modules.containers.registry.repositories import Repositories
from shared.ports.actions import ActionError


class BuiltInBuilder:
    """Builds what runs nothing, with nothing installed. Doing it twice gives the same image."""

    name: ClassVar[str] = "builtin"

    def __init__(self, repositories: Repositories, bases: Bases) -> None:
        self._repositories = repositories
        self._bases = bases

    def refuse(self, recipe: Recipe) -> None:
        refuse_unsupported(recipe)

    async def build(self, order: Order, context: Context, bench: Bench) -> Built:
        known: dict[str, BaseImage] = {}
        images = {
            origin: await self._bases.fetched(order, origin, named_by, bench, known)
            for origin, named_by in context.recipe.images.items()
        }
        folder = bench.new_folder("layers")
        assembly = Assembly(context.recipe, context.tree, images, folder, bench.log, bench.check)
        try:
            image = await bench.run(assembly.assemble)
        except DockerfileError as error:
            raise ActionError("DOCKERFILE", str(error), retryable=False) from error
        except (RecipeError, ArchiveError) as error:
            raise ActionError("BUILD_FAILED", str(error), retryable=False) from error
        except OSError as error:
            message = f"the image could not be written: {error.strerror}"
            raise ActionError("BUILD_FAILED", message, retryable=True) from error
        return await stored(self._repositories.build, order, image)

    async def look(self, token: Any, order: Order, log: BuildLog) -> Never:
        raise NotImplementedError("the built-in builder is done when it returns")

    async def stop(self, token: Any, order: Order) -> None:
        """Nothing is left of it once it is not waited for."""


async def stored(build: BuildRegistry, order: Order, image: BuiltImage) -> Built:
    """Put the image into the build registry, with no tag; what is there already is not sent.

    Raises:
        ActionError: the registry does not take it.
    """
    repository = build.repository(order.scope, order.image.repository)
    config = Descriptor.of(image.configuration, OCI_CONFIG)
    layers = [Descriptor(layer.media_type, layer.digest, layer.size) for layer in image.layers]
    for layer, descriptor in zip(image.layers, layers, strict=True):
        await build.registry.put_blob(repository, descriptor, file_pieces(layer.path))
    await build.registry.put_blob(repository, config, image.configuration)
    manifest = Manifest.made(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": config.to_json(),
            "layers": [layer.to_json() for layer in layers],
        }
    )
    known = await build.registry.digest(repository, manifest.digest)
    await build.registry.put_manifest(repository, manifest)
    return Built(manifest, is_new=known is None)
