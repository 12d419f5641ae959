"""What tests of the built-in builder share: a context in a folder, and what was built of it."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.modules.containers.building.folders import Folder
from shared.modules.containers.building.sources import Bounds, ignored_by
from shared.modules.containers.images.archives import decompressed
from shared.modules.containers.images.assembly import Assembly, BaseImage, BuiltImage, refuse_unsupported
from shared.modules.containers.images.build_logs import BuildLog
from shared.modules.containers.images.dockerfiles import parse
from shared.modules.containers.images.layers import apply_layer
from shared.modules.containers.images.platforms import Platform
from shared.modules.containers.images.recipes import Origin, recipe
from shared.modules.containers.images.trees import Beneath, Tree

PLATFORM = Platform("linux", "amd64")


def never() -> None:
    """Nobody gives the work up."""


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Return when it holds. Not to be called on an event loop."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@dataclass(frozen=True)
class Built:
    image: BuiltImage
    tree: Tree
    """All layers, read back."""
    log: str

    @property
    def configuration(self) -> dict[str, Any]:
        return dict(json.loads(self.image.configuration))

    @property
    def config(self) -> dict[str, Any]:
        return dict(self.configuration["config"])

    @property
    def digests(self) -> list[str]:
        return [layer.digest for layer in self.image.layers]

    @property
    def files(self) -> dict[str, str]:
        """What is in it, by path: the text of a file, where a link leads, or a / for a folder."""
        return {path: self._text(path) for path, _ in self.tree.walk()}

    def base(self) -> BaseImage:
        """It, to build on."""
        return BaseImage(self.configuration, self.image.layers, self.tree)

    def _text(self, path: str) -> str:
        node = self.tree.nodes[path]
        if node.content is None:
            return node.target if node.kind == "link" else "/"
        with node.content.open() as file:
            return file.read().decode(errors="replace")


class Workshop:
    """A context in a folder, and room for what is made of it."""

    def __init__(self, root: Path) -> None:
        self.context = root / "context"
        self.context.mkdir()
        self._root = root
        self._builds = 0

    def write(self, files: Mapping[str, str | None]) -> None:
        """Files with these texts in the context; None: a folder."""
        for path, text in files.items():
            place = self.context / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                place.mkdir()
            else:
                place.write_text(text)

    def folder(self) -> Path:
        """A new one."""
        self._builds += 1
        made = self._root / f"build-{self._builds}"
        made.mkdir()
        return made

    def build(
        self,
        dockerfile: str,
        *,
        args: Mapping[str, str] | None = None,
        target: str | None = None,
        images: Mapping[str, BaseImage] | None = None,
    ) -> Built:
        plan = recipe(parse(dockerfile.encode()), args or {}, target=target, platform=PLATFORM)
        refuse_unsupported(plan)
        source = Folder(self.context)
        tree = source.tree(ignored_by(source, "Dockerfile"), Bounds(), check=never)
        known = {Origin(image=name, platform=PLATFORM): image for name, image in (images or {}).items()}
        folder, log = self.folder(), BuildLog()
        image = Assembly(plan, tree, known, folder, log, never).assemble()
        return Built(image, self._read(image, folder), log.text().decode())

    def _read(self, image: BuiltImage, folder: Path) -> Tree:
        tree = Tree()
        for count, layer in enumerate(image.layers):
            plain = folder / f"plain-{count}"
            packed = Beneath(layer.path.parent, layer.path.name)
            assert decompressed(packed, plain, limit=10**9, check=never) == layer.diff_id
            apply_layer(tree, plain, check=never)
        return tree
