"""Folders on this machine as trees: what a build may see of them, and no more than a build may be."""

import os
import posixpath
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.modules.containers.archives import Check
from shared.modules.containers.ignoring import Ignored, PatternError
from shared.modules.containers.trees import Beneath, Node, Tree, open_beneath

IGNORE: Final = ".dockerignore"
MAX_IGNORE: Final = 256 * 1024


class ContextError(ValueError):
    """A context that cannot be built from; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a context may have."""

    files: int = 50_000
    bytes: int = 1024 * 1024 * 1024


def read_text(root: Path, path: str, *, limit: int) -> bytes | None:
    """The file at ``path`` below ``root``; None if there is none.

    Raises:
        ContextError: it is a link or no file, or larger than ``limit`` bytes.
    """
    path = posixpath.normpath(path)
    if path.startswith(("../", "/")) or path == "..":
        raise ContextError(f"{path!r} leads out of the context; name a file in it")
    try:
        descriptor = open_beneath(root, path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ContextError(f"{path!r} cannot be read: {error.strerror}; links are not followed") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ContextError(f"{path!r} is no file")
        text = file.read(limit + 1)
    if len(text) > limit:
        raise ContextError(f"{path!r} has more than {limit} bytes")
    return text


def ignored_by(root: Path, dockerfile: str) -> Ignored:
    """What the context's ``.dockerignore`` leaves out; a Dockerfile may have one of its own.

    Raises:
        ContextError: it cannot be read.
    """
    for name in (f"{dockerfile}{IGNORE}", IGNORE):
        if (raw := read_text(root, name, limit=MAX_IGNORE)) is not None:
            try:
                return Ignored(raw.decode("utf-8-sig"), name)
            except (PatternError, UnicodeDecodeError) as error:
                raise ContextError(str(error)) from error
    return Ignored()


def read_folder(root: Path, ignored: Ignored, bounds: Bounds, *, check: Check) -> Tree:
    """Everything below ``root`` that is not ``ignored``; links are kept as links and not followed.

    Raises:
        ContextError: it is larger than ``bounds``, or has what no image can have.
        OSError: it cannot be read.
    """
    tree = Tree()
    files = size = 0
    for path, entry in _entries(root, "", ignored):
        check()
        node = _node(root, path, entry)
        files, size = files + 1, size + node.size
        if files > bounds.files or size > bounds.bytes:
            raise ContextError(
                f"the context has more than {bounds.files} files or {bounds.bytes} bytes; leave out by a "
                f"{IGNORE} what the build does not need"
            )
        tree.put(path, node)
    return tree


def _entries(root: Path, folder: str, ignored: Ignored) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """What is not ignored, folders before what is in them, sorted by names."""
    with os.scandir(root / folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        path = posixpath.join(folder, entry.name)
        left_out = ignored(path)
        if not left_out:
            yield path, entry
        if entry.is_dir(follow_symlinks=False) and not (left_out and ignored.prunes(path)):
            yield from _entries(root, path, ignored)


def _node(root: Path, path: str, entry: os.DirEntry[str]) -> Node:
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise ContextError(f"the name {path!r} is not in UTF-8") from error
    found = entry.stat(follow_symlinks=False)
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISLNK(found.st_mode):
        return Node("link", 0o777, target=_link(root, path))
    if stat.S_ISDIR(found.st_mode):
        return Node("folder", mode)
    if not stat.S_ISREG(found.st_mode):
        raise ContextError(f"{path!r} is neither file, folder nor link; leave it out by a {IGNORE}")
    return Node("file", mode, size=found.st_size, content=Beneath(root, path))


def _link(root: Path, path: str) -> str:
    """Where the link leads: anywhere in the image (by an absolute path) or the context, and not out of it."""
    target = os.readlink(root / path)  # noqa: PTH115  as it is written, which Path may change
    leads = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if not target.startswith("/") and (leads == ".." or leads.startswith("../")):
        raise ContextError(f"the link {path!r} leads out of the context, to {target!r}")
    return target
