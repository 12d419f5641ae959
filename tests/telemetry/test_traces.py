"""From a request to what its steps ask of others, on a real host with a real collector."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from examples import hosting
from shared.adapters.cosmos.containers import DEFINITIONS
from shared.ports.resources import DATABASE
from tests import forked
from tests.cosmos.server import CosmosServer
from tests.e2e.api import Api
from tests.e2e.receiver import Received, Receiver
from tests.host.running import until
from tests.telemetry.collector import Collector, SpanSeen

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SWIFT = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_BLRP_SCHEDULE_DELAY": "100"}
"""Milliseconds between two batches, so that tests need not wait."""
SERVER, CLIENT = 2, 3


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def traced(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[hosting.Host]:
    folder = tmp_path_factory.mktemp("traced")
    running = forked.start(
        folder / "data",
        log=folder / "host.log",
        QUANTUM_TELEMETRY="otlp",
        QUANTUM_LOG_FORMAT="json",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20collector",
        OTEL_METRIC_EXPORT_INTERVAL="500",
        **SWIFT,
    )
    yield running
    running.stop()


def execute(api: Api, intent: str) -> str:
    """Execute as a caller with a trace of its own, to the execution's end."""
    headers = {"traceparent": f"00-{TRACE}-{CALLER}-01", "tracestate": "vendor=1"}
    response = api.client.post(f"/intents/{intent}/execute", json={}, headers=headers)
    assert response.status_code == 202, response.text
    execution = str(response.json()["execution_id"])
    assert [event["type"] for event in api.events(execution)][-1].startswith("execution_")
    return execution


def test_one_trace_leads_from_the_callers_to_the_step_its_outgoing_call_and_the_webhook(
    traced: hosting.Host, collector: Collector
) -> None:
    def answer(request: Received) -> int:  # the first attempt of the step fails
        return 503 if len(target.received) == 0 and "webhook-id" not in request.headers else 200

    with Api(traced) as api, Receiver(answer) as target, Receiver() as hook:
        subscribed = {"url": hook.url, "events": ["execution_completed"]}
        assert api.client.put("/subscriptions/hook", json=subscribed).status_code == 200
        call = {"id": "call", "action": "http-request", "method": "POST", "url": f"{target.url}?key=secret"}
        retry = {"max_attempts": 2, "initial_interval": 0.01}
        execution = execute(api, api.create([call | {"body": {}, "retry": retry}]))
        until(lambda: hook.received)

    def of(name: str) -> list[SpanSeen]:
        found = [span for span in collector.named(name) if span.trace_id == TRACE]
        return [span for span in found if span.attributes.get("execution_id", execution) == execution]

    (delivery,) = until(lambda: of("deliver webhook"))
    (request,) = of("POST /api/v1/intents/{id}/execute")
    (whole,) = until(lambda: of("execution"))
    first, second = sorted(of("step http-request"), key=lambda span: span.attributes["attempt"])
    calls = {span.parent_id: span for span in of("POST")}

    assert (request.kind, request.parent_id, whole.parent_id) == (SERVER, CALLER, request.span_id)
    assert {first.parent_id, second.parent_id, delivery.parent_id} == {whole.span_id}
    assert request.attributes["http.response.status_code"] == 202
    assert request.attributes["tenant_id"] == whole.attributes["tenant_id"] == "acme"
    assert (whole.attributes["status"], whole.failed) == ("completed", False)
    assert (first.attributes["status"], first.failed) == ("retry", True)
    assert (second.attributes["status"], second.failed) == ("completed", False)
    assert whole.seconds >= first.seconds + second.seconds

    # What each call told the other side is its own span, and of the address nothing that may be secret.
    sent = [request.headers["traceparent"] for request in (*target.received, *hook.received)]
    made = [calls[span.span_id] for span in (first, second, delivery)]
    assert sent == [f"00-{TRACE}-{span.span_id}-01" for span in made]
    assert [span.attributes["http.response.status_code"] for span in made] == [503, 200, 204]
    assert {span.kind for span in made} == {CLIENT}
    assert target.received[0].headers["tracestate"] == "vendor=1"
    assert "secret" not in str(collector.spans)


