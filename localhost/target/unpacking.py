"""Layers of an image, laid over each other in a folder (OCI image-spec 1.1, layer.md).

Only what a program needs to be read is made: folders, files and links. What would leave the folder, by its
name or through a link that an earlier entry made, is refused; devices are left out; owners are the host's.
"""

import os
import shutil
import stat
import tarfile
from pathlib import Path, PurePosixPath
from typing import IO, Final

from shared.ports.targets import TargetError

MAX_BYTES: Final = 4 * 1024**3
"""Of all files of an image together."""
MAX_ENTRIES: Final = 500_000
WHITEOUT: Final = ".wh."
"""In front of a name: what is removed of the layers below."""
OPAQUE: Final = ".wh..wh..opq"
"""In a folder: all that the layers below have in it is removed."""


class Unpacking:
    """Unpacks the layers of one image into ``root``, the lowest first."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._bytes = 0
        self._entries = 0

    def layer(self, content: IO[bytes]) -> None:
        """Lay one layer, a tar file compressed or not, over those before.

        Raises:
            TargetError: it is damaged, too large, or leads out of the folder.
        """
        own: set[Path] = set()
        try:
            with tarfile.open(fileobj=content, mode="r|*") as archive:
                for member in archive:
                    self._count(member)
                    self._entry(archive, member, own)
        except (tarfile.TarError, EOFError, OSError) as error:
            raise _bad(f"a layer cannot be unpacked: {error}") from error

    def _count(self, member: tarfile.TarInfo) -> None:
        self._entries += 1
        self._bytes += member.size if member.isreg() else 0
        if self._entries > MAX_ENTRIES or self._bytes > MAX_BYTES:
            raise _bad(f"it has more than {MAX_ENTRIES} files or {MAX_BYTES} bytes")

    def _entry(self, archive: tarfile.TarFile, member: tarfile.TarInfo, own: set[Path]) -> None:
        """Make one entry; ``own`` are those of its layer, which its whiteouts do not concern."""
        path = self._place(member.name)
        if path == self._root:
            return
        if path.name == OPAQUE:
            for below in [child for child in _children(path.parent) if child not in own]:
                _remove(below)
            return
        if path.name.startswith(WHITEOUT):
            _remove(path.with_name(path.name.removeprefix(WHITEOUT)))
            return
        own.add(path)
        own.update(parent for parent in path.parents if parent.is_relative_to(self._root))
        if member.isdir():
            if not path.is_dir() or path.is_symlink():
                _remove(path)
                path.mkdir(parents=True)
            path.chmod(stat.S_IMODE(member.mode) | 0o700)
            return
        _remove(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if member.issym():
            path.symlink_to(member.linkname)
        elif member.islnk():
            os.link(self._place(member.linkname), path, follow_symlinks=False)
        elif member.isreg():
            source = archive.extractfile(member)
            assert source is not None  # as a regular file has it
            with path.open("xb") as file:
                shutil.copyfileobj(source, file, 1024 * 1024)
            path.chmod(stat.S_IMODE(member.mode) & 0o777 | 0o400)

    def _place(self, name: str) -> Path:
        """Where an entry goes: its folder with links followed, as far as these stay inside."""
        parts = PurePosixPath("/", name).parts[1:]
        if ".." in parts or "\0" in name:
            raise _bad(f"it has the entry {name[:100]!r}, which leads out of it")
        if not parts:
            return self._root
        folder = resolved(self._root, PurePosixPath(*parts[:-1])) if len(parts) > 1 else self._root
        return folder / parts[-1]


def resolved(root: Path, path: PurePosixPath, *, depth: int = 40) -> Path:
    """Where ``path`` of an image is in its folder ``root``, which links take for the whole disk.

    Raises:
        TargetError: its links go in a circle.
    """
    at = root
    parts = list(PurePosixPath("/", path).parts[1:])
    while parts:
        part = parts.pop(0)
        if part == "..":
            at = at.parent if at != root else root
            continue
        following = at / part
        if not following.is_symlink():
            at = following
            continue
        depth -= 1
        if depth < 0:
            raise _bad(f"the links at {path} go in a circle")
        link = PurePosixPath(following.readlink())
        at = root if link.is_absolute() else at
        parts = [*(link.parts[1:] if link.is_absolute() else link.parts), *parts]
    return at


def _children(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _bad(why: str) -> TargetError:
    return TargetError("IMAGE_INVALID", f"the image cannot be unpacked: {why}")
