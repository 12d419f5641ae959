"""D1: what it takes to build, push and deploy the tutorial's application on one machine."""

import os
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.client import Api
from benchmarks.report import line, spread
from examples import hosting

APP = hosting.ROOT / "examples" / "webapp" / "app"
MIB = 1024 * 1024


async def deployments(runs: int, megabytes: int, folder: Path) -> None:
    """D1: ``runs`` new versions one after the other, and an image with a layer of so many megabytes."""
    contexts = folder / "contexts"
    shutil.copytree(APP, contexts / "app")
    host = hosting.start(folder / "data", log=folder / "host.log", QUANTUM_CONTEXTS=str(contexts))
    try:
        api = Api(host.url, host.token())
        await _small(api, runs, contexts / "app" / "server.py")
        await _large(api, megabytes, contexts / "app")
    finally:
        host.stop()


async def _small(api: Api, runs: int, program: Path) -> None:
    steps: list[dict[str, Any]] = [
        {"id": "build", "action": "build-docker-image", "image": "myapp:latest", "context": "./app"},
        {"id": "push", "action": "push-to-registry", "registry": "azurecr.io", "image": "myapp:latest"},
        {"id": "deploy", "action": "deploy-to-kubernetes", "namespace": "production", "replicas": 3},
    ]
    intent = await api.create("deploy-web-app", steps)
    took = defaultdict[str, list[float]](list)
    for run in range(runs):
        _change(program, run)
        for step, seconds in (await _durations(api, intent)).items():
            took[step].append(seconds)
    for step, what in (
        ("build", "an image is built"),
        ("push", "it is pushed"),
        ("deploy", "three copies answer"),
    ):
        line(f"D1-{step}", f"{what}, ms", versions=runs, **spread(took[step], scale=1e3))


async def _large(api: Api, megabytes: int, context: Path) -> None:
    _enlarge(context, megabytes)
    steps: list[dict[str, Any]] = [
        {"id": "build", "action": "build-docker-image", "image": "large:1", "context": "./app"},
        {"id": "push", "action": "push-to-registry", "registry": "azurecr.io", "image": "large:1"},
    ]
    took = await _durations(api, await api.create("large", steps))
    rate = round(megabytes / took["build"], 1)
    line("D1-large", f"{megabytes} MiB built into the registry, MiB/s", rate=rate, push_seconds=took["push"])


def _change(program: Path, version: int) -> None:
    """Have a new version, for which nothing of the one before will do."""
    program.write_text(f"{program.read_text()}\n# version {version}\n")


def _enlarge(context: Path, megabytes: int) -> None:
    """Have the context be that of an image with a large layer."""
    (context / "Dockerfile").write_text("FROM scratch\nCOPY large /\n")
    (context / ".dockerignore").write_text("")
    (context / "large").write_bytes(os.urandom(megabytes * MIB))


async def _durations(api: Api, intent: str) -> dict[str, float]:
    """Execute it; the seconds that each step took."""
    execution = await api.execute(intent)
    await api.finished(execution)
    ended = await api.call("GET", f"/executions/{execution}", expect=200)
    if ended["status"] != "completed":
        raise RuntimeError(f"{intent}: {ended['error']}")
    return {step["id"]: step["duration"] for step in ended["steps"]}
