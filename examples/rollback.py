"""A bad release, undone by itself: the version that is well goes on answering all the time.

    make demo-rollback

deploys version 1 of the web app in ``webapp``, which is well, and then two that are not: one whose copies
never get ready, so that nobody is ever sent to them, and one that gets ready and turns out to be broken when
it is verified, so that the deployment is undone by compensation. All the while somebody asks the app again
and again; at the end it is told which versions answered, and how often nobody did. It exits with 0 only if
all of that went as it should.
"""

import argparse
import shutil
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from examples import demo, hosting

DATA = hosting.ROOT / ".quantum" / "demo-rollback"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make demo-rollback", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="a folder to make anew (%(default)s)")
    options = parser.parse_args(arguments)
    shutil.rmtree(options.data, ignore_errors=True)
    options.data.mkdir(parents=True)
    try:
        host = hosting.start(options.data, log=options.data / "host.log", QUANTUM_CONTEXTS=str(demo.APP))
        try:
            return demonstrate(host)
        finally:
            host.stop()
    except hosting.HostError as error:
        demo.say(f"✗ {error}")
    except KeyboardInterrupt:
        demo.say("✗ interrupted")
    return 1


def demonstrate(host: hosting.Host) -> int:
    headers = {"Authorization": f"Bearer {host.token()}"}
    with httpx.Client(base_url=f"{host.url}/api/v1", headers=headers, timeout=30) as client:
        demo.created(client.post("/intents", json=RELEASE))
        demo.say("Version 1 is released, and is well.\n")
        first = released(client, version="1")
        address = demo.deployed_at(first)
        if first["status"] != "completed" or address is None:
            return demo.conclude(first)
        with asked(address) as answers:
            demo.say("\nVersion 'broken' is released. Nobody is sent to copies that are not ready.\n")
            unready = released(client, version="broken", ready_when="/health")
            demo.say("\nIt is released again, and sent requests before it is verified: that is undone.\n")
            unwell = released(client, version="broken", ready_when="/")
    return concluded(unready, unwell, answers)


RELEASE: dict[str, Any] = {
    "name": "release-web-app",
    "definition": {
        "parameters": {
            "type": "object",
            "properties": {
                "version": {"type": "string", "description": "What is released"},
                "ready_when": {"type": "string", "description": "What a copy answers", "default": "/health"},
            },
            "required": ["version"],
        },
        "steps": [
            {
                "id": "build",
                "action": "build-docker-image",
                "image": "myapp:latest",
                "context": "./app",
                "args": {"VERSION": "${{ parameters.version }}"},
            },
            {"id": "push", "action": "push-to-registry", "registry": "azurecr.io"},
            {
                "id": "deploy",
                "action": "deploy-to-kubernetes",
                "namespace": "production",
                "replicas": 2,
                "timeout": 4,
                "probes": {"readiness": {"path": "${{ parameters.ready_when }}"}},
            },
            {
                "id": "verify",
                "action": "verify-deployment",
                "health_check": "/health",
                "attempts": 2,
                "interval": 0.5,
            },
        ],
    },
}
"""What each step takes of those before, it need not be told; and what undoes each, the plan knows."""


def released(client: httpx.Client, **parameters: str) -> dict[str, Any]:
    """The execution that releases a version, at its end."""
    execution = demo.created(client.post("/intents/release-web-app/execute", json={"parameters": parameters}))
    assert execution is not None
    demo.follow(client, execution["execution_id"])
    final: dict[str, Any] = client.get(f"/executions/{execution['execution_id']}").raise_for_status().json()
    return final


@dataclass
class Answers:
    """Which versions answered, and how often nobody did."""

    versions: Counter[str] = field(default_factory=Counter[str])
    failures: int = 0
    last: str = ""


@contextmanager
def asked(address: str) -> Iterator[Answers]:
    """Somebody asks again and again, each time by a new connection."""
    answers, over = Answers(), threading.Event()

    def ask() -> None:
        while not over.wait(0.02):
            try:
                version = httpx.get(address, timeout=5).raise_for_status().json()["version"]
            except httpx.HTTPError:
                answers.failures += 1
            else:
                answers.versions[version] += 1
                answers.last = version

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield answers
    finally:
        over.set()
        asking.join()


def concluded(unready: dict[str, Any], unwell: dict[str, Any], answers: Answers) -> int:
    """Print how it went; 0 if it went as it should."""
    undone = [step["id"] for step in unwell["steps"] if step["status"] == "compensated"]
    told = ", ".join(f"{count} by version {version}" for version, count in answers.versions.items())
    stopped = unready["error"]["step"], unwell["error"]["step"]
    demo.say(f"\nThe first ended in step {stopped[0]}, the second in {stopped[1]}.")
    demo.say(f"Undone of the second: {', '.join(undone)}.")
    demo.say(f"{answers.versions.total()} requests were answered ({told}), {answers.failures} were not;")
    demo.say(f"now version {answers.last} answers.")
    well = (
        stopped == ("deploy", "verify")
        and undone == ["build", "push", "deploy"]
        and not answers.failures
        and answers.last == "1"
    )
    demo.say("✓ as it should be" if well else "✗ that is not as it should be")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
