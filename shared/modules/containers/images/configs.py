"""Configurations of images: what the instructions that change no file say of how an image runs.

Source: the OCI image specification, "Image Configuration"; of Docker's, what decides there how instructions
add up: a new ENTRYPOINT forgets the CMD of the base, a stage from scratch has a PATH.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from shared.domain.times import rfc3339
from shared.modules.containers.images.dockerfiles import Instruction
from shared.modules.containers.images.platforms import Platform
from shared.modules.containers.images.trees import is_too_long, parts_of
from shared.modules.containers.images.words import WordError, expanded

DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHELL: Final = ("/bin/sh", "-c")
_PORT: Final = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
MAX_PORTS: Final = 1000
MAX_CONFIGURATION: Final = 1024 * 1024
"""Bytes, as JSON."""


@dataclass(slots=True)
class Configuration:
    """What a stage has come to, beside its files."""

    platform: Platform
    escape: str
    config: dict[str, Any]
    """As the image's configuration has it: ``Env``, ``Cmd``, ``Labels`` and so on."""
    args: dict[str, str] = field(default_factory=dict[str, str])
    shell: Sequence[str] = _SHELL
    author: str = ""
    command_is_own: bool = False

    @classmethod
    def of(cls, platform: Platform, escape: str, config: Mapping[str, Any]) -> "Configuration":
        """That of an image: ``config`` is its own, or empty for scratch."""
        kept = {name: value for name, value in config.items() if value is not None}
        kept.setdefault("Env", [f"PATH={DEFAULT_PATH}"])
        return cls(platform, escape, kept)

    @property
    def folder(self) -> str:
        """The WORKDIR."""
        return self.config.get("WorkingDir") or "/"

    @property
    def names(self) -> dict[str, str]:
        """What ``$NAME`` stands for: what ENV says goes before ARG."""
        pairs = (entry.partition("=") for entry in self.config["Env"])
        return self.args | {name: value for name, _, value in pairs}

    def expand(self, one: Instruction, text: str) -> str:
        """``text`` with its names put in, or an error about the instruction."""
        try:
            return expanded(text, self.names, self.escape)
        except WordError as error:
            raise one.wrong(str(error)) from error

    def apply(self, one: Instruction) -> bool:
        """Do what the instruction says; False: it is none of those that only change the configuration."""
        if one.flags and one.name in _CHANGES:
            raise one.wrong(f"--{next(iter(one.flags))} is not supported")
        change = _CHANGES.get(one.name)
        if change is not None:
            change(self, one)
            if len(orjson.dumps(self.config)) > MAX_CONFIGURATION:
                raise one.wrong(f"the image's configuration is larger than {MAX_CONFIGURATION} bytes")
        return change is not None

    def workdir(self, one: Instruction) -> str:
        """Change the working directory; the new one."""
        where = self.expand(one, one.text)
        if not where:
            raise one.wrong("the folder is empty")
        path = where if where.startswith("/") else f"{self.folder}/{where}"
        if is_too_long(path):
            raise one.wrong("the path is too long, or leads through too many folders")
        self.config["WorkingDir"] = "/" + "/".join(_without_dots(path))
        return self.folder


def _without_dots(path: str) -> list[str]:
    kept: list[str] = []
    for part in parts_of(path):
        if part == "..":
            kept = kept[:-1]
        else:
            kept.append(part)
    return kept


def pairs_of(one: Instruction, escape: str) -> list[tuple[str, str]]:
    """``NAME=value …`` (or ``NAME the rest of the line``) as pairs; nothing is put in yet."""
    words = words_of(one, escape)
    if words and "=" not in words[0]:
        name, _, value = one.text.partition(words[0])[2].partition(" ")
        del name
        if not value.strip():
            raise one.wrong(f"{words[0]!r} has no value: it is {one.name} NAME=value")
        return [(words[0], value.strip())]
    pairs = [word.partition("=") for word in words]
    for name, equals, _ in pairs:
        if not equals or not name:
            raise one.wrong(f"{name!r} has no value: it is {one.name} NAME=value")
    return [(name, value) for name, _, value in pairs]


def words_of(one: Instruction, escape: str) -> list[str]:
    """The words between spaces; quotes, which stay, hold together."""
    word = re.compile(
        rf"(?:{re.escape(escape)}.|'[^']*'|\"(?:{re.escape(escape)}.|[^\"{re.escape(escape)}])*\"|[^\s])+"
    )
    return word.findall(one.text)


