"""The built-in builder: images put together from a Dockerfile that runs nothing.

It needs neither a daemon nor any rights, and the same context gives the same image byte for byte: layers
have one time for all files (``SOURCE_DATE_EPOCH``, 1970 by itself) and nothing says when or where they were
made. Everything here blocks, so it is called on a thread; ``check`` is asked all the time whether to go on.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from shared.modules.containers.images.archives import ArchiveError, Check, decompressed, is_archive
from shared.modules.containers.images.build_logs import BuildLog
from shared.modules.containers.images.configs import Configuration, declared_args, image_configuration, moment
from shared.modules.containers.images.copying import Copying, nothing_extracted
from shared.modules.containers.images.dockerfiles import Instruction
from shared.modules.containers.images.layers import Layer, entries_of, write_layer
from shared.modules.containers.images.recipes import EPOCH, Origin, Part, Recipe, RecipeError
from shared.modules.containers.images.trees import FOLDER, Node, Tree, TreeError

MAX_BYTES: Final = 4 * 1024 * 1024 * 1024
"""Of what an archive has inside, and of the layers of an image, decompressed."""
_LATEST: Final = 2**33
_REFUSED: Final = {
    "RUN": "the built-in builder runs no commands: copy what they would make, or have an operator choose "
    "another builder (QUANTUM_BUILDER)",
    "HEALTHCHECK": "images in the OCI format have none; the step verify-deployment looks after health",
    "ONBUILD": "images in the OCI format have no triggers; put it into the Dockerfiles that need it",
}


@dataclass(frozen=True, slots=True)
class BaseImage:
    """An image of a registry: its configuration, its layers (compressed, in files) and what is in them."""

    configuration: Mapping[str, Any]
    layers: Sequence[Layer]
    tree: Tree


@dataclass(frozen=True, slots=True)
class BuiltImage:
    configuration: bytes
    layers: Sequence[Layer]


def refuse_unsupported(recipe: Recipe) -> None:
    """Raise for the first instruction that this builder does not do.

    Raises:
        DockerfileError: there is one.
    """
    for one in recipe.instructions:
        if one.name in _REFUSED and (one.name, one.text.upper()) != ("HEALTHCHECK", "NONE"):
            raise one.wrong(_REFUSED[one.name])


def epoch(given: Mapping[str, str]) -> int:
    """The time that files and image have, in seconds since 1970.

    Raises:
        RecipeError: what is given is none.
    """
    text = given.get(EPOCH, "0")
    if not (text.isascii() and text.isdecimal() and int(text) < _LATEST):
        raise RecipeError(f"{EPOCH} is {text!r}: it must be whole seconds since 1970")
    return int(text)


@dataclass(slots=True)
class _Stage:
    """A stage as far as it is built."""

    configuration: Configuration
    tree: Tree
    layers: list[Layer] = field(default_factory=list[Layer])
    history: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])

    def on_top(self) -> "_Stage":
        """A stage that begins with this one."""
        kept = self.configuration
        begun = Configuration.of(kept.platform, kept.escape, deepcopy(kept.config))
        begun.shell, begun.author = kept.shell, kept.author
        return _Stage(begun, self.tree.copy(), [*self.layers], [*self.history])


class Assembly:
    """One build: ``images`` are those that the recipe needs, and ``folder`` is new and its own."""

    def __init__(
        self,
        recipe: Recipe,
        context: Tree,
        images: Mapping[Origin, BaseImage],
        folder: Path,
        log: BuildLog,
        check: Check,
    ) -> None:
        self._recipe = recipe
        self._context = context
        self._images = images
        self._folder = folder
        self._log = log
        self._check = check
        self._time = epoch(recipe.given)
        self._stages: dict[int, _Stage] = {}
        self._files = self._step = 0

    def assemble(self) -> BuiltImage:
        """The image.

        Raises:
            DockerfileError: an instruction cannot be done, and in which line.
            ArchiveError, OSError: a file cannot be read or written.
        """
        for part in self._recipe.parts:
            self._stages[part.stage.index] = self._built(part)
        last = self._stages[self._recipe.parts[-1].stage.index]
        configuration = image_configuration(
            last.configuration,
            diff_ids=[layer.diff_id for layer in last.layers],
            history=last.history,
            time=self._time,
        )
        return BuiltImage(orjson.dumps(configuration, option=orjson.OPT_SORT_KEYS), last.layers)

    def _built(self, part: Part) -> _Stage:
        self._tell(part.stage.origin)
        stage = self._begun(part)
        for one in part.stage.instructions:
            self._check()
            self._tell(one)
            layer = self._done(stage, part, one)
            empty = {} if layer else {"empty_layer": True}
            stage.history.append({"created": moment(self._time), "created_by": str(one), **empty})
            if layer:
                stage.layers.append(layer)
                self._log.write(f"  layer {layer.digest}, {layer.size} bytes")
        return stage

    def _tell(self, one: Instruction) -> None:
        self._step += 1
        self._log.write(f"step {self._step}/{len(self._recipe.instructions)}, line {one.line}: {one}")

    def _begun(self, part: Part) -> _Stage:
        escape = self._recipe.dockerfile.escape
        if part.base.stage is not None:
            return self._stages[part.base.stage].on_top()
        if not part.base.image:
            return _Stage(Configuration.of(part.platform, escape, {}), Tree())
        image = self._images[part.base]
        known = image.configuration
        config = known.get("config") or {}
        if config.get("OnBuild"):
            raise part.stage.origin.wrong(f"{part.base.image} has ONBUILD triggers, which are not supported")
        stage = _Stage(
            Configuration.of(part.platform, escape, deepcopy(config)), image.tree.copy(), [*image.layers]
        )
        stage.history += known.get("history") or []
        stage.configuration.author = str(known.get("author") or "")
        return stage

    def _done(self, stage: _Stage, part: Part, one: Instruction) -> Layer | None:
        """Do one instruction; the layer that it makes."""
        if one.name == "ARG":
            self._declare(stage.configuration, one)
        elif one.name == "WORKDIR":
            return self._made_folder(stage, one)
        elif one.name in {"COPY", "ADD"}:
            return self._copied(stage, part, one)
        elif one.name != "HEALTHCHECK" and not stage.configuration.apply(one):
            raise one.wrong(_REFUSED[one.name])
        return None

    def _declare(self, stage: Configuration, one: Instruction) -> None:
        for name, default in declared_args(one, stage.escape):
            if name in self._recipe.given:
                stage.args[name] = self._recipe.given[name]
            elif default is not None:
                stage.args[name] = stage.expand(one, default)
            elif name in self._recipe.args:
                stage.args[name] = self._recipe.args[name]

    def _made_folder(self, stage: _Stage, one: Instruction) -> Layer | None:
        path = stage.configuration.workdir(one)
        try:
            where = stage.tree.resolve(path)
        except TreeError as error:
            raise one.wrong(str(error)) from error
        there = stage.tree.get(where)
        if there is not None and there.kind != "folder":
            raise one.wrong(f"{path} is no folder in the image")
        if there is not None:
            return None
        parts = where.split("/")
        paths = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        if any((node := stage.tree.get(above)) is not None and node.kind != "folder" for above in paths):
            raise one.wrong(f"a part of {path} is no folder in the image")
        return self._layer(stage, {above: FOLDER for above in paths if stage.tree.get(above) is None})

    def _copied(self, stage: _Stage, part: Part, one: Instruction) -> Layer | None:
        origin = part.sources.get(one.line)
        source = self._context if origin is None else self._tree(origin)
        extract = self._extracted if one.name == "ADD" else nothing_extracted
        copying = Copying(one, stage.configuration, source, stage.tree, extract)
        try:
            return self._layer(stage, copying.entries())
        except (ArchiveError, OSError) as error:
            raise one.wrong(str(error)) from error

    def _tree(self, origin: Origin) -> Tree:
        return self._images[origin].tree if origin.stage is None else self._stages[origin.stage].tree

    def _extracted(self, node: Node) -> Iterator[tuple[str, Node]] | None:
        if node.content is None or not is_archive(node.content):
            return None
        path = self._new_file()
        decompressed(node.content, path, limit=MAX_BYTES, check=self._check)
        return entries_of(path, Tree())

    def _layer(self, stage: _Stage, entries: Mapping[str, Node]) -> Layer | None:
        if not entries:
            return None
        layer = write_layer(self._new_file(), entries, time=self._time, check=self._check)
        for path, node in entries.items():
            stage.tree.put(path, node)
        return layer

    def _new_file(self) -> Path:
        self._files += 1
        return self._folder / f"file-{self._files}"
