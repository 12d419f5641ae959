"""How an image is run on a machine that does not wrap it in a container: which program, where, with what.

There is no isolation. The program is a process of the host's user and sees the whole machine; its working
directory is the image's, and absolute paths of the image that stand in its command lead to the image's
files. A program that the image does not have is looked for on the machine: ``python3``, say.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from localhost.target.images import Image
from localhost.target.unpacking import resolved
from shared.domain.workloads import Workload
from shared.ports.targets import TargetError

_PASSED = ("LANG", "LC_ALL", "TZ")
"""What of the host's own environment programs get, beside its PATH: the rest may be secret."""


@dataclass(frozen=True, slots=True)
class Program:
    command: Sequence[str]
    folder: Path
    env: Mapping[str, str]


def program_of(image: Image, workload: Workload) -> Program:
    """What one copy of the workload is, but for its ports.

    Raises:
        TargetError: the image says nothing that could be started.
    """
    entrypoint = list(workload.command if workload.command is not None else image.entrypoint)
    default = [] if workload.command is not None else image.command
    command = [*entrypoint, *(workload.args if workload.args is not None else default)]
    if not command:
        message = "the image has neither ENTRYPOINT nor CMD, and the step gives it no 'command'"
        raise TargetError("IMAGE_INVALID", message)
    folder = resolved(image.root, PurePosixPath(image.folder))
    folder.mkdir(parents=True, exist_ok=True)
    path = _path(image, workload)
    own = {name: os.environ[name] for name in _PASSED if name in os.environ}
    env = {**own, "HOME": str(folder), **image.env, **workload.env, "PATH": path}
    arguments = [_mapped(image.root, argument) for argument in command[1:]]
    return Program([_executable(image.root, folder, command[0], path), *arguments], folder, env)


def _path(image: Image, workload: Workload) -> str:
    """Where programs are looked for: in the image first, then on the machine."""
    said = workload.env.get("PATH") or image.env.get("PATH") or ""
    own = [str(resolved(image.root, PurePosixPath(part))) for part in said.split(":") if part]
    return ":".join([*(part for part in own if Path(part).is_dir()), os.environ.get("PATH", os.defpath)])


def _executable(root: Path, folder: Path, name: str, path: str) -> str:
    if "/" in name:
        place = _mapped(root, name) if name.startswith("/") else str(folder / name)
        found = place if os.access(place, os.X_OK) else None
    else:
        found = shutil.which(name, path=path)
    if found is None:
        message = f"there is no program {name!r}, neither in the image nor on this machine"
        raise TargetError("PROGRAM_NOT_FOUND", message)
    return found


def _mapped(root: Path, argument: str) -> str:
    """An absolute path that the image has, as this machine's; anything else as it is."""
    if not argument.startswith("/"):
        return argument
    own = resolved(root, PurePosixPath(argument))
    return str(own) if own != root and own.exists() else argument
