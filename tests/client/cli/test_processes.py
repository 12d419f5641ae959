"""The command as a process: its exit status in each case, pipes, signals, and what is wrong around it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from examples import hosting
from quantum.cli.exits import Exit
from tests.client.cli.conftest import Command
from tests.client.cli.terminal import Terminal
from tests.client.cli.test_story import FAILING, said, written
from tests.client.conftest import token_of
from tests.client.script import Script, answer, problem
from tests.tls import self_signed, server_context

QUANTUM = [sys.executable, "-m", "quantum.cli"]
HERE = {"PYTHONPATH": str(hosting.ROOT)}


@pytest.fixture
def failing(quantum: Command, tmp_path: Path) -> str:
    quantum.ok("intents", "apply", "-y", "-f", str(written(tmp_path, "process-fails", FAILING)))
    return "process-fails"


def test_each_exit_status_is_that_of_the_process(quantum: Command, failing: str, tmp_path: Path) -> None:
    for status, words in (
        (Exit.OK, ("intents", "get", failing)),
        (Exit.FAILED, ("execute", failing, "--watch")),
        (Exit.USAGE, ("intents", "validate", str(tmp_path / "nowhere.yaml"))),
        (Exit.USAGE, ("intents", "list", "--no-such-option")),
        (Exit.USAGE, ("executions", "cancel")),
        (Exit.NOT_FOUND, ("executions", "get", "nowhere")),
        (Exit.CONFLICT, ("execute", failing, "--plan", "sha256:" + "0" * 64)),
    ):
        ran = quantum.spawn(*words)
        assert ran.returncode == status, ran
        assert "Traceback" not in ran.stderr
    assert quantum.forked("whoami", QUANTUM_TOKEN="nonsense").returncode == Exit.AUTHENTICATION


async def test_a_token_that_is_refused_is_told_with_what_to_do(quantum: Command, script: Script) -> None:
    script.lines = [problem(401, "UNAUTHENTICATED")]
    ran = await ask(quantum, script.url, "whoami")
    assert (ran.returncode, "quantum login" in ran.stderr) == (Exit.AUTHENTICATION, True)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("intents list", Exit.UNREAD),
        ("intents schema", Exit.UNREAD),
        ("audit export -", Exit.UNREAD),
        ("--help", Exit.FAILED),  # as rich, which shows it, has it
    ],
)
def test_a_reader_that_goes_away_early_is_no_trouble(
    quantum: Command, failing: str, words: str, status: Exit
) -> None:
    assert failing
    command = subprocess.Popen(
        [*QUANTUM, *words.split()],
        env=os.environ | quantum.environment | HERE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert command.stdout is not None
    command.stdout.close()  # before it has said anything
    assert command.stderr is not None
    assert (command.stderr.read(), command.wait(60)) == (b"", status)
    command.stderr.close()


def test_ids_are_read_from_standard_input_and_one_that_fails_stops_no_other(
    quantum: Command, tmp_path: Path
) -> None:
    rest = {"steps": [{"id": "rest", "action": "wait", "seconds": 600}]}
    quantum.ok("intents", "apply", "-y", "-f", str(written(tmp_path, "process-rests", rest)))
    ids = [quantum.ok("execute", "process-rests").strip() for _ in range(2)]
    ran = quantum.forked("executions", "cancel", "-", stdin=f"{ids[0]}\nnowhere\n\n {ids[1]} {ids[0]}\n")
    assert ran.returncode == Exit.NOT_FOUND
    assert [line.split()[0] for line in ran.stdout.splitlines()] == ids
    assert "nowhere" in ran.stderr
    assert quantum.forked("executions", "cancel", "-").returncode == 0, "of nothing, nothing"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff\xfe", "it is no text in UTF-8 (byte 0)"),
        (b"name: \x00", "special characters are not allowed"),
        (b"[1, 2]", "has a list where an object is meant"),
        (b"{" * 100_000, "cannot be read"),
        (b"name: [", "cannot be read"),
        (b"when: 2024-01-04", "cannot be read: Object of type date is not JSON serializable"),
    ],
)
def test_a_file_that_is_none_is_told_with_its_name(
    quantum: Command, tmp_path: Path, content: bytes, told: str
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_bytes(content)
    ran = quantum("intents", "validate", str(file))
    assert (ran.exit_code, ran.stderr.startswith(f"quantum: {file} ")) == (Exit.USAGE, True)
    assert told in ran.stderr


def test_a_file_with_a_mark_at_its_beginning_is_read(quantum: Command, tmp_path: Path) -> None:
    file = tmp_path / "marked.json"
    text = '{"name": "marked", "definition": {"steps": [{"action": "transform", "value": 1}]}}'
    file.write_text(text, encoding="utf-8-sig")
    assert f"✓ {file} (marked)" in quantum.ok("intents", "validate", str(file))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_other_encodings_have_other_signs_and_no_errors(
    quantum: Command, tmp_path: Path, encoding: str
) -> None:
    file = written(tmp_path, "process-signs", said("東京"), description="東京")
    ran = subprocess.run(
        [*QUANTUM, "intents", "validate", str(file)],
        env=os.environ | quantum.environment | HERE | {"PYTHONIOENCODING": encoding, "LC_ALL": "C"},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout.decode(encoding).startswith(f"+ {file} (process-signs)")
    quantum.ok("intents", "apply", "-y", "-f", str(file))
    ran = subprocess.run(
        [*QUANTUM, "intents", "get", "process-signs"],
        env=os.environ | quantum.environment | HERE | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert b"description  ??" in ran.stdout


async def ask(quantum: Command, url: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    asking = Command({**quantum.environment, "QUANTUM_URL": url, **more})
    return await asyncio.to_thread(asking.forked, *words)


async def test_what_is_no_platform_is_told_as_such(quantum: Command, script: Script) -> None:
    script.lines = [b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n<htm>"]
    ran = await ask(quantum, script.url, "whoami")
    assert (ran.returncode, "is the platform there" in ran.stderr) == (Exit.FAILED, True)
    script.lines = [b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n<htm>"]
    ran = await ask(quantum, script.url, "whoami")
    assert (ran.returncode, "not by the platform" in ran.stderr) == (Exit.NOT_FOUND, True)
    script.lines = [b"SSH-2.0-OpenSSH_9.2\r\n"]
    ran = await ask(quantum, script.url, "whoami")
    assert (ran.returncode, "does not answer" in ran.stderr) == (Exit.FAILED, True)


async def test_a_later_platform_is_understood_as_far_as_it_goes(quantum: Command, script: Script) -> None:
    intent = {"id": "a-v1", "name": "a", "version": 1, "mood": "new in release 9", "status": "active"}
    script.lines = [answer(body={"items": [intent], "next_cursor": None, "colour": "blue"})]
    ran = await ask(quantum, script.url, "intents", "list")
    assert (ran.returncode, "no newer than this client" in ran.stderr) == (Exit.FAILED, True), ran
    script.lines = [problem(418, "TEAPOT")]
    ran = await ask(quantum, script.url, "intents", "list")
    assert (ran.returncode, "TEAPOT: so it is scripted" in ran.stderr) == (Exit.FAILED, True)
    script.lines = [problem(500, "INTERNAL")]
    ran = await ask(quantum, script.url, "intents", "list")
    assert (ran.returncode, "quote the request r-1" in ran.stderr) == (Exit.FAILED, True)


async def test_who_is_not_trusted_is_given_no_token(quantum: Command, tmp_path: Path) -> None:
    certificate = self_signed(tmp_path, "127.0.0.1")
    heard: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer(body={"status": "ok", "release": "9.9.9"}))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0, ssl=server_context(certificate))
    async with server:
        port = server.sockets[0].getsockname()[1]
        ran = await ask(quantum, f"https://127.0.0.1:{port}", "whoami")
        assert (ran.returncode, "SSL_CERT_FILE" in ran.stderr) == (Exit.FAILED, True), ran
        assert heard == []
        trusted = {"SSL_CERT_FILE": str(certificate)}
        ran = await ask(quantum, f"https://127.0.0.1:{port}", "--version", **trusted)
        assert "platform 9.9.9" in ran.stdout, ran
        ran = await ask(quantum, f"http://127.0.0.1:{port}", "whoami")
        assert (ran.returncode, "Traceback" in ran.stderr) == (Exit.FAILED, False)
        ran = await ask(quantum, quantum.environment["QUANTUM_URL"].replace("http:", "https:"), "whoami")
        assert (ran.returncode, "speaks no TLS" in ran.stderr) == (Exit.FAILED, True)


@contextmanager
def terminal(quantum: Command, *words: str, **environment: str) -> Iterator[Terminal]:
    made = Terminal([*QUANTUM, *words], {**quantum.environment, **environment})
    yield made
    if made.process.poll() is None:
        made.process.kill()


async def test_ctrl_c_ends_whatever_a_person_waits_for(quantum: Command, tmp_path: Path) -> None:
    def interrupt(*words: str, until: str, **environment: str) -> tuple[int, str]:
        with terminal(quantum, *words, **environment) as made:
            made.until(until)
            made.interrupt()
            return made.end(), made.text

    slow = asyncio.Event()

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await slow.wait()
        writer.close()

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for words in (["intents", "list"], ["executions", "watch", "x"], ["--version"]):
            ended = await asyncio.to_thread(interrupt, *words, until="asking the platform", QUANTUM_URL=url)
            assert (ended[0], "Traceback" in ended[1]) == (Exit.INTERRUPTED, False), ended
        slow.set()
    file = written(tmp_path, "process-never", said(1))
    status, text = await asyncio.to_thread(
        interrupt, "intents", "apply", "-f", str(file), until=r"Change 1 intent\? \[y/N\]"
    )
    assert (status, "nothing was done" in text) == (Exit.INTERRUPTED, True)
    ran = await ask(quantum, quantum.environment["QUANTUM_URL"], "intents", "get", "process-never")
    assert ran.returncode == Exit.NOT_FOUND


def test_a_question_is_answered(quantum: Command, tmp_path: Path) -> None:
    file = written(tmp_path, "process-asked", said(1))
    for typed, status, made in (
        ("n\n", Exit.FAILED, False),
        ("\n", Exit.FAILED, False),
        ("y\n", Exit.OK, True),
    ):
        with terminal(quantum, "intents", "apply", "-f", str(file)) as asked:
            asked.until(r"\[y/N\]")
            asked.type(typed)
            assert asked.end() == status
            assert ("process-asked-v1 created" in asked.text) == made


def test_a_folder_of_many_is_applied_and_ctrl_c_in_the_middle_says_how_far_it_is(
    quantum: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(60):
        written(folder, f"many-{number:02}", said(number), labels={"of": "many"}, description="one")
    command = subprocess.Popen(
        [*QUANTUM, "intents", "apply", "-y", "-f", str(folder)],
        env=os.environ | quantum.environment | HERE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert command.stdout is not None
    for line in command.stdout:
        if line.startswith("many-03-v1 created"):
            os.killpg(command.pid, signal.SIGINT)
            break
    rest, told = command.communicate(timeout=60)
    assert command.returncode == Exit.INTERRUPTED
    done = 4 + rest.count(" created")
    assert f"{done} of 60 are done" in told
    assert "Traceback" not in told
    there = quantum.ok("intents", "list", "--label", "of:many", "--limit", "200", "-o", "ids").split()
    assert done <= len(there) <= done + 1, "the one that was under way may have arrived"
    quantum.ok("intents", "archive", "-", stdin="\n".join(there))


async def test_waits_are_told_with_their_cause(quantum: Command, script: Script) -> None:
    me: dict[str, object] = {
        "principal": "ada@acme",
        "subject": "ada",
        "issuer": "i",
        "tenant_id": "acme",
        "tenants": [],
    }
    me |= {"kind": "user", "roles": [], "attributes": {}, "operations": []}
    script.lines = [problem(429, "RATE_LIMITED", Retry_After="3"), answer(body=me)]
    ran = await ask(quantum, script.url, "whoami")
    assert "RATE_LIMITED: so it is scripted; asking again in 3 s" in ran.stderr
    assert len(script.asked) == 2


async def test_who_is_in_several_tenants_is_told_how_to_say_which(quantum: Command, script: Script) -> None:
    told = problem(400, "BAD_REQUEST").replace(b"so it is scripted", b"use X-Tenant-ID!!")
    script.lines = [told]
    ran = await ask(quantum, script.url, "whoami")
    assert (ran.returncode, "quantum tenant use" in ran.stderr) == (Exit.USAGE, True), ran


def test_a_secret_is_typed_unseen_and_twice(quantum: Command) -> None:
    with terminal(quantum, "secrets", "set", "TYPED_TOKEN") as typed:
        typed.until("Value: ")
        typed.type("made by chance\n")
        typed.until("Repeat for confirmation: ")
        typed.type("made by chance\n")
        assert typed.end() == 0
        assert "TYPED_TOKEN has version 1" in typed.text
        assert "chance" not in typed.text
    with terminal(quantum, "secrets", "set", "TYPED_TOKEN") as typed:
        typed.until("Value: ")
        typed.interrupt()
        assert (typed.end(), "nothing was done" in typed.text) == (Exit.INTERRUPTED, True)


def test_the_name_of_what_is_erased_has_to_be_typed(quantum: Command, host: hosting.Host) -> None:
    root = token_of(host, tenant="platform", user="root", role="platform-admin")
    administrator = Command({**quantum.environment, "QUANTUM_TOKEN": root, "QUANTUM_TENANT": "platform"})
    first = ("--user", "eve", "--issuer", "urn:quantum:local", "--subject", "eve")
    administrator.ok("tenant", "create", "typed-away", *first)
    administrator.ok("tenant", "suspend", "typed-away", "--reason", "it is over")
    for name, status in (("typed-awry", Exit.USAGE), ("typed-away", Exit.OK)):
        with terminal(administrator, "tenant", "erase", "typed-away") as asked:
            asked.until(r"type its name \(typed-away\): ")
            asked.type(f"{name}\n")
            assert asked.end() == status
    assert "eras" in administrator.ok("tenant", "get", "typed-away")
