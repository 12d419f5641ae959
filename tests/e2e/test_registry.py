"""Pushing on a real host, which is a registry itself, and is killed."""

import asyncio
import json
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from examples import hosting
from localhost.registry.place import local_registry as place_of
from shared.modules.containers.registry.manifests import Manifest, digest_of
from shared.modules.containers.registry.registries import Registry
from shared.modules.containers.registry.sending import Connections
from shared.ports.registries import RegistryPlace
from tests import forked
from tests.e2e.api import Api
from tests.modules.registries.images import put_image
from tests.registries import EGRESS, Meddler, RunningRegistry, local_registry, noise


@asynccontextmanager
async def registry_of(place: RegistryPlace) -> AsyncIterator[Registry]:
    connections = Connections(EGRESS)
    yield Registry(connections, place.host, place.login)
    await connections.aclose()


def built(host: hosting.Host, name: str, *, layers: int = 2) -> Manifest:
    """A new image that ``acme`` has in the host's registry."""
    return put(place_of(host.data, host.url), f"acme/{name}", "latest", layers=layers)


def put(place: RegistryPlace, repository: str, *tags: str, layers: int = 2) -> Manifest:
    async def work() -> Manifest:
        async with registry_of(place) as registry:
            return await put_image(registry, repository, *tags, layers=layers)

    return asyncio.run(work())


def digest(place: RegistryPlace, repository: str, reference: str) -> str | None:
    async def work() -> str | None:
        async with registry_of(place) as registry:
            return await registry.digest(repository, reference)

    return asyncio.run(work())


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningRegistry, Meddler]]:
    """A registry that is somebody else's, and wants a password."""
    meddler = Meddler()
    with local_registry(tmp_path_factory.mktemp("target"), meddler) as running:
        yield running, meddler


def push(image: str, registry: str, **more: Any) -> dict[str, Any]:
    return {"id": "push", "action": "push-to-registry", "image": image, "registry": registry, **more}


def test_the_tutorials_push_goes_to_this_machine_and_says_so(host: hosting.Host, api: Api) -> None:
    image = built(host, "tutorial")
    intent = api.create([push("tutorial:latest", "azurecr.io")])
    plan = api.client.post(f"/intents/{intent}/plan", json={"parameters": {}}).json()
    assert '"where": "local"' in json.dumps(plan)
    execution = api.execute(intent)
    list(api.events(execution))
    (step,) = api.get(execution)["steps"]
    assert step["status"] == "completed"
    assert (step["outputs"]["registry"], step["outputs"]["instead_of"]) == ("local", "azurecr.io")
    assert step["outputs"]["digest"] == image.digest
    place = place_of(host.data, host.url)
    assert digest(place, "acme/azurecr.io/tutorial", "latest") == image.digest


def test_a_push_to_elsewhere_with_a_secret_is_undone_when_a_later_step_fails(
    host: hosting.Host, api: Api, target: tuple[RunningRegistry, Meddler]
) -> None:
    running, _ = target
    built(host, "undone")
    login = keep_password(api, running)
    execution = api.run(
        [
            push("undone", f"{running.host}/shop", tags=["1", "2"], **login),
            {"id": "fail", "action": "assert", "condition": "1 > 2"},
        ]
    )
    assert execution["status"] == "failed"
    assert "uncompensated" not in execution["error"]
    step = execution["steps"][0]
    assert step["status"] == "compensated", step
    assert step["outputs"]["tags"] == {"1": None, "2": None}
    assert running.login is not None
    assert running.login.password not in str(execution)
    pushed = step["outputs"]["digest"]
    assert [digest(running.place, "shop/undone", one) for one in ("1", "2", pushed)] == [None, None, pushed]


def test_a_host_that_is_killed_in_the_middle_of_a_push_ends_it_and_knows_what_was_before(
    tmp_path: Path, target: tuple[RunningRegistry, Meddler]
) -> None:
    running, meddler = target
    before = put(running.place, "shop/killed", "latest")
    with ExitStack() as hosts:
        host = started(tmp_path, hosts)
        image = built(host, "killed")
        meddler.before["PUT", "/uploads/"] = host.kill
        with Api(host) as api:
            login = keep_password(api, running)
            execution = api.execute(api.create([push("killed", f"{running.host}/shop", **login)]))
            host.process.wait()
        host = started(tmp_path, hosts, kill_before=(meddler, ("PUT", "/manifests/latest")))
        host.process.wait()
        host = started(tmp_path, hosts)
        with Api(host) as api:
            list(api.events(execution))
            (step,) = api.get(execution)["steps"]
    assert meddler.before == {}
    assert step["status"] == "completed", step
    assert step["outputs"]["tags"] == {"latest": before.digest}
    assert digest(running.place, "shop/killed", "latest") == image.digest


