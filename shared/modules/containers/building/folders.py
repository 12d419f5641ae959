"""Folders on this machine as contexts: what a build may see of them, through no link."""

import os
import posixpath
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.modules.containers.building.sources import IGNORE, Bounds, ContextError, inside, link_target
from shared.modules.containers.images.archives import Check
from shared.modules.containers.images.ignoring import Ignored
from shared.modules.containers.images.trees import Beneath, Node, Tree, is_too_long, open_beneath


@dataclass(frozen=True, slots=True)
class Folder:
    """A context in the folder ``root``; of the modes of its files, ``git`` knows who may execute them."""

    root: Path
    hidden: frozenset[str] = frozenset()
    of_git: bool = False

    def text(self, path: str, *, limit: int) -> bytes | None:
        path = inside(path)
        if Ignored(hidden=self.hidden)(path):
            return None
        try:
            descriptor = open_beneath(self.root, path, os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ContextError(
                f"{path!r} cannot be read: {error.strerror}; links are not followed"
            ) from error
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ContextError(f"{path!r} is no file")
            text = file.read(limit + 1) or b""
        if len(text) > limit:
            raise ContextError(f"{path!r} has more than {limit} bytes")
        return text

    def tree(self, ignored: Ignored, bounds: Bounds, *, check: Check) -> Tree:
        tree = Tree()
        files = size = 0
        for path, entry in self._entries("", ignored):
            check()
            node = self._node(path, entry)
            files, size = files + 1, size + node.size
            bounds.check(files, size)
            tree.put(path, node)
        return tree

    def _entries(self, folder: str, ignored: Ignored) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """What is not ignored, folders before what is in them, sorted by names."""
        with os.scandir(self.root / folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            path = posixpath.join(folder, entry.name)
            if is_too_long(path):
                raise ContextError(f"the path {path[:100]!r}… leads through too many folders")
            left_out = ignored(path)
            if not left_out:
                yield path, entry
            if entry.is_dir(follow_symlinks=False) and not (left_out and ignored.prunes(path)):
                yield from self._entries(path, ignored)

    def _node(self, path: str, entry: os.DirEntry[str]) -> Node:
        try:
            path.encode()
        except UnicodeEncodeError as error:
            raise ContextError(f"the name {path!r} is not in UTF-8") from error
        found = entry.stat(follow_symlinks=False)
        mode = stat.S_IMODE(found.st_mode)
        if self.of_git:
            mode = 0o755 if mode & stat.S_IXUSR else 0o644
        if stat.S_ISLNK(found.st_mode):
            target = os.readlink(self.root / path)  # noqa: PTH115  as it is written, which Path may change
            return Node("link", 0o777, target=link_target(path, target))
        if stat.S_ISDIR(found.st_mode):
            return Node("folder", mode)
        if not stat.S_ISREG(found.st_mode):
            raise ContextError(f"{path!r} is neither file, folder nor link; leave it out by a {IGNORE}")
        return Node("file", mode, size=found.st_size, content=Beneath(self.root, path))


def folder_below(root: Path, named: str, *, hidden: Path | None = None) -> Folder:
    """The folder that ``named`` is below ``root``, as a context; nothing of ``hidden`` is in it.

    Raises:
        ContextError: it is not there, or leads out of ``root``.
    """
    path = inside(named)
    where = root.resolve() / path
    if where.resolve() != where:
        raise ContextError(f"the context {named!r} leads through a link; name the folder itself")
    if not where.is_dir():
        raise ContextError(f"there is no folder {named!r} among those that this host builds from")
    if hidden is None:
        return Folder(where)
    own = hidden.resolve()
    if where.is_relative_to(own):
        raise ContextError(f"the context {named!r} is the platform's own folder")
    return Folder(where, frozenset({own.relative_to(where).as_posix()} if own.is_relative_to(where) else ()))
