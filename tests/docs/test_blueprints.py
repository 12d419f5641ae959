"""The blueprints do what their page says: each is validated and executed, well and not so well."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from examples import hosting
from examples.blueprints.warehouse import Warehouse, server
from examples.modules.provisioner import MANIFEST, Provisioner
from examples.modules.provisioner import Server as ModuleServer
from tests.docs.pages import commands_of, needs_curl, run
from tests.docs.test_modules import free_port
from tests.e2e.api import Api

FOLDER = hosting.ROOT / "examples" / "blueprints"
INTENTS = {
    path.stem: json.loads(path.read_text())
    for path in FOLDER.glob("*.json")
    if not path.name.endswith(".schedule.json")
}
TENANT = "blueprints"


@pytest.fixture(scope="module")
def module() -> Iterator[ModuleServer]:
    with ModuleServer([]) as serving:
        threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield serving
        serving.shutdown()


@pytest.fixture(scope="module")
def edith(host: hosting.Host, module: ModuleServer) -> Iterator[Api]:
    """Who executes; the blueprints are there, and the module that one of them is by."""
    with Api(host, tenant=TENANT, user="edith") as api:
        put = api.client.put("/modules/provisioner", json={"endpoint": module.url, "manifest": MANIFEST})
        module.keys = [put.json()["secret"]]
        for name, intent in INTENTS.items():
            assert name == intent["name"]
            validated = api.client.post("/intents/validate", json=intent)
            assert validated.json()["valid"], validated.text
            assert validated.json()["warnings"] == []
            assert api.client.post("/intents", json=intent).status_code == 201
        yield api


@pytest.fixture(scope="module")
def vera(host: hosting.Host) -> Iterator[Api]:
    """Who approves."""
    with Api(host, tenant=TENANT, user="vera") as api:
        yield api


def ended(api: Api, execution: str) -> dict[str, Any]:
    list(api.events(execution))
    return api.get(execution)


def states(execution: dict[str, Any]) -> dict[str, str]:
    return {step["id"]: step["status"] for step in execution["steps"]}


def decide(by: Api, execution: str, step: str, decision: str) -> None:
    """Decide once it is asked."""
    for event in by.events(execution):
        if event["type"] == "approval_requested":
            answer = by.client.post(f"/executions/{execution}/steps/{step}/{decision}", json={})
            assert answer.status_code == 202, answer.text


def test_of_two_versions_people_get_the_one_that_was_approved(edith: Api, vera: Api) -> None:
    execution = edith.execute("blue-green", version="1", replicas=1, watch=0)
    decide(vera, execution, "approve", "approve")
    first = edith.get(execution)
    assert first["status"] == "completed", first
    assert first["outputs"]["approved_by"] == [f"vera@{TENANT}"]
    address, green = first["outputs"]["address"], states(first)
    assert httpx.get(address).json()["version"] == "1"
    assert green["clear"] == "completed"

    execution = edith.execute("blue-green", version="2", replicas=1, watch=0)
    decide(vera, execution, "approve", "reject")
    second = edith.get(execution)
    assert (second["status"], second["error"]["code"]) == ("failed", "REJECTED")
    assert states(second) | {"green": "compensated", "switch": "skipped", "clear": "skipped"} == states(
        second
    )
    assert httpx.get(address).json()["version"] == "1"
    tried = next(step for step in second["steps"] if step["id"] == "green")["outputs"]["address"]
    with pytest.raises(httpx.HTTPError):
        httpx.get(tried)


def test_the_nightly_build_is_scheduled_and_verified(edith: Api, service: str) -> None:
    schedule = json.loads((FOLDER / "nightly-build.schedule.json").read_text())
    put = edith.client.put("/schedules/nightly-build", json=schedule)
    assert put.status_code in {200, 201}, put.text
    assert len(put.json()["next_fire_times"]) == 5
    given = schedule["parameters"] | {"service": service, "watch": 0}
    execution = ended(edith, edith.execute("nightly-build", **given))
    assert execution["status"] == "completed", execution
    assert execution["outputs"]["text"] == "the nightly build of shop: completed"
    assert httpx.get(f"{service}/deployments/nightly").json()["image"] == execution["outputs"]["image"]


def test_an_incident_is_dealt_with_when_nobody_objects_in_time(edith: Api, service: str) -> None:
    httpx.put(f"{service}/deployments/production", json={"image": "shop:bad"})
    given = {"service": service, "symptom": "orders fail", "last_good": "shop:good"}
    execution = ended(edith, edith.execute("incident", **given, object_within="0.2s"))
    assert execution["status"] == "completed", execution
    told = {"incident": "orders fail", "ended": "completed", "nobody_objected": True}
    assert execution["outputs"] == {"told": told}
    assert httpx.get(f"{service}/deployments/production").json()["image"] == "shop:good"


def test_an_incident_is_left_to_people_who_object_and_that_is_told(
    edith: Api, vera: Api, service: str
) -> None:
    httpx.put(f"{service}/deployments/production", json={"image": "shop:bad"})
    given = {"service": service, "symptom": "orders fail", "last_good": "shop:good"}
    execution = edith.execute("incident", **given)
    decide(vera, execution, "decide", "reject")
    found = edith.get(execution)
    assert (found["status"], found["error"]["code"]) == ("failed", "REJECTED")
    assert states(found)["roll-back"] == "skipped"
    assert found["steps"][-1]["outputs"]["ended"] == "failed"
    assert httpx.get(f"{service}/deployments/production").json()["image"] == "shop:bad"


@contextmanager
def running(warehouse: Warehouse) -> Iterator[str]:
    with server(warehouse) as serving:
        threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


def test_what_regions_export_is_loaded_and_one_without_an_export_holds_nobody_up(edith: Api) -> None:
    with running(warehouse := Warehouse()) as url:
        execution = ended(edith, edith.execute("data-pipeline", warehouse=url))
    assert execution["status"] == "completed", execution
    assert execution["outputs"] == {"tables": {"north": 1, "south": 2}, "missing": 1}
    assert warehouse.tables["north"] == [{"item": "lamp", "amount": 40}]


def test_what_was_loaded_is_taken_back_if_anything_of_it_is_missing(edith: Api) -> None:
    with running(warehouse := Warehouse(forgets="south")) as url:
        execution = ended(edith, edith.execute("data-pipeline", warehouse=url))
    assert (execution["status"], execution["error"]["step"]) == ("failed", "complete")
    assert states(execution)["load"] == "compensated"
    assert warehouse.tables == {}


def leases(module: ModuleServer) -> Any:
    assert isinstance(module.module, Provisioner)
    return module.module.state()["leases"]


def test_an_environment_is_provisioned_kept_and_given_back(edith: Api, module: ModuleServer) -> None:
    execution = ended(edith, edith.execute("environment", name="review-1", keep_for="0.1s"))
    assert execution["status"] == "completed", execution
    assert execution["outputs"]["address"] == "review-1.test"
    assert len(execution["outputs"]["machines"]) == 2
    assert leases(module) == []


def test_an_environment_that_is_cancelled_is_given_back_by_what_undoes_it(
    edith: Api, module: ModuleServer
) -> None:
    execution = edith.execute("environment", name="review-2")
    for event in edith.events(execution):
        if event["type"] == "step_completed" and event["step"] == "well":
            assert len(leases(module)) == 1
            assert edith.client.post(f"/executions/{execution}/cancel", json={}).status_code == 202
    found = edith.get(execution)
    assert (found["status"], states(found)["lease"]) == ("cancelled", "compensated"), found
    assert leases(module) == []


@needs_curl
def test_the_commands_of_the_page_run_each_blueprint_to_its_end(host: hosting.Host, service: str) -> None:
    with running(Warehouse()) as url:
        script = commands_of("blueprints.md").replace("--tenant blueprints", "--tenant their-page")
        script = script.replace("--user edith", "--user emma").replace("--user vera", "--user violet")
        script = script.replace("http://127.0.0.1:8099", service).replace("http://127.0.0.1:8098", url)
        script = "trap 'kill ${MODULE:-} 2>/dev/null || true' EXIT\n" + script.replace("7080", free_port())
        ran = run(script, host)
    assert ran.stdout.count("event: execution_completed") == len(INTENTS), ran.stdout + ran.stderr
