"""Each guide does what it is about, typed as it stands by somebody who has signed in."""

import base64
import hmac
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from examples import hosting
from tests.docs.pages import blocks_of, needs_curl, run, text_of
from tests.kubernetes.server import KubernetesServer, kubeconfig

# A person takes a moment to read what a command has come to. Until then, nothing goes on by itself any more.
READING = """
ask() { curl -s -H "Authorization: Bearer $ADA" "$QUANTUM_URL/api/v1/executions$1"; }
goes_on() {
  all=$(ask "?limit=50")
  if echo "$all" | grep -qE '"status":"(pending|running)"'; then return 0; fi
  for id in $(echo "$all" | grep -o '"execution_id":"[^"]*"' | cut -d '"' -f 4); do
    if ask "/$id" | grep -qE '"for":"(poll|retry)"|"status":"running"'; then return 0; fi
  done
  return 1
}
settle() { while goes_on; do sleep 0.1; done; }
"""

type Reader = Callable[..., list[str]]
pytestmark = needs_curl


@pytest.fixture
def read(host: hosting.Host, tmp_path: Path, request: pytest.FixtureRequest) -> Reader:
    """Types what a guide says, as ada in a tenant of her own; what each of its pieces printed."""
    (tmp_path / "examples").symlink_to(hosting.ROOT / "examples")
    tenant = re.sub(r"[^a-z]+", "-", request.node.name.removeprefix("test_"))[:40].strip("-")

    def typed(page: str, **changes: str) -> list[str]:
        blocks = blocks_of(page)
        begin = (
            "export ADA=$(quantum token --tenant acme --user ada --role admin)\nexport QUANTUM_TOKEN=$ADA\n"
        )
        script = begin + READING + "settle; printf '\\f'\n".join(blocks)
        for what, by in {"--tenant acme": f"--tenant {tenant}", **changes}.items():
            script = script.replace(what, by)
        # Other pages are read on this host as well, by the same people.
        script = re.sub(r"--(user|subject) (ada|bob|vera)\b(?! \|\|)", rf"--\1 \2-{tenant}", script)
        ran = run(script, host, folder=tmp_path, files=tmp_path, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        shown = ran.stdout.split("\f")
        assert len(shown) == len(blocks)
        return shown

    return typed


@pytest.fixture
def port() -> str:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return str(made.getsockname()[1])


def test_approve_a_release(read: Reader) -> None:
    _, decided = read("how-to/approve-a-release.md")
    assert "May shop:v1.4 go to production?" in decided
    assert "completed after" in decided


def test_run_it_every_night(read: Reader) -> None:
    shown, paused, _ = read("how-to/run-it-every-night.md")
    assert "Europe/Berlin" in shown
    assert paused == "nightly-check paused\nnightly-check active\n"


def test_retry_from_a_step(read: Reader) -> None:
    failed, retried, again = read("how-to/retry-from-a-step.md")
    assert "SECRET_MISSING" in failed or "DEPLOY_TOKEN" in failed
    assert "it failed, as it should" in failed
    assert re.search("step_kept +build", retried)
    assert re.search("step_completed +build", again)


def test_find_out_why_it_failed(read: Reader) -> None:
    failed, shown = read("how-to/find-out-why-it-failed.md")
    assert "failed in step ask" in failed
    assert "answered 404, not 2xx" in shown
    assert re.search(r"use +transform +skipped", shown)
    assert "execution_failed" in shown


def test_rotate_a_secret(read: Reader) -> None:
    first, second, _ = read("how-to/rotate-a-secret.md")
    assert "REGISTRY_TOKEN has version 1" in first
    assert "REGISTRY_TOKEN has version 2" in second


def test_add_a_module(read: Reader, port: str) -> None:
    _, kit, used = read("how-to/add-a-module.md", **{"7080": port})
    assert "it keeps the contract" in kit
    assert "address: review-7.test" in used


def test_give_a_team_access(read: Reader) -> None:
    members, asked = read("how-to/give-a-team-access.md")
    assert "vera" in members
    assert "policy:production-by-operations" in asked
    assert "bob may not" in asked


def test_release_beside_what_serves_and_go_back(read: Reader) -> None:
    _, released, back = read("how-to/release-beside-and-go-back.md")
    (address,) = re.findall(r"^  address: (\S+)", released, re.MULTILINE)
    assert httpx.get(address).json()["version"] == "v1.0"
    assert "blue-green-v3" in back


def test_receive_webhooks(read: Reader, port: str) -> None:
    made, _, received = read("how-to/receive-webhooks.md", **{"7090": port})
    assert "signed with whsec_" in made
    assert "com.quantum.execution_completed" in received
    assert "delivered" in received


def test_the_page_on_webhooks_subscribes_and_its_verifier_knows_what_is_genuine(read: Reader) -> None:
    (shown,) = read("webhooks.md")
    assert "execution_failed" in shown
    (secret,) = re.findall(r"whsec_\S+", shown)
    (verifier,) = re.findall(r"```python\n(.*?)```", text_of("webhooks.md"), re.DOTALL)
    known: dict[str, Any] = {"base64": base64, "hmac": hmac, "time": time, "Mapping": Mapping}
    exec(verifier, known)  # noqa: S102  # it is on a page of ours
    now = str(int(time.time()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, f"1.{now}.{{}}".encode(), "sha256")).decode()
    headers = {"webhook-id": "1", "webhook-timestamp": now, "webhook-signature": f"v1,{signature}"}
    assert known["genuine"](secret, headers, b"{}")
    assert not known["genuine"](secret, headers, b"{ }")


def test_deploy_from_ci(read: Reader) -> None:
    *_, ran = read("how-to/deploy-from-ci.md")
    assert "web-v1 created" in ran
    assert "completed after" in ran


@pytest.mark.parametrize(
    "pipeline", re.findall(r"```yaml\n(.*?)```", text_of("how-to/deploy-from-ci.md"), re.DOTALL)
)
def test_the_pipelines_say_all_that_the_command_needs(pipeline: str) -> None:
    parsed = yaml.safe_load(pipeline)
    steps = parsed["jobs"]["deploy"]["steps"] if "jobs" in parsed else parsed["steps"]
    last = steps[-1]
    assert last.get("run", last.get("script")) == "sh deploy.sh"
    needed = {"URL", "AUTHORITY", "SCOPE", "CLIENT_ID", "CLIENT_SECRET"}
    assert last["env"].keys() == {f"QUANTUM_{name}" for name in needed} | {"COMMIT"}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesServer]:
    """A cluster, and a `kubectl` that knows how to sign in there."""
    server = KubernetesServer()
    (tmp_path / "kubectl.yaml").write_text(kubeconfig(server.url))
    yield server
    server.close()


def test_deploy_to_a_cluster(read: Reader, cluster: KubernetesServer) -> None:
    (*_, deployed) = read(
        "how-to/deploy-to-a-cluster.md",
        **{"kubectl config view --raw --minify --flatten": "cat kubectl.yaml"},
    )
    assert "completed after" in deployed
    assert cluster.names("Deployment") == {"web"}
