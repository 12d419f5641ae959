"""The hands-on examples of the tutorial, as they are printed there; what differs says why."""

import contextlib
import io
import json
from typing import Any

import pytest

from examples import demo, hosting
from quantum.client import Client
from tests.client.conftest import token_of

intent_definition: dict[str, Any] = {
    "name": "deploy-web-app",
    "definition": {
        "target": "production",
        "steps": [
            {"action": "build-docker-image", "image": "myapp:latest", "context": "./app"},
            {"action": "push-to-registry", "registry": "azurecr.io", "image": "myapp:latest"},
            {"action": "deploy-to-kubernetes", "namespace": "production", "replicas": 3},
        ],
    },
}


async def monitor_execution(client: Client, execution_id: str) -> None:
    async for event in client.stream(f"/api/v1/executions/{execution_id}/events"):
        if event["type"] == "step_completed":
            print(f"Step {event['step']} completed: {event['result']}")
        elif event["type"] == "execution_completed":
            print(f"Execution {execution_id} completed successfully")
            break
        elif event["type"] == "execution_failed":
            print(f"Execution {execution_id} failed: {event['error']}")
            break


def test_the_definition_is_the_one_that_the_demo_deploys() -> None:
    assert json.loads(demo.INTENT.read_text()) == intent_definition


async def test_examples_one_and_two_deploy_the_web_app_and_watch_it(client: Client) -> None:
    response = await client.post("/api/v1/intents", json=intent_definition)
    intent_id = response.json()["id"]
    execution = await client.post(f"/api/v1/intents/{intent_id}/execute")
    execution_id = execution.json()["execution_id"]

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        await monitor_execution(client, execution_id)
    lines = printed.getvalue().splitlines()
    assert [line.split(" completed")[0] for line in lines] == [
        "Step build-docker-image-1",
        "Step push-to-registry-2",
        "Step deploy-to-kubernetes-3",
        f"Execution {execution_id}",
    ]
    assert lines[-1] == f"Execution {execution_id} completed successfully"


async def test_example_two_tells_a_failure(client: Client) -> None:
    steps = [{"id": "check", "action": "assert", "condition": "false", "message": "not today"}]
    await client.intents.create("monitored-failure", {"steps": steps})
    execution = await client.post("/api/v1/intents/monitored-failure/execute")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        await monitor_execution(client, execution["execution_id"])
    assert f"Execution {execution['execution_id']} failed: " in printed.getvalue()
    assert "not today" in printed.getvalue()


@pytest.fixture
def token_for_two(host: hosting.Host) -> str:
    """Of carol, who is a member of two tenants."""
    return [token_of(host, tenant=tenant, user="carol") for tenant in ("acme", "tenant-123")][-1]


async def test_example_three_works_in_another_tenant(host: hosting.Host, token_for_two: str) -> None:
    async with Client(host.url, token=token_for_two) as client:
        await work_in_another_tenant(client)


async def work_in_another_tenant(client: Client) -> None:
    client.set_tenant("tenant-123")
    intent = await client.post("/api/v1/intents", json=intent_definition)
    intents = await client.get("/api/v1/intents")
    execution = await client.post(f"/api/v1/intents/{intent['id']}/execute")

    assert intent["tenant_id"] == "tenant-123"
    assert [found["id"] for found in intents["items"]] == ["deploy-web-app-v1"]
    started = await client.executions.get(execution["execution_id"])
    assert started.tenant_id == "tenant-123"
    assert (await client.executions.wait(started.execution_id, timeout=120)).status == "completed"
    client.set_tenant("acme")
    assert execution["execution_id"] not in {e.execution_id async for e in client.executions.list()}
