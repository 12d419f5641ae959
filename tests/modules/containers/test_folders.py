import os
from pathlib import Path

import pytest

from shared.modules.containers.building.folders import Folder, folder_below
from shared.modules.containers.building.sources import IGNORE, Bounds, ContextError, ignored_by
from shared.modules.containers.images.ignoring import Ignored, PatternError
from shared.modules.containers.images.trees import Tree, TreeError
from tests.modules.containers.building import Workshop, never


@pytest.mark.parametrize(
    ("patterns", "ignored", "kept"),
    [
        ("*.log", ["a.log"], ["d/a.log", "a.txt"]),
        ("**/*.log", ["a.log", "d/a.log", "d/e/a.log"], ["a.logs"]),
        ("d", ["d", "d/e", "d/e/f"], ["de", "e/d"]),
        ("/d/", ["d", "d/e"], ["e/d"]),
        ("d/**", ["d/e", "d/e/f"], ["d"]),
        ("d\n!d/e", ["d", "d/f"], ["d/e", "d/e/g"]),
        ("!d/e\nd", ["d/e"], []),
        ("*\n!a\n!d/b", ["c", "d"], ["a", "d/b"]),
        ("a?c", ["abc"], ["ac", "a/c"]),
        ("[a-c]x", ["ax", "cx"], ["dx"]),
        ("[^a]x", ["bx"], ["ax"]),
        ("\\*", ["*"], ["a"]),
        ("# no\n\n  b  ", ["b"], ["# no"]),
        ("./x/../b", ["b"], ["x"]),
        ("d/*/f", ["d/e/f"], ["d/f", "d/e/g/f"]),
    ],
)
def test_dockerignore_leaves_out_what_docker_leaves_out(
    patterns: str, ignored: list[str], kept: list[str]
) -> None:
    leaves_out = Ignored(patterns)
    assert [path for path in (*ignored, *kept) if leaves_out(path)] == ignored


@pytest.mark.parametrize("text", ["a\n!", "[a", "a\\"])
def test_a_pattern_that_cannot_be_read_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(PatternError, match=rf"\.dockerignore line {text.count(chr(10)) + 1}"):
        Ignored(text)


def _read(workshop: Workshop, bounds: Bounds | None = None) -> Tree:
    source = Folder(workshop.context)
    return source.tree(ignored_by(source, "Dockerfile"), bounds or Bounds(), check=never)


def test_a_dockerfile_may_have_a_dockerignore_of_its_own(workshop: Workshop) -> None:
    workshop.write({"a": "", "b": "", IGNORE: "a", f"Dockerfile{IGNORE}": "b"})
    assert "a" in _read(workshop).nodes
    assert "b" not in _read(workshop).nodes


def test_links_within_the_context_are_kept_and_those_that_lead_out_of_it_refused(
    workshop: Workshop,
) -> None:
    (workshop.context / "d").mkdir()
    (workshop.context / "d/in").symlink_to("../x")
    (workshop.context / "absolute").symlink_to("/usr/bin/python3")
    tree = _read(workshop)
    assert (tree.nodes["d/in"].target, tree.nodes["absolute"].target) == ("../x", "/usr/bin/python3")
    (workshop.context / "d/out").symlink_to("../../secret")
    with pytest.raises(ContextError, match="the link 'd/out' leads out of the context"):
        _read(workshop)


def test_a_context_that_is_too_large_is_refused_unless_what_is_too_much_is_left_out(
    workshop: Workshop,
) -> None:
    workshop.write({f"d/{number}": "12345" for number in range(9)})
    for bounds in (Bounds(files=5), Bounds(bytes=40)):
        with pytest.raises(ContextError, match=r"leave out by a \.dockerignore"):
            _read(workshop, bounds)
    workshop.write({IGNORE: "d/[2-9]"})
    assert len(_read(workshop, Bounds(files=5, bytes=40)).nodes) == 4