def test_the_metrics_of_an_execution_have_their_names_and_tenant(
    traced: hosting.Host, collector: Collector
) -> None:
    with Api(traced, tenant="measured", user="mia") as api:
        execute(api, api.create([{"id": "a", "action": "transform", "outputs": {}}]))
        execute(api, api.create([{"id": "b", "action": "assert", "condition": "false"}]))

    def values(metric: str, **about: str) -> list[float]:
        """What the metric came to, by the newest report of each."""
        wanted = {"tenant_id": "measured", **about}
        return [point.value for point in collector.points_of(metric) if point.attributes == wanted]

    until(lambda: values("quantum.executions.finished", status="failed"))
    for status in ("completed", "failed"):
        assert values("quantum.executions.finished", status=status)[-1] == 1
    assert values("quantum.steps.duration", action="transform", status="completed")
    assert values("quantum.steps.duration", action="assert", status="failed")
    until(lambda: values("quantum.relay.lag"))


def test_logs_go_out_with_ids_and_trace_and_to_stderr_as_json(
    traced: hosting.Host, collector: Collector
) -> None:
    with Api(traced, tenant="logged", user="lou") as api:
        execution = execute(api, api.create([{"id": "a", "action": "transform", "outputs": {}}]))
    wanted = {"tenant_id": "logged", "execution_id": execution, "route": "execute_intent", "status": 202}
    (record,) = until(lambda: [log for log in collector.logs if wanted.items() <= log.attributes.items()])
    assert (record.logger, record.trace_id, record.severity) == ("functions.gateway.edge", TRACE, "INFO")
    lines = [json.loads(line) for line in _log_of(traced) if line.startswith("{")]
    (line,) = [line for line in lines if wanted.items() <= line.items()]
    assert line["trace_id"] == TRACE
    assert line["request_id"] == record.attributes["request_id"]


def test_no_token_leaves_in_any_signal(traced: hosting.Host, collector: Collector) -> None:
    token = traced.token()
    with Api(traced) as api:
        api.client.get("/intents", headers={"Authorization": f"Bearer {token}"})
        api.client.get("/intents", headers={"Authorization": f"Bearer {token}x"})
    until(lambda: [log for log in collector.logs if log.body.startswith("refused")])
    told = str((collector.spans, collector.points, collector.logs)) + "".join(_log_of(traced))
    assert token.rpartition(".")[2] not in told
    assert all(headers["authorization"] == "Bearer collector" for headers in collector.headers)


def test_a_collector_that_is_away_is_noticed_by_nobody(tmp_path: Path) -> None:
    with ExitStack() as stack:
        hangs = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        with socket.create_server(("127.0.0.1", 0)) as refuses:
            ports = [there.getsockname()[1] for there in (hangs, refuses)]
        hosts: list[hosting.Host] = []
        for port in ports:
            host = forked.start(
                tmp_path / str(port),
                log=tmp_path / f"{port}.log",
                QUANTUM_TELEMETRY="otlp",
                OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
                **SWIFT,
            )
            hosts.append(host)
            stack.callback(host.stop)
            with Api(host) as api:
                intent = api.create([{"id": "a", "action": "transform", "outputs": {}}])
                for _ in range(20):
                    execute(api, intent)
        began = time.monotonic()
        with ThreadPoolExecutor() as both:  # each waits for its collector as long as it may
            list(both.map(hosting.Host.stop, hosts))
    assert [host.process.poll() for host in hosts] == [0, 0]
    assert time.monotonic() - began < hosting.STOP_SECONDS


