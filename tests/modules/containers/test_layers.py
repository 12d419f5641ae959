import gzip
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from shared.modules.containers.images.archives import ArchiveError, decompressed
from shared.modules.containers.images.layers import apply_layer, entries_of, write_layer
from shared.modules.containers.images.trees import Beneath, Node, Part, Tree
from tests.modules.containers.building import never


def _layer(path: Path, *entries: tarfile.TarInfo | str) -> Path:
    """A tar with these entries: files whose content is their name, unless they are something else."""
    with tarfile.open(path, "w") as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry) if isinstance(entry, str) else entry
            content = info.name.encode() if info.isreg() else b""
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def _entry(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def _tree(tmp_path: Path, *layers_of_entries: Sequence[tarfile.TarInfo | str]) -> Tree:
    tree = Tree()
    for count, entries in enumerate(layers_of_entries):
        apply_layer(tree, _layer(tmp_path / f"{count}.tar", *entries), check=never)
    return tree


def test_a_layer_adds_replaces_and_takes_away(tmp_path: Path) -> None:
    tree = _tree(
        tmp_path,
        ["a", "d/e", "d/f", "g/h", "i/j", _entry("k", tarfile.SYMTYPE, "a")],
        ["d/.wh.e", "g/new", "g/.wh..wh..opq", "i", ".wh.none", _entry("l", tarfile.LNKTYPE, "a")],
    )
    assert sorted(tree.nodes) == ["a", "d", "d/f", "g", "g/new", "i", "k", "l"]
    assert tree.nodes["i"].kind == "file"
    content = tree.nodes["l"].content
    assert content is not None
    with content.open() as file:
        assert file.read() == b"a"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (_entry("../out", tarfile.REGTYPE), "leads out of the archive"),
        (_entry("a/../../out", tarfile.DIRTYPE), "leads out of the archive"),
        (_entry("x", tarfile.LNKTYPE, "../out"), "leads out of the archive"),
        (_entry("x", tarfile.LNKTYPE, "none"), "which is not there"),
        (_entry("x/" * 1000, tarfile.DIRTYPE), "leads through too many folders"),
        (_entry("x" * 5000, tarfile.REGTYPE), "is too long"),
        (_entry("x", tarfile.SYMTYPE, "y/" * 1000), "leads through too many folders"),
    ],
    ids=["up", "up-within", "hard-link-up", "hard-link-nowhere", "deep", "long", "deep-link"],
)
def test_what_leads_out_of_an_archive_is_refused(
    tmp_path: Path, entry: tarfile.TarInfo, message: str
) -> None:
    with pytest.raises(ArchiveError, match=message):
        _tree(tmp_path, [entry])


def test_a_device_is_known_and_cannot_be_copied(tmp_path: Path) -> None:
    assert _tree(tmp_path, [_entry("null", tarfile.CHRTYPE)]).nodes["null"].kind == "other"


def test_what_is_no_tar_or_has_too_much_in_it_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.write_bytes(b"no tar" * 200)
    with pytest.raises(ArchiveError, match="it is no tar archive"):
        apply_layer(Tree(), bad, check=never)
    good = _layer(tmp_path / "good", "a", "b", "c")
    assert len([*entries_of(good, Tree(), most=4)]) == 3
    with pytest.raises(ArchiveError, match="2 files or more"):
        list(entries_of(good, Tree(), most=2))


def test_a_header_that_is_larger_than_any_name_is_not_read(tmp_path: Path) -> None:
    header = _entry("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    header.size = 2 * 1024 * 1024
    path = tmp_path / "long.tar"
    path.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + b"x" * header.size)
    with pytest.raises(ArchiveError, match="a header has 2097152 bytes"):
        apply_layer(Tree(), path, check=never)


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (gzip.compress(bytes(100_000)), "it is too large when it is decompressed"),
        (gzip.compress(b"x" * 500)[:-12], "it ends too early"),
        (b"\x1f\x8bnonsense", "it cannot be decompressed"),
        (b"\x28\xb5\x2f\xfd" + bytes(50), "zstd"),
        (b"BZh9" + bytes(50), "it cannot be decompressed"),
        (b"\xfd7zXZ\x00" + bytes(50), "it cannot be decompressed"),
    ],
    ids=["too-large", "cut", "gzip", "zstd", "bzip2", "xz"],
)
def test_what_cannot_be_decompressed_is_refused(tmp_path: Path, packed: bytes, message: str) -> None:
    (tmp_path / "packed").write_bytes(packed)
    with pytest.raises(ArchiveError, match=message):
        decompressed(Beneath(tmp_path, "packed"), tmp_path / "plain", limit=50_000, check=never)


def test_a_file_that_changes_while_it_is_read_fails_the_layer(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    for size in (4, 6):
        node = Node("file", 0o644, size=size, content=Beneath(tmp_path, "file"))
        with pytest.raises(ArchiveError, match="f was changed while it was read"):
            write_layer(tmp_path / f"layer-{size}", {"f": node}, time=0, check=never)


def test_a_layer_is_given_up_when_nobody_wants_it_any_more(tmp_path: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    (tmp_path / "file").write_bytes(b"1")
    node = Node("file", size=1, content=Part(tmp_path / "file", 0, 1))
    with pytest.raises(KeyboardInterrupt):
        write_layer(tmp_path / "layer", {"f": node}, time=0, check=stop)