def test_an_upload_goes_on_after_the_registrys_host_was_killed(tmp_path: Path) -> None:
    content = noise(1_000_000)
    blob = digest_of(content)
    with ExitStack() as hosts:
        host = started(tmp_path, hosts)
        client = hosts.enter_context(signed_in(host))
        location = client.post("/v2/acme/app/blobs/uploads/").headers["location"]
        headers = {"content-range": "0-399999"}
        assert client.patch(location, content=content[:400_000], headers=headers).status_code == 202

        def half() -> Iterator[bytes]:
            yield content[400_000:700_000]
            host.kill()
            yield content[700_000:]

        with pytest.raises(httpx.HTTPError):
            client.patch(location, content=half())
        client = hosts.enter_context(signed_in(started(tmp_path, hosts)))
        standing = client.get(location)
        assert standing.status_code == 204
        reached = int(standing.headers["range"].removeprefix("0-")) + 1
        assert 400_000 <= reached <= 700_000, "what was acknowledged is there"
        headers = {"content-range": f"{reached}-999999"}
        assert client.patch(location, content=content[reached:], headers=headers).status_code == 202
        assert client.put(location, params={"digest": blob}).status_code == 201
        assert client.get(f"/v2/acme/app/blobs/{blob}").content == content


def started(
    folder: Path, hosts: ExitStack, *, kill_before: tuple[Meddler, tuple[str, str]] | None = None
) -> hosting.Host:
    """A host over what is in ``folder``; it is killed before the meddler lets that request pass."""
    doomed: list[hosting.Host] = []
    if kill_before is not None:
        meddler, request = kill_before
        up = threading.Event()

        def kill() -> None:
            assert up.wait(60)
            doomed[0].kill()

        meddler.before[request] = kill
    host = forked.start(folder / "data", log=folder / "log")
    hosts.callback(host.stop)
    if kill_before is not None:
        doomed.append(host)
        up.set()
    return host


def keep_password(api: Api, registry: RunningRegistry) -> dict[str, str]:
    """The parameters to sign in to ``registry`` with, whose password becomes a secret."""
    assert registry.login is not None
    kept = api.client.put("/secrets/REGISTRY_PASSWORD", json={"value": registry.login.password})
    assert kept.status_code in {200, 201}, kept.text
    return {"username": registry.login.username, "password": "${{ secrets.REGISTRY_PASSWORD }}"}


@contextmanager
def signed_in(host: hosting.Host) -> Iterator[httpx.Client]:
    place = place_of(host.data, host.url)
    assert place.login is not None
    login = (place.login.username, place.login.password)
    scope = {"scope": "repository:acme/app:pull,push"}
    with httpx.Client(base_url=host.url, timeout=30) as client:
        token = client.get("/v2/token", params=scope, auth=login).json()["token"]
        client.headers["authorization"] = f"Bearer {token}"
        yield client


def test_a_host_that_is_asked_to_stop_in_the_middle_of_a_push_ends_it_when_it_is_back(
    tmp_path: Path, target: tuple[RunningRegistry, Meddler]
) -> None:
    running, meddler = target
    with ExitStack() as hosts:
        host = started(tmp_path, hosts)
        image = built(host, "stopped", layers=12)

        def stop() -> None:
            host.process.send_signal(signal.SIGTERM)
            wait_until_it_stops(tmp_path / "log")

        meddler.before["PUT", "/uploads/"] = stop
        with Api(host) as api:
            login = keep_password(api, running)
            execution = api.execute(api.create([push("stopped", f"{running.host}/shop", **login)]))
            host.process.wait(30)
        with Api(started(tmp_path, hosts)) as api:
            list(api.events(execution))
            (step,) = api.get(execution)["steps"]
    assert (step["status"], step["attempts"]) == ("completed", 1), step
    assert digest(running.place, "shop/stopped", "latest") == image.digest


def wait_until_it_stops(log: Path) -> None:
    """Return once the host that tells ``log`` has begun to stop."""
    deadline = time.monotonic() + 30
    while "stopping" not in log.read_text():
        assert time.monotonic() < deadline, "the host goes on"
        time.sleep(0.02)
