import bz2
import gzip
import io
import lzma
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.modules.containers.images.dockerfiles import DockerfileError
from shared.modules.containers.images.recipes import RecipeError
from tests.modules.containers.building import Workshop

APP = {"app/server.py": "print(1)", "app/lib/a.py": "a", "notes.txt": "n"}


def test_an_image_from_scratch_has_what_was_copied_and_says_how_it_runs(workshop: Workshop) -> None:
    workshop.write(APP)
    built = workshop.build(
        """
        FROM scratch
        ARG PORT=8080
        ENV PORT=$PORT GREETING="hello world"
        LABEL org.example.name=web
        WORKDIR /srv
        COPY app ./app
        COPY notes.txt .
        EXPOSE $PORT 53/udp
        VOLUME /data
        USER 1000:1000
        STOPSIGNAL SIGINT
        ENTRYPOINT ["python3"]
        CMD ["/srv/app/server.py"]
        """
    )
    assert built.files == {
        "srv": "/",
        "srv/app": "/",
        "srv/app/lib": "/",
        "srv/app/lib/a.py": "a",
        "srv/app/server.py": "print(1)",
        "srv/notes.txt": "n",
    }
    assert built.config == {
        "Env": [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PORT=8080",
            "GREETING=hello world",
        ],
        "Labels": {"org.example.name": "web"},
        "WorkingDir": "/srv",
        "ExposedPorts": {"8080/tcp": {}, "53/udp": {}},
        "Volumes": {"/data": {}},
        "User": "1000:1000",
        "StopSignal": "SIGINT",
        "Entrypoint": ["python3"],
        "Cmd": ["/srv/app/server.py"],
    }
    known = built.configuration
    assert (known["os"], known["architecture"], known["created"]) == (
        "linux",
        "amd64",
        "1970-01-01T00:00:00.000000Z",
    )
    assert known["rootfs"]["diff_ids"] == [layer.diff_id for layer in built.image.layers]
    layers = [entry for entry in known["history"] if "empty_layer" not in entry]
    assert len(layers) == len(built.image.layers) == 3
    assert "line 7: COPY app ./app" in built.log


_NAMES = st.text(st.sampled_from("abü .-_"), min_size=1, max_size=4).filter(lambda name: name.strip(" ."))
_FILES = st.dictionaries(_NAMES, st.binary(max_size=50), min_size=1, max_size=6)


@given(_FILES, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_context_gives_the_same_image_whenever_and_in_whatever_order_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], dice: object
) -> None:
    digests = []
    for reverse in (False, True):
        workshop = Workshop(tmp_path_factory.mktemp("w"))
        for number, (name, content) in enumerate(sorted(files.items(), reverse=reverse)):
            place = workshop.context / name
            place.write_bytes(content)
            os.utime(place, (number * 1000, number * 1000 + reverse))
        built = workshop.build('FROM scratch\nCOPY [".", "/x/"]\nWORKDIR /y\n')
        digests.append((built.digests, built.image.configuration))
        assert {path: node.size for path, node in built.tree.walk("x")} == {
            name: len(content) for name, content in files.items()
        }
    assert digests[0] == digests[1]


def test_the_time_of_everything_in_an_image_is_the_one_that_is_asked_for(workshop: Workshop) -> None:
    workshop.write({"a": "a"})
    plain, dated = (
        workshop.build("FROM scratch\nCOPY a /", args=args) for args in ({}, {"SOURCE_DATE_EPOCH": "86400"})
    )
    assert plain.digests != dated.digests
    assert dated.configuration["created"] == "1970-01-02T00:00:00.000000Z"
    with tarfile.open(dated.image.layers[0].path) as layer:
        assert [entry.mtime for entry in layer] == [86400]
    with pytest.raises(RecipeError, match="SOURCE_DATE_EPOCH is 'now'"):
        workshop.build("FROM scratch\nCOPY a /", args={"SOURCE_DATE_EPOCH": "now"})


@pytest.mark.parametrize(
    ("copy", "files"),
    [
        ("a /x", {"x": "A"}),
        ("a /x/", {"x": "/", "x/a": "A"}),
        ("a b /x/", {"x": "/", "x/a": "A", "x/b": "B"}),
        ("a .", {"a": "A"}),
        ("d /x", {"x": "/", "x/c": "C", "x/e": "/"}),
        ("d/ /x/y/", {"x": "/", "x/y": "/", "x/y/c": "C", "x/y/e": "/"}),
        ("[ab] *.txt /x/", {"x": "/", "x/a": "A", "x/b": "B", "x/t.txt": "T"}),
        ("d/c*  /x", {"x": "C"}),
        ('["with space", "/x"]', {"x": "S"}),
        ("to-a /x/", {"x": "/", "x/to-a": "A"}),
        ("--chmod=0640 --chown=7:8 a /x", {"x": "A"}),
        ("/d/c /x", {"x": "C"}),
    ],
)
def test_files_go_where_docker_puts_them(workshop: Workshop, copy: str, files: dict[str, str]) -> None:
    workshop.write({"a": "A", "b": "B", "d/c": "C", "d/e": None, "t.txt": "T", "with space": "S"})
    (workshop.context / "to-a").symlink_to("a")
    built = workshop.build(f"FROM scratch\nCOPY {copy}\n")
    assert built.files == files
    if "--chmod" in copy:
        node = built.tree.nodes["x"]
        assert (node.mode, node.uid, node.gid) == (0o640, 7, 8)


