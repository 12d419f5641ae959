"""Microsoft's exporter with our telemetry, against an ingestion endpoint on loopback."""

from pathlib import Path

from tests import forked
from tests.e2e.api import Api
from tests.telemetry.insights import Insights

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_azure_monitor_gets_what_alerts_and_workbook_ask_for(tmp_path: Path) -> None:
    with Insights() as insights:
        host = forked.start(
            tmp_path / "data",
            log=tmp_path / "host.log",
            QUANTUM_TELEMETRY="azure-monitor",
            APPLICATIONINSIGHTS_CONNECTION_STRING=insights.connection,
        )
        try:
            with Api(host) as api:
                intent = api.create([{"id": "a", "action": "assert", "condition": "false"}])
                headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
                response = api.client.post(f"/intents/{intent}/execute", json={}, headers=headers)
                execution = response.json()["execution_id"]
                list(api.events(execution))
        finally:
            host.stop()
    assert insights.paths == {"/v2.1/track"}
    requests = {item["name"]: item for item in insights.of("RequestData")}
    request = requests["POST /api/v1/intents/{id}/execute"]
    assert (request["responseCode"], request["success"]) == ("202", True)
    assert request["properties"]["tenant_id"] == "acme"
    assert request["tags"]["ai.operation.id"] == TRACE
    parts = {item["name"]: item for item in insights.of("RemoteDependencyData")}
    whole, step = parts["execution"], parts["step assert"]
    assert whole["tags"]["ai.operation.parentId"] == request["id"]
    assert step["tags"]["ai.operation.parentId"] == whole["id"]
    assert (step["success"], step["properties"]["status"]) == (False, "failed")
    metrics = {item["metrics"][0]["name"]: item for item in insights.of("MetricData")}
    finished = metrics["quantum.executions.finished"]
    assert finished["properties"].items() >= {"tenant_id": "acme", "status": "failed"}.items()
    assert finished["metrics"][0]["value"] == 1
    assert {"quantum.relay.lag", "quantum.steps.duration"} <= metrics.keys()
    said = [item for item in insights.of("MessageData") if execution in str(item["properties"])]
    assert said
    assert all(item["tags"]["ai.operation.id"] == TRACE for item in said)
