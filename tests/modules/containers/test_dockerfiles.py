import json
import random
import secrets
import subprocess
import sys

import pytest

from shared.modules.containers.images.dockerfiles import MAX_BYTES, DockerfileError, Instruction, parse
from shared.modules.containers.images.words import WordError, expanded

FULL = """\
# syntax=docker/dockerfile:1
# escape=`

# what follows is no directive any more
# escape=\\
ARG BASE=python:3.13
FROM --platform=linux/amd64 $BASE AS Build
copy --from=0 --chown=1:2 ["a b", "c/"]
ENV ONE=1 `
  # a comment in between

    TWO="2 and 3"
   \tRUN\tmake `
all
FROM scratch
CMD [ "x", "y" ]
"""


def _all(text: str) -> list[Instruction]:
    dockerfile = parse(text.encode())
    stages = [one for stage in dockerfile.stages for one in (stage.origin, *stage.instructions)]
    return [*dockerfile.args, *stages]


def test_a_dockerfile_is_read_into_stages_with_lines() -> None:
    dockerfile = parse(FULL.encode())
    assert dockerfile.escape == "`"
    assert [(stage.name, stage.base) for stage in dockerfile.stages] == [("build", "$BASE"), ("", "scratch")]
    assert [(one.line, one.name, one.text) for one in _all(FULL)] == [
        (6, "ARG", "BASE=python:3.13"),
        (7, "FROM", "$BASE AS Build"),
        (8, "COPY", '["a b", "c/"]'),
        (9, "ENV", 'ONE=1     TWO="2 and 3"'),
        (13, "RUN", "make all"),
        (15, "FROM", "scratch"),
        (16, "CMD", '[ "x", "y" ]'),
    ]
    copy, command = dockerfile.stages[0].instructions[0], dockerfile.stages[1].instructions[0]
    assert (copy.flags, copy.listed()) == ({"from": "0", "chown": "1:2"}, ["a b", "c/"])
    assert command.listed() == ["x", "y"]


