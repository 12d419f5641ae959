"""The contract kit: the reference module keeps the contract, and each way of breaking it is found."""

import base64
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, override

import httpx
import pytest

from examples.modules.provisioner import MANIFEST, Call, Provisioner, Server
from examples.modules.signatures import TOLERANCE, is_signed
from quantum.module_kit.__main__ import Finding, check, main
from quantum.module_kit.endpoint import Endpoint, signed

KEY = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def only(*names: str, **changed: Any) -> Mapping[str, Any]:
    """The manifest with these actions alone, each of them with what is changed."""
    return {**MANIFEST, "actions": {name: {**MANIFEST["actions"][name], **changed} for name in names}}


def findings(server: Server) -> list[Finding]:
    with serving(server), httpx.Client(trust_env=False) as client:
        return list(check(Endpoint(server.url, KEY, client, f"{server.url}/state")))


def test_the_reference_module_keeps_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(Server([KEY])) as server:
        assert main([server.url, "--key", KEY, "--observe", f"{server.url}/state"]) == 0
    assert capsys.readouterr().out == "it keeps the contract\n"


class Trusting(Server):
    """Believes everybody."""

    manifest = only("lease")

    @override
    def trusts(self, headers: Mapping[str, str], body: bytes) -> bool:
        return True


class Patient(Server):
    """Verifies signatures, however old they are."""

    manifest = only("lease")

    @override
    def trusts(self, headers: Mapping[str, str], body: bytes) -> bool:
        timestamp = headers.get("webhook-timestamp", "")
        if not timestamp.isdecimal():
            return False
        made = signed(KEY, headers.get("webhook-id", ""), int(timestamp), body)
        return made["webhook-signature"] == headers.get("webhook-signature")


class Forgetful(Server):
    """Does everything as often as it is told."""

    manifest = only("lease")

    def __init__(self) -> None:
        class Again(Provisioner):
            @override
            def answer(self, call: Call, key: str) -> Any:
                return super().answer(call, secrets.token_hex(8) if call["operation"] == "run" else key)

        super().__init__([KEY], module=Again())


class Rash(Server):
    """Does in a dry run what it would do."""

    manifest = only("lease")

    def __init__(self) -> None:
        class Doing(Provisioner):
            @override
            def answer(self, call: Call, key: str) -> Any:
                if call["operation"] == "dry_run":
                    super().answer({**call, "operation": "run"}, key)
                return super().answer(call, key)

        super().__init__([KEY], module=Doing())


class Slow(Server):
    """Takes longer than its manifest says."""

    manifest = only("release", timeout=0.2)

    def __init__(self) -> None:
        class Sleeping(Provisioner):
            @override
            def answer(self, call: Call, key: str) -> Any:
                threading.Event().wait(0.4)
                return super().answer(call, key)

        super().__init__([KEY], module=Sleeping())


class Loose(Server):
    """Completes with what its manifest does not say."""

    manifest = only("release", outputs={"type": "object", "required": ["at"]})


class Stubborn(Server):
    """Cannot stop what its manifest says it can."""

    manifest = only("provision")

    def __init__(self) -> None:
        class Going(Provisioner):
            @override
            def answer(self, call: Call, key: str) -> Any:
                return (500, {}) if call["operation"] == "cancel" else super().answer(call, key)

        super().__init__([KEY], module=Going())


class Surprising(Server):
    """Is to be polled, which its manifest does not say."""

    manifest = only("provision", supports=[])


class Untried(Server):
    """Has nothing to be tried with."""

    manifest = only("lease", examples=[])


class Shapeless(Server):
    """Says nothing of what it does."""

    manifest: Mapping[str, Any] = {"actions": {"lease": {}}}


class Agreeable(Server):
    """Takes any operation for a good one."""

    manifest = only("release")

    def __init__(self) -> None:
        class Yes(Provisioner):
            @override
            def answer(self, call: Call, key: str) -> Any:
                return super().answer({**call, "operation": "run"}, key)

        super().__init__([KEY], module=Yes())


@pytest.mark.parametrize(
    ("broken", "trial", "words"),
    [
        (Trusting, "refuses strangers", "without a signature"),
        (Patient, "refuses strangers", "signed an hour ago"),
        (Forgetful, "run, and run again", "one Idempotency-Key"),
        (Rash, "dry run", "has changed what is observed"),
        (Slow, "run, and run again", "within the 0.2 s"),
        (Loose, "run, and run again", "'at' is a required property"),
        (Stubborn, "cancel", "answered 500"),
        (Surprising, "run, and run again", "does not support"),
        (Untried, "manifest", "add one"),
        (Shapeless, "manifest", "does not say what it can do"),
        (Agreeable, "refuses nonsense", "'explode'"),
    ],
)
def test_what_breaks_the_contract_is_found_and_named(broken: type[Server], trial: str, words: str) -> None:
    server = broken([KEY]) if broken.__init__ is Server.__init__ else broken()  # type: ignore[call-arg]
    found = findings(server)
    assert [one for one in found if one.trial == trial and words in one.message], found


def test_an_endpoint_that_is_not_there_is_a_finding() -> None:
    with httpx.Client(trust_env=False) as client:
        (found,) = check(Endpoint("http://127.0.0.1:9", KEY, client))
    assert found.trial == "manifest"


def test_a_verifier_takes_what_one_of_its_keys_has_signed_just_now_and_nothing_else() -> None:
    now, body, other = int(time.time()), b'{"a": 1}', "whsec_" + "QUFB" * 11
    good = signed(KEY, "msg_1", now, body)
    assert is_signed([other, KEY], good, body)
    both = good | {"webhook-signature": "v1,AAAA " + good["webhook-signature"]}
    assert is_signed([KEY], both, body)
    assert not is_signed([other], good, body)
    assert not is_signed([KEY], good, body + b" ")
    assert not is_signed([KEY], good | {"webhook-id": "msg_2"}, body)
    assert not is_signed([KEY], {}, body)
    for late in (TOLERANCE + 5, -TOLERANCE - 5):
        assert not is_signed([KEY], signed(KEY, "msg_1", now + late, body), body)
