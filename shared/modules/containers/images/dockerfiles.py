"""Dockerfiles: read into stages and instructions, each with its line, before anything is built.

This is our own reader because no other will do. ``dockerfile-parse`` knows neither the escape directive nor
comments inside a continued line nor here-documents, and reads their lines as instructions. ``dockerfile`` is
BuildKit's own parser, but starts Go's runtime in the process, and its errors have no line; so it is what the
tests hold this against. Neither puts in names.

What is read is the form alone: an instruction that a builder does not support is that builder's to refuse.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from shared.domain.actions import did_you_mean

MAX_BYTES: Final = 512 * 1024
MAX_INSTRUCTIONS: Final = 2000

INSTRUCTIONS: Final = frozenset(
    {
        *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL"),
        *("MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
    }
)
_HEREDOCS: Final = frozenset({"ADD", "COPY", "RUN"})
_HEREDOC: Final = re.compile(r"(?:^|\s)\d*<<-?\s*['\"]?[A-Za-z_]")
_DIRECTIVE: Final = re.compile(r"#[ \t]*([A-Za-z][A-Za-z0-9]*)[ \t]*=[ \t]*(.+?)[ \t]*")
_DIRECTIVES: Final = frozenset({"check", "escape", "syntax"})
_STAGE_NAME: Final = re.compile(r"[a-z][a-z0-9-_.]*")


class DockerfileError(ValueError):
    """Something in a Dockerfile is not as it should be; the message names the line."""

    def __init__(self, line: int, what: str, instruction: str = "") -> None:
        named = f" {instruction}:" if instruction else ""
        super().__init__(f"Dockerfile line {line}:{named} {what}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, with the lines that it goes on in put together."""

    line: int
    name: str
    """In capitals."""
    text: str
    """What stands behind the name and the flags."""
    flags: Mapping[str, str] = field(default_factory=dict[str, str])
    """``--from=build`` as ``from``; one without a value is ``true``."""

    def __str__(self) -> str:
        flags = "".join(f"--{name}={value} " for name, value in self.flags.items())
        return f"{self.name} {flags}{self.text}"

    def wrong(self, what: str) -> DockerfileError:
        """An error about it."""
        return DockerfileError(self.line, what, self.name)

    def listed(self) -> list[str] | None:
        """The strings of a JSON list; None if the text is none, which is the shell's form.

        Raises:
            DockerfileError: it is a list of something else.
        """
        if not self.text.startswith("["):
            return None
        try:
            values = json.loads(self.text)
        except (ValueError, RecursionError):
            return None
        if not all(isinstance(value, str) for value in values):
            raise self.wrong("the list must have strings in double quotes only")
        return [*values]


@dataclass(frozen=True, slots=True)
class Stage:
    """What one FROM begins."""

    index: int
    origin: Instruction
    """The FROM."""
    base: str
    """What it names, with its ``$NAME`` as they stand."""
    name: str
    """What it is called (in small letters), or nothing."""
    instructions: Sequence[Instruction]


@dataclass(frozen=True, slots=True)
class Dockerfile:
    escape: str
    args: Sequence[Instruction]
    """The ARGs before the first FROM."""
    stages: Sequence[Stage]

    def stage(self, name: str, *, before: int | None = None) -> Stage | None:
        """The stage of that name or number, among those ``before`` one; of several, the last."""
        found = [one for one in self.stages[:before] if name.lower() == one.name or name == str(one.index)]
        return found[-1] if found else None


