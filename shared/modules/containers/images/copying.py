"""COPY and ADD: which files go where, by Docker's rules."""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from shared.modules.containers.images.configs import Configuration
from shared.modules.containers.images.dockerfiles import Instruction
from shared.modules.containers.images.globs import Glob, GlobError
from shared.modules.containers.images.trees import (
    FOLDER,
    Node,
    Tree,
    TreeError,
    is_too_long,
    joined,
    parts_of,
)

MAX_ACCOUNTS: Final = 1024 * 1024
"""Bytes of an image's list of users, or of groups."""
_FLAGS: Final = {"COPY": {"from", "chown", "chmod", "link"}, "ADD": {"chown", "chmod", "link"}}
_ELSEWHERE: Final = re.compile(r"(?:https?|ftp|git|ssh)://|git@", re.IGNORECASE)
_WILD: Final = re.compile(r"[*?\[\\]")
_MODE: Final = re.compile(r"[0-7]{3,4}")

type Extract = Callable[[Node], Iterator[tuple[str, Node]] | None]
"""What is in a file, if it is an archive that is to be unpacked."""


def nothing_extracted(_: Node) -> None:
    """COPY leaves archives as they are."""


@dataclass(frozen=True, slots=True)
class Copying:
    """One COPY or ADD: from ``source`` into ``tree``."""

    one: Instruction
    stage: Configuration
    source: Tree
    tree: Tree
    extract: Extract = nothing_extracted

    def entries(self) -> Mapping[str, Node]:
        """What the layer has; an error names the line.

        Raises:
            DockerfileError: it cannot be done.
        """
        try:
            return self._entries()
        except (TreeError, GlobError) as error:
            raise self.one.wrong(str(error)) from error

    def _entries(self) -> Mapping[str, Node]:
        self._check_flags()
        *patterns, destination = self._words()
        found = [match for pattern in patterns for match in self._matches(pattern)]
        into = destination.endswith("/") or posixpath.basename(destination) in {".", ""}
        if len(found) > 1 and not into:
            message = f"{len(found)} files or folders go to {destination!r}: it must end with a /"
            raise self.one.wrong(message)
        target = self.tree.resolve(posixpath.join(self.stage.folder, destination))
        layer = _Layer(self.one, self.tree, *self._owner(), self._mode())
        for name, node in found:
            self._put(layer, name, node, target, into=into)
        return layer.entries

    def _check_flags(self) -> None:
        for flag in self.one.flags:
            if flag not in _FLAGS[self.one.name]:
                raise self.one.wrong(f"--{flag} is not supported")

    def _words(self) -> Sequence[str]:
        listed = self.one.listed()
        words = self.one.text.split() if listed is None else listed
        words = [self.stage.expand(self.one, word) for word in words]
        if len(words) < 2:
            raise self.one.wrong("it is a source, or several, and then a destination")
        if any(is_too_long(word) for word in words):
            raise self.one.wrong("a path is too long, or leads through too many folders")
        for word in words[:-1]:
            if self.one.name == "ADD" and _ELSEWHERE.match(word):
                raise self.one.wrong(
                    f"{word!r} is not fetched: an image is made of what is in its context; put it there"
                )
            if ".." in word.split("/"):
                raise self.one.wrong(f"{word!r} leads out of what it is copied from")
        return words

    def _matches(self, pattern: str) -> Iterator[tuple[str, Node]]:
        """What ``pattern`` names, as it names it, with links followed."""
        names = [*_globbed(self.source, parts_of(pattern))] if _WILD.search(pattern) else [pattern]
        for name in names:
            where = self.source.resolve(name)
            node = self.source.get(where)
            if node is None:
                leads = f" leads to {where!r}, which" if where != "/".join(parts_of(name)) else ""
                raise self.one.wrong(
                    f"{name!r}{leads} is not there; is it left out by .dockerignore, or out of the context?"
                )
            yield "/".join(parts_of(name)), replace(node, target=where) if node.kind == "folder" else node
        if not names:
            raise self.one.wrong(f"nothing matches {pattern!r}")

    def _put(self, layer: "_Layer", name: str, node: Node, target: str, *, into: bool) -> None:
        if node.kind == "folder":
            layer.put(target, replace(node, target=""), keep=True)
            for path, below in self.source.walk(node.target):
                layer.put(joined(target, path), below)
            return
        if (unpacked := self.extract(node)) is not None:
            layer.put(target, FOLDER, keep=True)
            for path, below in unpacked:
                layer.put(joined(target, path), below, owned=True)
            return
        there = self.tree.get(target)
        if into or (there is not None and there.kind == "folder"):
            target = joined(target, posixpath.basename(name))
        layer.put(target, node)

    def _owner(self) -> tuple[tuple[int, int] | None]:
        text = self.stage.expand(self.one, self.one.flags.get("chown", ""))
        if not text:
            return (None,)
        user, colon, group = text.partition(":")
        uid = self._id(user, "etc/passwd")
        return ((uid, self._id(group, "etc/group") if colon else uid),)

    def _id(self, name: str, accounts: str) -> int:
        if name.isdecimal() and len(name) < 10:
            return int(name)
        for line in self._lines(accounts):
            fields = line.split(":")
            if len(fields) > 2 and fields[0] == name and fields[2].isdecimal():
                return int(fields[2])
        raise self.one.wrong(f"--chown: there is no {name!r} in the image's /{accounts}; give its number")

    def _lines(self, accounts: str) -> Sequence[str]:
        node = self.tree.get(self.tree.resolve(accounts))
        if node is None or node.content is None or node.size > MAX_ACCOUNTS:
            return ()
        with node.content.open() as file:
            return file.read(MAX_ACCOUNTS).decode(errors="replace").splitlines()

    def _mode(self) -> int | None:
        text = self.stage.expand(self.one, self.one.flags.get("chmod", ""))
        if text and not _MODE.fullmatch(text):
            raise self.one.wrong(f"--chmod={text} is not supported; give it in octal, such as 755")
        return int(text, 8) if text else None