def test_a_context_that_is_too_deep_is_refused(workshop: Workshop) -> None:
    (workshop.context / "/".join(["d"] * 300)).mkdir(parents=True)
    with pytest.raises(ContextError, match="leads through too many folders"):
        _read(workshop)


def test_what_no_image_can_have_is_refused(workshop: Workshop) -> None:
    os.mkfifo(workshop.context / "pipe")
    with pytest.raises(ContextError, match="'pipe' is neither file, folder nor link"):
        _read(workshop)
    workshop.write({IGNORE: "pipe"})
    (workshop.context / os.fsdecode(b"\xff")).write_text("")
    with pytest.raises(ContextError, match="is not in UTF-8"):
        _read(workshop)


def test_a_file_is_read_through_no_link_and_only_in_the_context(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (workshop.context / "link").symlink_to(tmp_path / "secret")
    (workshop.context / "folder").symlink_to(tmp_path)
    os.mkfifo(workshop.context / "pipe")
    workshop.write({"large": "12345"})
    folder = Folder(workshop.context)
    assert folder.text("none", limit=4) is None
    for path in ("link", "folder/secret", "../secret", str(tmp_path / "secret"), "..", "pipe", "large"):
        with pytest.raises(ContextError):
            folder.text(path, limit=4)


def test_a_file_that_becomes_a_link_meanwhile_is_not_followed(workshop: Workshop, tmp_path: Path) -> None:
    workshop.write({"d/a": "a"})
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/a").write_text("secret")
    content = _read(workshop).nodes["d/a"].content
    assert content is not None
    (workshop.context / "d").rename(workshop.context / "e")
    (workshop.context / "d").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="Not a directory"):
        content.open()


def test_a_path_leads_through_links_within_the_tree_and_never_out_of_it(workshop: Workshop) -> None:
    workshop.write({"usr/lib/a": "", "x/y": ""})
    for link, target in {"lib": "usr/lib", "x/up": "..", "x/root": "/usr", "loop": "loop"}.items():
        (workshop.context / link).symlink_to(target)
    tree = _read(workshop)
    resolved = {path: tree.resolve(path) for path in ("lib/a", "x/up/lib/a", "x/root/../../../usr", "lib/b")}
    assert [*resolved.values()] == ["usr/lib/a", "usr/lib/a", "usr", "usr/lib/b"]
    assert tree.resolve("lib", last=False) == "lib"
    with pytest.raises(TreeError, match="too many links"):
        tree.resolve("loop")


def test_a_context_is_a_folder_below_the_one_that_the_operator_names(
    workshop: Workshop, tmp_path: Path
) -> None:
    workshop.write({"app/Dockerfile": "", "file": ""})
    (tmp_path / "secret").mkdir()
    (workshop.context / "out").symlink_to(tmp_path / "secret")
    (workshop.context / "in").symlink_to("app")
    for named in (".", "app", "./app/", "app/../app"):
        assert folder_below(workshop.context, named).root.is_relative_to(workshop.context)
    for named in ("..", "../secret", "/etc", "out", "in", "file", "none", "app/../../secret", "a\0b"):
        with pytest.raises(ContextError):
            folder_below(workshop.context, named)


def test_the_platforms_own_folder_is_in_no_context(workshop: Workshop) -> None:
    workshop.write({"d/.quantum/key": "k", "d/a": "a", f"d/{IGNORE}": "*\n!.quantum/key\n!a"})
    hidden = workshop.context / "d/.quantum"
    for named, path in {".": "d/.quantum/key", "d": ".quantum/key"}.items():
        folder = folder_below(workshop.context, named, hidden=hidden)
        tree = folder.tree(ignored_by(folder, "Dockerfile"), Bounds(), check=never)
        assert not [one for one in tree.nodes if "quantum" in one]
        assert folder.text(path, limit=9) is None
    for named in ("d/.quantum", "d/.quantum/x"):
        (workshop.context / named).mkdir(exist_ok=True)
        with pytest.raises(ContextError, match="the platform's own folder"):
            folder_below(workshop.context, named, hidden=hidden)