def test_a_stage_takes_files_from_another_and_begins_with_one(workshop: Workshop) -> None:
    workshop.write(APP)
    dockerfile = """
    FROM scratch AS files
    COPY app /app
    COPY --chown=5 notes.txt /app/
    FROM scratch AS unused
    COPY missing /
    FROM files AS more
    ENV A=1
    WORKDIR app
    FROM more
    COPY --from=files /app/lib /lib
    COPY --from=0 /app/notes.txt /n
    """
    built = workshop.build(dockerfile)
    assert built.files["lib/a.py"] == "a"
    assert built.files["n"] == "n"
    assert built.tree.nodes["n"].uid == 0
    assert built.tree.nodes["app/notes.txt"].uid == 5
    assert (built.config["WorkingDir"], built.config["Env"][1]) == ("/app", "A=1")
    assert [*workshop.build(dockerfile, target="files").files] == [
        *("app", "app/lib", "app/lib/a.py", "app/notes.txt", "app/server.py")
    ]


def test_an_image_of_a_registry_is_built_upon(workshop: Workshop) -> None:
    workshop.write(
        {"etc/passwd": "root:x:0:0::/:\nada:x:1000:1001::/:\n", "etc/group": "web:x:33:\n", "f": "F"}
    )
    (workshop.context / "lib").symlink_to("usr/lib")
    (workshop.context / "usr/lib").mkdir(parents=True)
    base = workshop.build('FROM scratch\nENV A=1\nCOPY . /\nENTRYPOINT ["a"]\nCMD ["b"]')
    built = workshop.build(
        "ARG TAG=1\nFROM base:$TAG\nCOPY --chown=ada:web f /lib/f\nCOPY --from=other:1 /f /$A\nENTRYPOINT c",
        images={"base:1": base.base(), "other:1": base.base()},
    )
    assert built.files["usr/lib/f"] == "F"
    assert built.files["lib"] == "usr/lib"
    assert (built.tree.nodes["usr/lib/f"].uid, built.tree.nodes["usr/lib/f"].gid) == (1000, 33)
    assert built.files["1"] == "F"
    assert built.config["Entrypoint"] == ["/bin/sh", "-c", "c"]
    assert "Cmd" not in built.config  # what the base would be called with is forgotten, as by Docker
    assert built.digests[: len(base.digests)] == base.digests
    assert len(built.configuration["history"]) == len(base.configuration["history"]) + 3