def parse(raw: bytes) -> Dockerfile:
    """The Dockerfile in ``raw``.

    Raises:
        DockerfileError: it is none, and where.
    """
    if len(raw) > MAX_BYTES:
        raise DockerfileError(1, f"it has more than {MAX_BYTES} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DockerfileError(line, "it is not text in UTF-8") from error
    lines = re.split(r"\r?\n", text)
    escape = _escape(lines)
    instructions = [_instruction(line, joined, escape) for line, joined in _joined(lines, escape)]
    if len(instructions) > MAX_INSTRUCTIONS:
        last = instructions[MAX_INSTRUCTIONS]
        raise last.wrong(f"there may be {MAX_INSTRUCTIONS} instructions")
    return _staged(instructions, escape)


def _escape(lines: Sequence[str]) -> str:
    """What the directive says that continues lines; it must stand on top, where comments may not."""
    seen: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if (match := _DIRECTIVE.fullmatch(line.strip())) is None:
            break
        name, value = match[1].lower(), match[2]
        if name not in _DIRECTIVES:
            continue
        if name in seen:
            raise DockerfileError(number, f"the directive '{name}' may stand there once")
        if name == "escape" and value not in {"\\", "`"}:
            raise DockerfileError(number, f"the directive 'escape' is {value!r}: it must be \\ or `")
        seen[name] = value
    return seen.get("escape", "\\")


def _joined(lines: Sequence[str], escape: str) -> Iterator[tuple[int, str]]:
    """Each instruction in one line, with the number of its first."""
    goes_on = re.compile(rf"(?:(?<=[^{re.escape(escape)}])|^){re.escape(escape)}[ \t]*$")
    started, parts = 0, list[str]()
    for number, raw in enumerate(lines, 1):
        line = raw if parts else raw.lstrip()
        if line.lstrip().startswith("#") or not line.strip():
            continue  # also in the middle of an instruction
        if not parts:
            started = number
        cut = goes_on.sub("", line)
        parts.append(cut)
        if cut == line:
            yield started, "".join(parts).strip()
            parts = []
    if parts and (rest := "".join(parts).strip()):
        yield started, rest


def _instruction(line: int, joined: str, escape: str) -> Instruction:
    name, *rest = joined.split(maxsplit=1)
    name = name.upper()
    if name not in INSTRUCTIONS:
        shown = name if len(name) <= 40 else name[:39] + "…"
        raise DockerfileError(line, f"there is no instruction {shown!r}{did_you_mean(name, INSTRUCTIONS)}")
    flags, text = _flags("".join(rest), escape)
    made = Instruction(line, name, text, flags)
    if not text and name not in {"CMD", "ENTRYPOINT"}:
        raise made.wrong("something must stand behind it")
    if name in _HEREDOCS and _HEREDOC.search(text):
        raise made.wrong("here-documents (<<EOF) are not supported; put the text into a file of the context")
    return made


def _flags(text: str, escape: str) -> tuple[dict[str, str], str]:
    flags: dict[str, str] = {}
    word = re.compile(rf"--([a-z][a-z-]*)(?:=((?:{re.escape(escape)}.|[^\s])*))?(?:\s+|$)")
    while match := word.match(text):
        value = "true" if match[2] is None else match[2].strip("\"'")
        # RUN may have several of one; where there may be but one, both together make no sense.
        flags[match[1]] = f"{flags[match[1]]} {value}" if match[1] in flags else value
        text = text[match.end() :]
    return flags, text


def _staged(instructions: Sequence[Instruction], escape: str) -> Dockerfile:
    if not instructions:
        raise DockerfileError(1, "it has no instructions")
    starts = [at for at, one in enumerate(instructions) if one.name == "FROM"]
    before = instructions[: starts[0] if starts else None]
    for one in before:
        if one.name != "ARG":
            raise one.wrong("it must stand behind a FROM")
    if not starts:
        raise before[-1].wrong("there is no FROM")
    ends = [*starts[1:], len(instructions)]
    stages = [
        _stage(index, instructions[start], instructions[start + 1 : end])
        for index, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]
    return Dockerfile(escape, before, stages)


def _stage(index: int, origin: Instruction, instructions: Sequence[Instruction]) -> Stage:
    words = origin.text.split()
    named = len(words) == 3 and words[1].upper() == "AS"
    if not named and len(words) != 1:
        raise origin.wrong("it is 'FROM image' or 'FROM image AS name'")
    name = words[2].lower() if named else ""
    if named and not _STAGE_NAME.fullmatch(name):
        raise origin.wrong(f"{words[2]!r} is no name of a stage: a letter, then letters, digits, - _ .")
    return Stage(index, origin, words[0], name, instructions)