def test_without_telemetry_no_part_of_the_sdk_is_loaded(tmp_path: Path) -> None:
    log = tmp_path / "host.log"
    host = hosting.start(tmp_path / "data", log=log, PYTHONVERBOSE="1")
    try:
        with Api(host) as api, Receiver() as target:
            call = {"id": "a", "action": "http-request", "method": "POST", "url": target.url, "body": {}}
            execute(api, api.create([call]))
            assert "traceparent" not in target.received[0].headers
    finally:
        host.stop()
    loaded = log.read_text(errors="replace")
    assert "import 'shared.ports.telemetry'" in loaded
    for package in ("opentelemetry.sdk", "opentelemetry.exporter", "azure.monitor"):
        assert f"import '{package}" not in loaded


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"QUANTUM_TELEMETRY": "azure-monitor", "APPLICATIONINSIGHTS_CONNECTION_STRING": "x"},
            "QUANTUM_TELEMETRY is 'azure-monitor', and the settings APPLICATIONINSIGHTS_… and OTEL_… cannot",
        ),
        (
            {"QUANTUM_TELEMETRY": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": "here:4318"},
            "OTEL_EXPORTER_OTLP_ENDPOINT is 'here:4318'",
        ),
        (
            {"QUANTUM_TELEMETRY": "otlp", "OTEL_METRIC_EXPORT_INTERVAL": "0"},
            "the settings OTEL_… cannot be used: interval value 0.0",
        ),
        ({"QUANTUM_LOG_FORMAT": "xml"}, "QUANTUM_LOG_FORMAT is 'xml': it must be one of 'text', 'json'"),
    ],
    ids=lambda value: next(reversed(value.values())) if isinstance(value, dict) else "",
)
def test_a_setting_that_cannot_be_used_is_named(tmp_path: Path, settings: dict[str, str], said: str) -> None:
    with pytest.raises(hosting.HostError) as raised:
        forked.start(tmp_path / "data", log=tmp_path / "host.log", **settings)
    assert said in str(raised.value)


def _log_of(host: hosting.Host) -> list[str]:
    return (host.data.parent / "host.log").read_text().splitlines()


def test_a_trace_goes_on_after_the_host_was_killed(collector: Collector, tmp_path: Path) -> None:
    def started() -> hosting.Host:
        return forked.start(
            tmp_path / "data",
            log=tmp_path / "host.log",
            QUANTUM_TELEMETRY="otlp",
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            **SWIFT,
        )

    def of(name: str) -> list[SpanSeen]:
        return [span for span in collector.named(name) if span.attributes.get("execution_id") == execution]

    host = started()
    try:
        with Api(host) as api:
            steps: list[dict[str, Any]] = [
                {"id": "wait", "action": "wait", "seconds": 1},
                {"id": "end", "action": "transform", "outputs": {}, "depends_on": ["wait"]},
            ]
            execution = api.execute(api.create(steps))
        host.kill()
        host = started()
        (whole,) = until(lambda: of("execution"))
    finally:
        host.stop()
    assert {span.trace_id for span in (*of("step wait"), *of("step transform"))} == {whole.trace_id}
    assert {span.parent_id for span in of("step transform")} == {whole.span_id}


def test_what_cosmos_db_charges_is_counted_by_tenant_and_operation(
    collector: Collector, tmp_path: Path
) -> None:
    server = CosmosServer()
    server.make(DATABASE, DEFINITIONS)
    host = forked.start(
        tmp_path / "data",
        log=tmp_path / "host.log",
        QUANTUM_DOCUMENTS="cosmos",
        CosmosDBConnection=f"AccountEndpoint={server.endpoint};AccountKey={server.key};",
        QUANTUM_TELEMETRY="otlp",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
    )
    try:
        with Api(host, tenant="charged", user="cho") as api:
            api.create([{"id": "a", "action": "transform", "outputs": {}}])
    finally:
        host.stop()
        server.close()
    charged = [point for point in collector.points_of("quantum.documents.request_units") if point.value]
    about = [point.attributes for point in charged]
    assert {"tenant_id": "charged", "operation": "transact", "container": "registry"} in about