def _tar(**files: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.uid, entry.mtime = len(text), 12, 99
            archive.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


@pytest.mark.parametrize("packed", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_add_unpacks_archives_and_copy_does_not(workshop: Workshop, packed: type[bytes]) -> None:
    (workshop.context / "a.tar").write_bytes(packed(_tar(one="1", two="2")))
    (workshop.context / "text").write_text("no archive")
    built = workshop.build("FROM scratch\nADD a.tar /x\nADD text /y/\nCOPY --chmod=600 a.tar /z\n")
    assert {path: built.files[path] for path in ("x/one", "x/two", "y/text")} == {
        "x/one": "1",
        "x/two": "2",
        "y/text": "no archive",
    }
    assert built.tree.nodes["x/one"].uid == 12
    assert built.tree.nodes["z"].size == (workshop.context / "a.tar").stat().st_size


def test_what_dockerignore_leaves_out_cannot_be_copied(workshop: Workshop) -> None:
    workshop.write({".dockerignore": "# none\n**/*.log\n!keep.log\nsecret\n", "a.log": "", "d/b.log": ""})
    workshop.write({"keep.log": "k", "secret/key": "s", "d/c": "c"})
    built = workshop.build("FROM scratch\nCOPY . /x\n")
    assert [*built.files] == ["x", "x/.dockerignore", "x/d", "x/d/c", "x/keep.log"]
    with pytest.raises(DockerfileError, match="line 2: COPY: 'secret/key' is not there"):
        workshop.build("FROM scratch\nCOPY secret/key /\n")


@pytest.mark.parametrize(
    ("instructions", "message"),
    [
        ("RUN make", "line 2: RUN: the built-in builder runs no commands"),
        ("HEALTHCHECK CMD x", "line 2: HEALTHCHECK: images in the OCI format have none"),
        ("ONBUILD COPY a /", "line 2: ONBUILD: "),
        ("ADD https://example.com/a /a", "line 2: ADD: 'https://example.com/a' is not fetched"),
        ("ADD git@example.com:a.git /a", "line 2: ADD: 'git@example.com:a.git' is not fetched"),
        ("COPY ../a /a", "line 2: COPY: '../a' leads out"),
        ("COPY a", "line 2: COPY: it is a source"),
        ("COPY nothing /", "line 2: COPY: 'nothing' is not there"),
        ("COPY *.nothing /", "line 2: COPY: nothing matches '*.nothing'"),
        ("COPY out /", "line 2: COPY: 'out' leads to 'etc/passwd', which is not there"),
        ("COPY a d /x", "line 2: COPY: 2 files or folders go to '/x': it must end with a /"),
        ("COPY a /x\nCOPY d /x", "line 3: COPY: /x would be a folder, and is none in the image"),
        ("COPY a /x\nCOPY a /x/y", "line 3: COPY: /x is no folder in the image"),
        ("COPY --parents a /x", "line 2: COPY: --parents is not supported"),
        ("COPY --chmod=u+x a /x", "line 2: COPY: --chmod=u+x is not supported"),
        ("COPY --chown=ada a /x", "line 2: COPY: --chown: there is no 'ada' in the image's /etc/passwd"),
        ("COPY --from=$X a /x", "line 2: COPY: --from is a stage or an image as it is written"),
        ("COPY --from=7 a /x", "line 2: COPY: there is no stage 7 before it"),
        ("COPY [a /x", "line 2: COPY: the [ is not closed"),
        ("ENV A", "line 2: ENV: 'A' has no value"),
        ("ENV A=1 B", "line 2: ENV: 'B' has no value"),
        ("ENV A=${B:?why}", "line 2: ENV: B has no value: why"),
        ('LABEL a="b', "line 2: LABEL: a double quote is not closed"),
        ("EXPOSE http", "line 2: EXPOSE: 'http' is no port"),
        ("EXPOSE 70000", "line 2: EXPOSE: '70000' is no port"),
        ("SHELL bash", "line 2: SHELL: it is a list"),
        ("ARG 1=2", "line 2: ARG: '1' is no name"),
        ("USER --x y", "line 2: USER: --x is not supported"),
        ("COPY a /x\nWORKDIR /x", "line 3: WORKDIR: /x is no folder in the image"),
        ("WORKDIR " + "/x" * 5000, "line 2: WORKDIR: the path is too long"),
        ("WORKDIR /" + "x/" * 300, "line 2: WORKDIR: the path is too long"),
        ("COPY a " + "/x" * 5000, "line 2: COPY: a path is too long"),
        ("ENV A=0123456789\n" + "ENV A=$A$A\n" * 60, "line 16: ENV: with its names put in, '$A$A' is longer"),
        ("ENV A=" + "x" * 100_000 + "\n" + "".join(f"ENV B{n}=$A\n" for n in range(60)), "line 12: ENV: the"),
        ("ENV A=" + "${A:-" * 50_000, "line 2: ENV: "),
        ("COPY a /x\nWORKDIR /x/y", "line 3: WORKDIR: a part of /x/y is no folder in the image"),
    ],
)
def test_what_cannot_be_done_is_refused_with_instruction_and_line(
    workshop: Workshop, instructions: str, message: str
) -> None:
    workshop.write({"a": "A", "d/c": "C"})
    (workshop.context / "out").symlink_to("/etc/passwd")
    with pytest.raises(DockerfileError) as caught:
        workshop.build(f"FROM scratch\n{instructions}\n")
    assert str(caught.value).startswith(f"Dockerfile {message}")


@pytest.mark.parametrize(
    ("dockerfile", "message"),
    [
        ("ARG A\nFROM $A", "line 2: FROM: '$A' comes to nothing"),
        ("FROM --platform=x scratch", "line 1: FROM: 'x' is no platform"),
        ("FROM --x scratch", "line 1: FROM: --x is not supported"),
        ("ARG A=${B:?no}\nFROM scratch", "line 1: ARG: B has no value: no"),
    ],
)
def test_what_a_stage_cannot_begin_with_is_refused(workshop: Workshop, dockerfile: str, message: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        workshop.build(dockerfile)
    assert str(caught.value).startswith(f"Dockerfile {message}")


def test_a_target_that_is_not_there_is_refused_with_those_that_are(workshop: Workshop) -> None:
    with pytest.raises(RecipeError, match="no stage 'c'; there are: a, 1"):
        workshop.build("FROM scratch AS a\nFROM scratch", target="c")


def test_a_base_with_triggers_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    base = workshop.build("FROM scratch\nWORKDIR /x").base()
    base.configuration["config"]["OnBuild"] = ["RUN x"]
    with pytest.raises(DockerfileError, match="line 1: FROM: base has ONBUILD triggers"):
        workshop.build("FROM base", images={"base": base})
