"""What has to be built of a Dockerfile, and from which images: known before anything is fetched."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from shared.domain.images import parse_image
from shared.modules.containers.images.configs import declared_args
from shared.modules.containers.images.dockerfiles import Dockerfile, Instruction, Stage
from shared.modules.containers.images.platforms import Platform
from shared.modules.containers.images.words import WordError, expanded

SCRATCH: Final = "scratch"
EPOCH: Final = "SOURCE_DATE_EPOCH"
PROXIES: Final = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"})
"""What may be given without an ARG, in capitals or not."""


_MOUNTED: Final = re.compile(r"(?:^|[,\s])from=([^,\s]*)")


class RecipeError(ValueError):
    """What is asked for does not fit the Dockerfile."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where files come from: ``stage`` of the Dockerfile, or ``image`` of a registry, or neither: scratch."""

    stage: int | None = None
    image: str = ""
    platform: Platform | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One stage that is to be built."""

    stage: Stage
    base: Origin
    platform: Platform
    sources: Mapping[int, Origin] = field(default_factory=dict[int, Origin])
    """Where the COPY in that line has its files from, if not from the context."""
    mounts: Sequence[int] = ()
    """The stages that a RUN has mounted."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The stages in the order in which they are built; the last is what is asked for."""

    dockerfile: Dockerfile
    parts: Sequence[Part]
    args: Mapping[str, str]
    """Those given, and those that are declared before the first FROM."""
    given: Mapping[str, str]

    @property
    def images(self) -> Mapping[Origin, Instruction]:
        """The images of registries that it needs, and the first instruction that names each."""
        found: dict[Origin, Instruction] = {}
        for part in self.parts:
            lines = {one.line: one for one in part.stage.instructions}
            named = [(part.base, part.stage.origin)]
            named += [(origin, lines[line]) for line, origin in part.sources.items()]
            for origin, instruction in named:
                if origin.image:
                    found.setdefault(origin, instruction)
        return found

    @property
    def registries(self) -> frozenset[str]:
        """The registries that those are in, as far as the names can be read."""
        found: set[str] = set()
        for origin in self.images:
            with suppress(ValueError):
                found.add(parse_image(origin.image).at_docker().registry or "")
        return frozenset(found)

    @property
    def instructions(self) -> Sequence[Instruction]:
        """All that is done, in order."""
        return [one for part in self.parts for one in (part.stage.origin, *part.stage.instructions)]

    @property
    def unused(self) -> Sequence[str]:
        """What was given and no ARG declares."""
        declared = {
            name
            for one in (*self.dockerfile.args, *self.instructions)
            if one.name == "ARG"
            for name, _ in declared_args(one, self.dockerfile.escape)
        }
        return sorted(
            name
            for name in self.given
            if name not in declared and name.upper() not in PROXIES and name != EPOCH
        )


def recipe(
    dockerfile: Dockerfile, given: Mapping[str, str], *, target: str | None, platform: Platform
) -> Recipe:
    """What has to be built to have the stage ``target``, by default the last.

    Raises:
        RecipeError: there is no such stage.
        DockerfileError: a stage comes from one that is not before it, or a name has no value.
    """
    last = dockerfile.stages[-1] if target is None else dockerfile.stage(target)
    if last is None:
        names = ", ".join(stage.name or str(stage.index) for stage in dockerfile.stages)
        raise RecipeError(f"the Dockerfile has no stage {target!r}; there are: {names}")
    args = _global_args(dockerfile, given, platform)
    parts: dict[int, Part] = {}
    needed = [last.index]
    while needed:
        index = needed.pop()
        if index in parts:
            continue
        parts[index] = part = _part(dockerfile, dockerfile.stages[index], args, platform)
        origins = (part.base, *part.sources.values())
        needed += [origin.stage for origin in origins if origin.stage is not None]
        needed += part.mounts
    return Recipe(dockerfile, [parts[index] for index in sorted(parts)], args, given)


def _global_args(dockerfile: Dockerfile, given: Mapping[str, str], platform: Platform) -> Mapping[str, str]:
    args = platform.names
    for one in dockerfile.args:
        for name, default in declared_args(one, dockerfile.escape):
            if name in given:
                args[name] = given[name]
            elif default is not None:
                args[name] = _expanded(one, default, args, dockerfile.escape)
    return args


def _expanded(one: Instruction, text: str, names: Mapping[str, str], escape: str) -> str:
    try:
        return expanded(text, names, escape)
    except WordError as error:
        raise one.wrong(str(error)) from error


def _part(dockerfile: Dockerfile, stage: Stage, args: Mapping[str, str], platform: Platform) -> Part:
    one = stage.origin
    for flag in one.flags:
        if flag != "platform":
            raise one.wrong(f"--{flag} is not supported")
    if "platform" in one.flags:
        try:
            platform = Platform.parse(_expanded(one, one.flags["platform"], args, dockerfile.escape))
        except ValueError as error:
            raise one.wrong(str(error)) from error
    base = _expanded(one, stage.base, args, dockerfile.escape)
    if not base:
        raise one.wrong(f"{stage.base!r} comes to nothing: give the ARG in it a value")
    sources = {
        copy.line: _origin(dockerfile, copy, copy.flags["from"], stage.index, platform)
        for copy in stage.instructions
        if copy.name == "COPY" and "from" in copy.flags
    }
    mounts = [mounted for run in stage.instructions for mounted in _mounted(dockerfile, run, stage.index)]
    return Part(stage, _origin(dockerfile, one, base, stage.index, platform), platform, sources, mounts)


def _mounted(dockerfile: Dockerfile, one: Instruction, index: int) -> Iterator[int]:
    """The stages that a RUN has mounted; it may not mount what nobody has looked at."""
    for name in _MOUNTED.findall(one.flags.get("mount", "")) if one.name == "RUN" else ():
        found = dockerfile.stage(name, before=index)
        if found is None:
            raise one.wrong(f"--mount has no stage {name!r} before it; take files of an image by COPY --from")
        yield found.index


def _origin(dockerfile: Dockerfile, one: Instruction, name: str, index: int, platform: Platform) -> Origin:
    if name == SCRATCH and one.name == "FROM":
        return Origin()
    found = dockerfile.stage(name, before=index)
    is_number = name.isdecimal()
    if found is not None and not (is_number and one.name == "FROM"):
        return Origin(stage=found.index)
    if is_number:
        raise one.wrong(f"there is no stage {name} before it")
    if "$" in name:
        raise one.wrong(f"--from is a stage or an image as it is written; {name!r} is not replaced")
    return Origin(image=name, platform=platform)
