"""Where the files of a build come from, before a Dockerfile has been read: a folder, or an archive."""

import posixpath
from dataclasses import dataclass
from typing import Final, Protocol

from shared.modules.containers.images.archives import Check
from shared.modules.containers.images.ignoring import Ignored, PatternError
from shared.modules.containers.images.trees import Tree

IGNORE: Final = ".dockerignore"
MAX_IGNORE: Final = 256 * 1024


class ContextError(ValueError):
    """A context that cannot be built from; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a context may have."""

    files: int = 50_000
    bytes: int = 1024 * 1024 * 1024

    def check(self, files: int, size: int) -> None:
        """Hold what there is so far against them.

        Raises:
            ContextError: it is too much.
        """
        if files > self.files or size > self.bytes:
            raise ContextError(
                f"the context has more than {self.files} files or {self.bytes} bytes; leave out by a "
                f"{IGNORE} what the build does not need"
            )


class Source(Protocol):
    @property
    def hidden(self) -> frozenset[str]:
        """Paths that are never in the context, with what is below them."""
        ...

    def text(self, path: str, *, limit: int) -> bytes | None:
        """The file at ``path``; None: there is none.

        Raises:
            ContextError: it is a link or no file, or larger than ``limit`` bytes.
            OSError: it cannot be read.
        """
        ...

    def tree(self, ignored: Ignored, bounds: Bounds, *, check: Check) -> Tree:
        """Everything that is not ``ignored``; links are kept as links and not followed.

        Raises:
            ContextError: it is larger than ``bounds``, or has what no image can have.
            OSError: it cannot be read.
        """
        ...


def ignored_by(source: Source, dockerfile: str) -> Ignored:
    """What the context's ``.dockerignore`` leaves out; a Dockerfile may have one of its own.

    Raises:
        ContextError: it cannot be read.
    """
    for name in (f"{dockerfile}{IGNORE}", IGNORE):
        if (raw := source.text(name, limit=MAX_IGNORE)) is not None:
            try:
                return Ignored(raw.decode("utf-8-sig"), name, hidden=source.hidden)
            except (PatternError, UnicodeDecodeError) as error:
                raise ContextError(str(error)) from error
    return Ignored(hidden=source.hidden)


def inside(path: str) -> str:
    """``path`` in its shortest form.

    Raises:
        ContextError: it leads out of the context.
    """
    short = posixpath.normpath(path)
    if short.startswith(("../", "/")) or short == ".." or "\0" in path:
        raise ContextError(f"{path!r} leads out of the folder that it must be in")
    return short


def link_target(path: str, target: str) -> str:
    """``target``, which the link at ``path`` has: anywhere in the image (absolute), or in the context.

    Raises:
        ContextError: it leads out of the context.
    """
    leads = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if not target.startswith("/") and (leads == ".." or leads.startswith("../")):
        raise ContextError(f"the link {path!r} leads out of the context, to {target!r}")
    return target