class _Layer:
    """The entries of a layer, on top of a tree."""

    def __init__(self, one: Instruction, tree: Tree, owner: tuple[int, int] | None, mode: int | None) -> None:
        self.entries: dict[str, Node] = {}
        self._one = one
        self._tree = tree
        self._owner = owner
        self._mode = mode

    def put(self, path: str, node: Node, *, keep: bool = False, owned: bool = False) -> None:
        """Put ``node`` there; ``keep``: unless there is a folder; ``owned``: its owners are its own."""
        there = self.entries.get(path) or self._tree.get(path)
        is_folder = node.kind == "folder"
        if there is not None and keep and there.kind == "folder":
            return
        if node.kind == "other":
            raise self._one.wrong(f"{path!r} is a device or a pipe, which is not copied")
        if there is not None and (there.kind == "folder") != is_folder:
            what = ("a folder", "none") if is_folder else ("none", "a folder")
            raise self._one.wrong(f"/{path} would be {what[0]}, and is {what[1]} in the image")
        if path:
            self._make_parents(path)
            self.entries[path] = self._finished(node, owned=owned)

    def _make_parents(self, path: str) -> None:
        parent = posixpath.dirname(path)
        there = self.entries.get(parent) or self._tree.get(parent)
        if there is None:
            self._make_parents(parent)
            self.entries[parent] = self._finished(FOLDER, owned=False)
        elif there.kind != "folder":
            raise self._one.wrong(f"/{parent} is no folder in the image")

    def _finished(self, node: Node, *, owned: bool) -> Node:
        if self._owner is not None or not owned:
            uid, gid = self._owner or (0, 0)
            node = replace(node, uid=uid, gid=gid)
        if self._mode is not None and node.kind != "link":
            node = replace(node, mode=self._mode)
        return node


def _globbed(tree: Tree, parts: Sequence[str], at: str = "") -> Iterator[str]:
    if not parts:
        yield at
        return
    first, *rest = parts
    matches = Glob(first.replace("**", "*"))
    folder = tree.resolve(at)
    for name in sorted(tree.below.get(folder, ())):
        if matches(name):
            yield from _globbed(tree, rest, joined(at, name))
