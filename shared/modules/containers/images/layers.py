"""Layers of images: written the same byte for byte from the same files, and read back into trees.

Source: the OCI image specification, "Image Layer Filesystem Changeset" (tar, ``.wh.`` whiteouts, opaque
folders). What is written has its entries sorted, one time for all of them, no names of users and no time in
the gzip header, so that the digest depends on nothing but paths, modes, owners and contents.
"""

import hashlib
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from shared.modules.containers.images.archives import GZIP, PIECE, ArchiveError, Check
from shared.modules.containers.images.trees import (
    Content,
    Kind,
    Node,
    Part,
    Tree,
    is_too_long,
    joined,
    parts_of,
)

LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
TAR: Final = "application/vnd.oci.image.layer.v1.tar"
LEVEL: Final = 6
MAX_ENTRIES: Final = 500_000
_KINDS: Final[Mapping[bytes, Kind]] = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.CONTTYPE: "file",
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "link",
}
_HARMLESS: Final = frozenset({tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE})
MAX_HEADER: Final = 1024 * 1024
_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer in a file: compressed as ``digest`` and ``size`` say, ``diff_id`` is the tar's own digest."""

    path: Path
    digest: str
    size: int
    diff_id: str
    media_type: str = LAYER


def write_layer(path: Path, entries: Mapping[str, Node], *, time: int, check: Check) -> Layer:
    """The layer of ``entries``, in a new file at ``path``; ``time`` is that of all entries (seconds).

    Raises:
        ArchiveError: a file is not as it was when it was looked at.
        OSError: it cannot be read, or the layer not be written.
    """
    with path.open("xb") as file:
        out = _Compressed(file)
        for name in sorted(entries, key=parts_of):
            check()
            node = entries[name]
            out.write(_header(name, node, time))
            if node.content is not None:
                _copy(name, node, node.content, out, check)
        out.write(bytes(2 * tarfile.BLOCKSIZE))
        return out.close(path)


def _header(name: str, node: Node, time: int) -> bytes:
    info = tarfile.TarInfo(name + ("/" if node.kind == "folder" else ""))
    info.type = {"folder": tarfile.DIRTYPE, "link": tarfile.SYMTYPE}.get(node.kind, tarfile.REGTYPE)
    info.mode = 0o777 if node.kind == "link" else node.mode
    info.uid, info.gid = node.uid, node.gid
    info.size, info.mtime, info.linkname = node.size, time, node.target
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _copy(name: str, node: Node, content: Content, out: "_Compressed", check: Check) -> None:
    left = node.size
    with content.open() as file:
        while left and (piece := file.read(min(PIECE, left))):
            check()
            out.write(piece)
            left -= len(piece)
        if left or file.read(1):
            raise ArchiveError(f"{name} was changed while it was read; build again when nobody writes to it")
    out.write(bytes(-node.size % tarfile.BLOCKSIZE))


class _Compressed:
    """Compresses what is written, and takes both digests on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._zlib = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
        self._plain, self._packed = hashlib.sha256(), hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        self._plain.update(data)
        self._emit(self._zlib.compress(data))

    def close(self, path: Path) -> Layer:
        self._emit(self._zlib.flush())
        digest, diff_id = self._packed.hexdigest(), self._plain.hexdigest()
        return Layer(path, f"sha256:{digest}", self._size, f"sha256:{diff_id}")

    def _emit(self, data: bytes) -> None:
        self._packed.update(data)
        self._size += len(data)
        self._file.write(data)


def apply_layer(tree: Tree, path: Path, *, check: Check) -> None:
    """Put into ``tree`` what the layer's tar at ``path`` changes; what it takes away goes first.

    Raises:
        ArchiveError: it is no tar.
    """
    added: list[tuple[str, Node]] = []
    for name, node in entries_of(path, tree):
        check()
        folder, _, last = name.rpartition("/")
        if last == _OPAQUE:
            tree.clear(folder)
        elif last.startswith(_WHITEOUT):
            tree.remove(joined(folder, last.removeprefix(_WHITEOUT)))
        else:
            added.append((name, node))
    for name, node in added:
        tree.put(name, node)


def entries_of(path: Path, linked: Tree, most: int = MAX_ENTRIES) -> Iterator[tuple[str, Node]]:
    """All entries of the tar at ``path``; hard links lead to others of them, or to what is in ``linked``.

    Raises:
        ArchiveError: it is no tar, or an entry's path leads out of it.
    """
    read: dict[str, Node] = {}
    try:
        with tarfile.open(path, "r:", tarinfo=_Bounded) as archive:
            for _ in range(most):
                member = archive.next()
                if member is None:
                    return
                archive.members = []  # type: ignore[attr-defined]  # it would keep all of them
                if name := safe_name(member.name):
                    read[name] = node = _node(member, path, read, linked)
                    yield name, node
    except (tarfile.TarError, OSError, EOFError, UnicodeError) as error:
        raise ArchiveError(f"it is no tar archive: {error}") from error
    raise ArchiveError(f"it has {most} files or more")


class _Bounded(tarfile.TarInfo):
    """An entry whose long names are not longer than any is; tarfile reads them whole."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type not in _KINDS and self.size > MAX_HEADER and self.type not in _HARMLESS:
            raise tarfile.HeaderError(f"a header has {self.size} bytes")
        return super()._proc_member(archive)  # type: ignore[misc,no-any-return]  # typeshed leaves it out


def _node(member: tarfile.TarInfo, path: Path, read: Mapping[str, Node], linked: Tree) -> Node:
    mode, uid, gid = member.mode & 0o7777, member.uid, member.gid
    if member.islnk():
        target = safe_name(member.linkname)
        node = read.get(target) or linked.get(target)
        if node is None or node.kind == "folder":
            raise ArchiveError(f"{member.name!r} is a hard link to {member.linkname!r}, which is not there")
        return node
    kind = _KINDS.get(member.type, "other")
    if kind == "folder":
        return Node("folder", mode, uid, gid)
    if kind == "link":
        if is_too_long(member.linkname):
            raise ArchiveError(f"the link {member.name!r} leads through too many folders")
        return Node("link", 0o777, uid, gid, target=member.linkname)
    if kind == "other" or member.issparse():
        return Node("other", mode, uid, gid)
    return Node("file", mode, uid, gid, member.size, content=Part(path, member.offset_data, member.size))


def safe_name(name: str) -> str:
    """The path that an archive's entry names, within the archive.

    Raises:
        ArchiveError: it leads out of it.
    """
    parts = parts_of(name)
    if is_too_long(name):
        raise ArchiveError(f"the path {name[:100]!r}… is too long or leads through too many folders")
    if ".." in parts or "\0" in name:
        raise ArchiveError(f"the entry {name!r} leads out of the archive")
    return "/".join(parts)