def test_a_stage_is_found_by_its_name_or_its_number() -> None:
    dockerfile = parse(b"FROM a AS one\nFROM b AS two\n")
    assert dockerfile.stage("ONE") is dockerfile.stages[0]
    assert dockerfile.stage("1") is dockerfile.stages[1]
    assert dockerfile.stage("two", before=1) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: it has no instructions"),
        ("# only this\n", "line 1: it has no instructions"),
        ("FORM scratch", "line 1: there is no instruction 'FORM'; did you mean 'FROM'?"),
        ("\n\nCOPY a b\nFROM x", "line 3: COPY: it must stand behind a FROM"),
        ("ARG A=1", "line 1: ARG: there is no FROM"),
        ("FROM", "line 1: FROM: something must stand behind it"),
        ("FROM a b", "line 1: FROM: it is 'FROM image' or 'FROM image AS name'"),
        ("FROM a AS 1", "line 1: FROM: '1' is no name of a stage"),
        ("FROM x\n\nCOPY <<EOF /a\nhi\nEOF", "line 3: COPY: here-documents"),
        ('FROM x\nRUN python - <<"END"\n', "line 2: RUN: here-documents"),
        ("# escape=x\nFROM a", "line 1: the directive 'escape' is 'x'"),
        ("# escape=`\n# escape=`\nFROM a", "line 2: the directive 'escape' may stand there once"),
        ("FROM x\nENV A=1 \\\n B=2\nFOO", "line 4: there is no instruction 'FOO'"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, message: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        parse(text.encode())
    assert str(caught.value).startswith(f"Dockerfile {message}")


@pytest.mark.parametrize(
    ("raw", "line"),
    [(b"FROM a\nLABEL x=\xff", 2), (b"FROM a\n" * MAX_BYTES, 1), (b"FROM a\n" + b"USER 1\n" * 2000, 2001)],
)
def test_what_is_no_text_or_too_much_is_refused(raw: bytes, line: int) -> None:
    with pytest.raises(DockerfileError) as caught:
        parse(raw)
    assert caught.value.line == line


def test_a_list_of_something_else_than_strings_is_refused_and_what_is_no_list_is_the_shells() -> None:
    _, *commands = _all("FROM x\nCMD ['a', 'b']\nCMD [1]\nCMD a b")
    assert [commands[0].listed(), commands[2].listed()] == [None, None]
    with pytest.raises(DockerfileError, match="line 3: CMD: the list must have strings"):
        commands[1].listed()
    assert _all("FROM x\nCMD " + "[" * 100_000)[1].listed() is None


_ORACLE = """
import json, sys, dockerfile
def read(text):
    try:
        return [[c.start_line, c.cmd.upper(), list(c.flags)] for c in dockerfile.parse_string(text) if c.cmd]
    except dockerfile.GoParseError:
        return None
print(json.dumps([read(text) for text in json.load(sys.stdin)]))
"""
_LINES = [
    *("FROM a", "COPY --from=0 --link a b", 'CMD ["a", "b"]', "run make \\", "  all", "# note", "   ", ""),
    *("ENV A=1 \\", "ENV B=2 \\ ", "ENV C=3 \\\\", "\tLABEL d=e", "USER 1 # no", "VOLUME /a\\", "\\"),
    *("# escape=`", "# escape=\\", "WORKDIR /a`", "EXPOSE 80 `", "onbuild RUN x", "add --chown=1:2 c d"),
]


def test_instructions_lines_and_flags_are_those_that_buildkit_reads() -> None:
    seed = secrets.randbits(32)
    dice = random.Random(seed)
    texts = ["FROM z\n" * dice.randint(0, 1) + "\n".join(dice.choices(_LINES, k=8)) for _ in range(3000)]
    # Go's runtime stays in the process that it was loaded into.
    ran = subprocess.run(
        [sys.executable, "-c", _ORACLE], input=json.dumps(texts), capture_output=True, text=True, check=True
    )
    compared = 0
    for text, theirs in zip(texts, json.loads(ran.stdout), strict=True):
        try:
            ours = [[one.line, one.name, [_flag(*flag) for flag in one.flags.items()]] for one in _all(text)]
        except DockerfileError:
            continue  # it knows the names of instructions and what must stand behind them, BuildKit not yet
        if theirs is not None:  # which takes ENV and LABEL apart at once, and finds their faults
            assert ours == theirs, f"seed {seed}: {text!r}"
            compared += 1
    assert compared > 50, seed


def _flag(name: str, value: str) -> str:
    return f"--{name}" if value == "true" else f"--{name}={value}"


NAMES = {"A": "a", "EMPTY": "", "B_2": "b"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$A${B_2}$A_", "ab"),
        ("${EMPTY:-x}${EMPTY-x}${NONE-y}${NONE:-$A}", "xya"),
        ("${A:+set}${EMPTY:+set}${EMPTY+set}", "setset"),
        ("${A:?why}", "a"),
        ("\\$A '$A' \"$A\" \"\\$A\" '\\'", "$A $A a $A \\"),
        ("a\\ b", "a b"),
        ('"a\\b"', "a\\b"),
        ("$ $1 $@x", "$  x"),
        ("${NONE:-{}}", "{}"),
        ("ü$A", "üa"),
    ],
)
def test_names_are_put_in_and_quotes_taken_off(text: str, value: str) -> None:
    assert expanded(text, NAMES) == value


@pytest.mark.parametrize("text", ["'a", '"a', "${A", "${}", "${A:?", "${A#x}", "${NONE:?it is needed}"])
def test_a_word_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(WordError):
        expanded(text, NAMES)


def test_what_escapes_is_what_the_directive_says() -> None:
    assert expanded("C:\\a `$A", NAMES, "`") == "C:\\a $A"
