"""The page on modules does what it says: the reference module is put, run, tried and deleted."""

import json
import re
import socket

from examples import hosting
from tests.docs.pages import commands_of, needs_curl, run, text_of

COMMANDS = commands_of("modules.md")


def free_port() -> str:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return str(made.getsockname()[1])


@needs_curl
def test_a_module_is_put_used_tried_and_deleted(host: hosting.Host) -> None:
    script = "trap 'kill ${MODULE:-} 2>/dev/null || true' EXIT\n" + COMMANDS.replace("7080", free_port())
    shown = run(script, host).stdout
    execution, end = json.JSONDecoder().raw_decode(shown)
    assert execution["status"] == "completed", execution
    assert execution["outputs"] == {"address": "review-7.test", "healthy": True}
    rest = shown[end:].split("\n")
    kit, key, circuit, refused, gone = [line for line in rest if line]
    assert kit == "it keeps the contract"
    assert "'number': 2" in key
    assert "'state': 'closed'" in circuit
    assert (refused, gone) == ("CONFLICT", "NOT_FOUND")


def test_the_verifier_is_as_short_as_the_page_says() -> None:
    source = (hosting.ROOT / "examples/modules/signatures.py").read_text()
    code = re.sub(r'""".*?"""', "", source, flags=re.DOTALL)
    assert "twenty lines" in text_of("modules.md")
    assert len([line for line in code.splitlines() if line.strip()]) <= 25
