"""Trees of files: what is in a context, in a stage, in an image. Contents stay where they are until read."""

import os
import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Protocol, Self

MAX_PATH: Final = 4096
"""Characters of a path, and of where a link leads, as in Linux."""
MAX_DEPTH: Final = 200
"""Folders that a path leads through."""
MAX_LINKS: Final = 40
"""Links that a path may lead through, as in Linux."""

type Kind = Literal["file", "folder", "link", "other"]


class TreeError(ValueError):
    """A path that leads nowhere, or where it must not; the message names it."""


class Readable(Protocol):
    """A file that is read from its beginning, and closed."""

    def read(self, size: int = -1, /) -> bytes: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Content(Protocol):
    """The bytes of a file."""

    def open(self) -> Readable:
        """The file, from its beginning.

        Raises:
            OSError: it is not there any more.
        """
        ...


@dataclass(frozen=True, slots=True)
class Node:
    """One entry of a tree. A ``link`` leads to its ``target``; only a ``file`` has content."""

    kind: Kind
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    size: int = 0
    target: str = ""
    content: Content | None = None


FOLDER: Final = Node("folder")


@dataclass(frozen=True, slots=True)
class Part:
    """``size`` bytes of a file that is at hand, from ``offset``."""

    path: Path
    offset: int
    size: int

    def open(self) -> Readable:
        return _Section(self.path, self.offset, self.size)


class _Section:
    """A part of a file, to be read once from its beginning."""

    def __init__(self, path: Path, offset: int, size: int) -> None:
        self._file = path.open("rb")
        self._file.seek(offset)
        self._left = size

    def read(self, size: int = -1, /) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        self._left -= len(data)
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@dataclass(frozen=True, slots=True)
class Beneath:
    """A file below a folder, reached through no link, whoever changes the folder meanwhile."""

    root: Path
    path: str

    def open(self) -> Readable:
        return os.fdopen(open_beneath(self.root, self.path), "rb")


def open_beneath(root: Path, path: str, flags: int = os.O_RDONLY) -> int:
    """A descriptor of ``path`` below ``root``; a link on the way is an error.

    Raises:
        OSError: it is not there, or there is a link in the way.
    """
    *folders, name = path.split("/")
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
    finally:
        os.close(at)


@dataclass(slots=True)
class Tree:
    """Entries by path: ``a/b``, without a slash at either end; the root itself is ``""`` and always there."""

    nodes: dict[str, Node] = field(default_factory=dict[str, Node])
    below: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    """The names in each folder."""

    def get(self, path: str) -> Node | None:
        return FOLDER if path == "" else self.nodes.get(path)

    def put(self, path: str, node: Node) -> None:
        """Put ``node`` there, in place of whatever was; folders that are missing above it are made."""
        before = self.nodes.get(path)
        if before is not None and before.kind == "folder" and node.kind != "folder":
            self.remove(path)
        parent, name = posixpath.split(path)
        above = self.get(parent)
        if above is None or above.kind != "folder":
            self.put(parent, FOLDER)
        self.below.setdefault(parent, set()).add(name)
        self.nodes[path] = node

    def remove(self, path: str) -> None:
        """Take it out, with all that is below; nothing happens if it is not there."""
        self.clear(path)
        if self.nodes.pop(path, None) is not None:
            parent, name = posixpath.split(path)
            self.below[parent].discard(name)

    def clear(self, folder: str) -> None:
        """Take out all that is below a folder."""
        for name in self.below.pop(folder, ()):
            self.clear(joined(folder, name))
            self.nodes.pop(joined(folder, name), None)

    def copy(self) -> "Tree":
        """A tree that may become another."""
        return Tree(dict(self.nodes), {folder: set(names) for folder, names in self.below.items()})

    def walk(self, folder: str = "") -> Iterator[tuple[str, Node]]:
        """All that is below, by path from there, folders before what is in them, sorted by names."""
        waiting = [joined("", name) for name in sorted(self.below.get(folder, ()), reverse=True)]
        while waiting:
            path = waiting.pop()
            node = self.nodes[joined(folder, path)]
            yield path, node
            if node.kind == "folder":
                names = self.below.get(joined(folder, path), ())
                waiting += [joined(path, name) for name in sorted(names, reverse=True)]

    def resolve(self, path: str, *, last: bool = True) -> str:
        """Where ``path`` leads through links, all of them within this tree, as far as it exists.

        ``last``: whether a link at its end is followed, too.

        Raises:
            TreeError: there are too many links.
        """
        done = ""
        left = parts_of(path)
        links = 0
        while left:
            name, *left = left
            if name == "..":
                done = posixpath.dirname(done)
                continue
            here = joined(done, name)
            node = self.get(here)
            if node is None or node.kind != "link" or not (left or last):
                done = here
                continue
            links += 1
            if links > MAX_LINKS:
                raise TreeError(f"{path!r} leads through too many links")
            if node.target.startswith("/"):
                done = ""
            left = [*parts_of(node.target), *left]
        return done


def is_too_long(path: str) -> bool:
    """Whether no image has such a path."""
    return len(path) > MAX_PATH or path.count("/") > MAX_DEPTH


def parts_of(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in {"", "."}]


def joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and name else folder or name


def write_tree(tree: Tree, folder: Path, *, check: Callable[[], None]) -> None:
    """Write the tree into the empty ``folder``; links come last, so that nothing is written through one."""
    nodes = list(tree.walk())
    for path, node in nodes:
        check()
        if node.kind == "folder":
            (folder / path).mkdir()
        elif node.content is not None:
            with node.content.open() as source, (folder / path).open("xb") as target:
                while piece := source.read(256 * 1024):
                    target.write(piece)
            (folder / path).chmod(node.mode)
    for path, node in nodes:
        if node.kind == "link":
            (folder / path).symlink_to(node.target)
    for path, node in reversed(nodes):
        if node.kind == "folder":
            (folder / path).chmod(node.mode)
