"""Layers of images become folders, and nothing else of the machine changes."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from localhost.target.unpacking import Unpacking, resolved
from shared.ports.targets import TargetError

type Entry = bytes | tuple[str, str] | None
"""A file's content, a link (``symlink`` or ``link``, and where to), or a folder."""


def layer(entries: Mapping[str, Entry]) -> io.BytesIO:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, entry in entries.items():
            member = tarfile.TarInfo(name)
            member.mode = 0o755
            match entry:
                case None:
                    member.type = tarfile.DIRTYPE
                case bytes():
                    member.size = len(entry)
                case (kind, target):
                    member.type = tarfile.SYMTYPE if kind == "symlink" else tarfile.LNKTYPE
                    member.linkname = target
            archive.addfile(member, io.BytesIO(entry if isinstance(entry, bytes) else b""))
    content.seek(0)
    return content


def unpacked(root: Path, *layers: Mapping[str, Entry]) -> dict[str, str]:
    """What is there afterwards: every path with its content."""
    root.mkdir()
    unpacking = Unpacking(root)
    for entries in layers:
        unpacking.layer(layer(entries))
    return {
        str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()
    }


def test_a_layer_lies_over_those_below(tmp_path: Path) -> None:
    below = {"app": None, "app/a": b"1", "app/b": b"1"}
    assert unpacked(tmp_path / "root", below, {"app/b": b"2", "app/c/d": b"2"}) == {
        "app/a": "1",
        "app/b": "2",
        "app/c/d": "2",
    }


def test_whiteouts_remove_what_is_below_and_not_what_is_beside_them(tmp_path: Path) -> None:
    below = {"a/x": b"1", "a/y": b"1", "b/x": b"1", "b/sub/y": b"1"}
    above = {"a/.wh.x": b"", "b/new": b"2", "b/.wh..wh..opq": b""}
    assert unpacked(tmp_path / "root", below, above) == {"a/y": "1", "b/new": "2"}


def test_links_of_an_image_lead_to_its_own_files(tmp_path: Path) -> None:
    entries: Mapping[str, Entry] = {
        "usr/bin/tool": b"x",
        "bin": ("symlink", "/usr/bin"),
        "same": ("link", "usr/bin/tool"),
    }
    found = unpacked(tmp_path / "root", entries, {"bin/other": b"y"})
    assert found["usr/bin/other"] == "y"
    assert found["same"] == "x"
    assert resolved(tmp_path / "root", PurePosixPath("/bin/tool")) == tmp_path / "root" / "usr/bin/tool"


@pytest.mark.parametrize(
    "entries",
    [
        {"../evil": b"x"},
        {"a/../../evil": b"x"},
        {"out": ("symlink", "../../.."), "out/evil": b"x"},
        {"out": ("symlink", "/"), "out/evil": b"x"},
        {"hard": ("link", "../secret")},
        {"up": ("symlink", "../.."), "hard": ("link", "up/secret")},
        {"evil": b"x", "a": ("symlink", "b"), "b": ("symlink", "a"), "a/evil": b"x"},
    ],
    ids=["up", "up from below", "by a link", "by a link to all", "hard", "hard by a link", "circle"],
)
def test_nothing_leads_out_of_the_folder(tmp_path: Path, entries: Mapping[str, Entry]) -> None:
    (tmp_path / "secret").write_text("hush")
    (tmp_path / "deep").mkdir()
    try:
        found = unpacked(tmp_path / "deep" / "root", entries)
    except TargetError:
        found = {}
    assert "hush" not in found.values()
    assert {path.name for path in tmp_path.iterdir()} == {"secret", "deep"}
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"root"}


def test_what_is_no_layer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="cannot be unpacked"):
        Unpacking(tmp_path).layer(io.BytesIO(b"nonsense" * 200))