def declared_args(one: Instruction, escape: str) -> list[tuple[str, str | None]]:
    """What an ARG declares: names with their defaults, if they have one; nothing is put in yet."""
    declared: list[tuple[str, str | None]] = []
    for word in words_of(one, escape):
        name, equals, value = word.partition("=")
        if not _NAME.fullmatch(name):
            raise one.wrong(f"{name!r} is no name")
        declared.append((name, value if equals else None))
    return declared


def _env(stage: Configuration, one: Instruction) -> None:
    said = [
        (stage.expand(one, name), stage.expand(one, value)) for name, value in pairs_of(one, stage.escape)
    ]
    env = dict(entry.partition("=")[::2] for entry in stage.config["Env"]) | dict(said)
    stage.config["Env"] = [f"{name}={value}" for name, value in env.items()]


def _label(stage: Configuration, one: Instruction) -> None:
    said = {stage.expand(one, name): stage.expand(one, value) for name, value in pairs_of(one, stage.escape)}
    stage.config["Labels"] = {**stage.config.get("Labels", {}), **said}


def _user(stage: Configuration, one: Instruction) -> None:
    stage.config["User"] = stage.expand(one, one.text)


def _stop_signal(stage: Configuration, one: Instruction) -> None:
    stage.config["StopSignal"] = stage.expand(one, one.text)


def _maintainer(stage: Configuration, one: Instruction) -> None:
    stage.author = one.text


def _shell(stage: Configuration, one: Instruction) -> None:
    listed = one.listed()
    if not listed:
        raise one.wrong('it is a list, such as ["/bin/sh", "-c"]')
    stage.shell = listed


def _expose(stage: Configuration, one: Instruction) -> None:
    ports: dict[str, Any] = dict(stage.config.get("ExposedPorts", {}))
    for word in stage.expand(one, one.text).split():
        match = _PORT.fullmatch(word.lower())
        if match is None:
            raise one.wrong(f"{word!r} is no port: it is 8080, 8080/udp or 8080-8090")
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last <= 65535 or last - first >= MAX_PORTS:
            raise one.wrong(f"{word!r} is no port from 1 to 65535, or more than {MAX_PORTS} of them")
        ports |= {f"{port}/{match[3] or 'tcp'}": {} for port in range(first, last + 1)}
    stage.config["ExposedPorts"] = ports


def _volume(stage: Configuration, one: Instruction) -> None:
    listed = one.listed()
    paths = [stage.expand(one, word) for word in (one.text.split() if listed is None else listed)]
    if not paths or not all(paths):
        raise one.wrong("a path must stand behind it")
    stage.config["Volumes"] = {**stage.config.get("Volumes", {}), **{path: {} for path in paths}}


def _command(stage: Configuration, one: Instruction) -> None:
    stage.config["Cmd"] = _run_as(stage, one)
    stage.command_is_own = True


def _entrypoint(stage: Configuration, one: Instruction) -> None:
    stage.config["Entrypoint"] = _run_as(stage, one)
    if not stage.command_is_own:
        stage.config.pop("Cmd", None)


def _run_as(stage: Configuration, one: Instruction) -> list[str]:
    """A list as it is; a text for the shell to read."""
    listed = one.listed()
    if listed is not None:
        return listed
    return [*stage.shell, one.text] if one.text else []


_CHANGES: Final[Mapping[str, Callable[[Configuration, Instruction], None]]] = {
    "CMD": _command,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "LABEL": _label,
    "MAINTAINER": _maintainer,
    "SHELL": _shell,
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "VOLUME": _volume,
}


def image_configuration(
    stage: Configuration, *, diff_ids: Sequence[str], history: Sequence[Mapping[str, Any]], time: int
) -> dict[str, Any]:
    """The image's configuration, as it is stored."""
    variant = {"variant": stage.platform.variant} if stage.platform.variant else {}
    author = {"author": stage.author} if stage.author else {}
    return {
        "created": moment(time),
        **author,
        "os": stage.platform.os,
        "architecture": stage.platform.architecture,
        **variant,
        "config": stage.config,
        "rootfs": {"type": "layers", "diff_ids": [*diff_ids]},
        "history": [*history],
    }


def moment(time: int) -> str:
    """Seconds since 1970 as images have times."""
    return rfc3339(datetime.fromtimestamp(time, UTC))
