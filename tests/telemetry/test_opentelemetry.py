"""The OpenTelemetry adapter: what it tells of spans, metrics and log records."""

import logging
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from shared import logs
from shared.adapters.opentelemetry.telemetry import Exporters, OpenTelemetry
from shared.domain.metrics import EXECUTIONS_FINISHED, STEP_DURATION
from shared.security.redaction import Redactor
from tests.telemetry.exporters import Kept, KeptMetrics

TRACE, ABOVE = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLER = {"traceparent": f"00-{TRACE}-{ABOVE}-01"}

_log = logging.getLogger("tests.telemetry")


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
async def telemetry(kept: Kept) -> AsyncIterator[OpenTelemetry]:
    made = OpenTelemetry(kept.exporters)
    yield made
    await made.close()


@pytest.fixture
def identified() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    logs.identify()
    yield
    logging.setLogRecordFactory(before)


def ids(span: ReadableSpan) -> tuple[str, str, str]:
    """Trace, parent and span, in hexadecimal."""
    assert span.context is not None
    above = trace.format_span_id(span.parent.span_id) if span.parent else ""
    return trace.format_trace_id(span.context.trace_id), above, trace.format_span_id(span.context.span_id)


async def test_a_span_that_ends_elsewhere_is_above_its_parts_and_below_where_it_began(
    telemetry: OpenTelemetry, kept: Kept
) -> None:
    with telemetry.span("request", kind="server", parent=CALLER):
        begun = telemetry.begin()
    with telemetry.span("step", parent=begun):
        out = telemetry.carrier()
    telemetry.end(begun, "execution", attributes={"status": "completed"})
    await telemetry.close()
    request, step, execution = (ids(kept.span(name)) for name in ("request", "step", "execution"))
    assert {request[0], step[0], execution[0]} == {TRACE}
    assert (request[1], execution[1], step[1]) == (ABOVE, request[2], execution[2])
    assert out == {"traceparent": f"00-{TRACE}-{step[2]}-01"}
    whole, first = kept.span("execution"), kept.span("request")
    assert whole.start_time is not None
    assert first.start_time is not None
    assert first.start_time <= whole.start_time <= (first.end_time or 0)


async def test_what_the_caller_does_not_want_recorded_is_not_and_its_parts_know(
    telemetry: OpenTelemetry, kept: Kept
) -> None:
    with telemetry.span("request", parent={"traceparent": f"00-{TRACE}-{ABOVE}-00"}):
        begun = telemetry.begin()
    with telemetry.span("step", parent=begun):
        assert telemetry.carrier()["traceparent"].endswith("-00")
    telemetry.end(begun, "execution")
    await telemetry.close()
    assert kept.spans.get_finished_spans() == ()


async def test_nonsense_makes_a_new_trace_or_none(telemetry: OpenTelemetry, kept: Kept) -> None:
    with telemetry.span("request", parent={"traceparent": "nonsense"}):
        pass
    telemetry.end({}, "execution")
    await telemetry.close()
    (span,) = kept.spans.get_finished_spans()
    assert span.parent is None


async def test_an_error_that_leaves_a_span_fails_it_by_its_name_and_not_by_its_message(
    telemetry: OpenTelemetry, kept: Kept
) -> None:
    with pytest.raises(ValueError, match="secret"), telemetry.span("a"):
        raise ValueError("secret")
    await telemetry.close()
    span = kept.span("a")
    assert span.attributes is not None
    assert (span.status.is_ok, span.attributes["error.type"]) == (False, "ValueError")
    assert "secret" not in span.to_json()


async def test_behind_the_functions_host_a_request_is_a_part_of_the_hosts_own_span(kept: Kept) -> None:
    telemetry = OpenTelemetry(kept.exporters, behind_host=True)
    with telemetry.span("request", kind="server", parent=CALLER):
        pass
    await telemetry.close()
    assert kept.span("request").kind is trace.SpanKind.INTERNAL


@pytest.mark.parametrize(("given", "named"), [("", "quantum-platform"), ("mine", "mine")])
async def test_who_tells_is_the_platform_unless_the_operator_names_it(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, given: str, named: str
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", given)
    telemetry = OpenTelemetry(kept.exporters)
    with telemetry.span("a"):
        pass
    await telemetry.close()
    assert kept.span("a").resource.attributes["service.name"] == named


async def test_sums_add_up_by_attributes_and_distributions_keep_their_sum(
    telemetry: OpenTelemetry, kept: Kept
) -> None:
    for tenant, status in (("acme", "completed"), ("acme", "completed"), ("globex", "failed")):
        telemetry.record(EXECUTIONS_FINISHED, 1, {"tenant_id": tenant, "status": status})
    telemetry.record(STEP_DURATION, 0.25, {"tenant_id": "acme", "action": "wait", "status": "completed"})
    await telemetry.close()
    assert kept.metrics.points == [
        ("quantum.executions.finished", {"tenant_id": "acme", "status": "completed"}, 2),
        ("quantum.executions.finished", {"tenant_id": "globex", "status": "failed"}, 1),
        ("quantum.steps.duration", {"tenant_id": "acme", "action": "wait", "status": "completed"}, 0.25),
    ]


@pytest.mark.usefixtures("identified")
async def test_log_records_have_their_ids_and_their_trace(telemetry: OpenTelemetry, kept: Kept) -> None:
    with logs.about(request_id="r1", tenant_id="acme"), telemetry.span("request", parent=CALLER):
        logs.add(execution_id="e1")
        _log.warning("it is %s", "late", extra={"route": "x", "thing": object()})
    _log.warning("of nothing")
    await telemetry.close()
    about, nothing = (item.log_record for item in kept.logs.get_finished_logs())
    assert (about.body, about.severity_text) == ("it is late", "WARNING")
    assert about.attributes == {
        "request_id": "r1",
        "tenant_id": "acme",
        "execution_id": "e1",
        "route": "x",
    }
    assert trace.format_trace_id(about.trace_id or 0) == TRACE
    assert (nothing.attributes, nothing.trace_id) == ({}, 0)


async def test_what_its_own_exporters_log_is_not_exported(telemetry: OpenTelemetry, kept: Kept) -> None:
    logging.getLogger("opentelemetry.exporter.otlp").warning("the collector is away")
    logging.getLogger("urllib3.connectionpool").warning("retrying")
    await telemetry.close()
    assert kept.logs.get_finished_logs() == ()


async def test_the_end_waits_for_an_exporter_that_hangs_for_no_longer_than_it_says(kept: Kept) -> None:
    spans = Hanging()
    telemetry = OpenTelemetry(Exporters(spans, KeptMetrics(), kept.logs))
    with telemetry.span("a"):
        pass
    await telemetry.close()
    assert spans.hangs.wait(60)
    spans.answers.set()


async def test_more_than_the_queue_holds_is_dropped_and_keeps_nobody_waiting(kept: Kept) -> None:
    spans = Hanging()
    telemetry = OpenTelemetry(Exporters(spans, KeptMetrics(), kept.logs))
    for _ in range(10_000):
        with telemetry.span("a"):
            pass
    assert spans.hangs.wait(60)
    spans.answers.set()
    await telemetry.close()


class Hanging(SpanExporter):
    """A collector that is there and does not answer until the test lets it."""

    def __init__(self) -> None:
        self.hangs = threading.Event()
        self.answers = threading.Event()

    def export(self, spans: object) -> SpanExportResult:
        self.hangs.set()
        self.answers.wait()
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Nothing is open."""


@pytest.mark.usefixtures("identified")
async def test_nothing_that_is_told_has_a_secret_of_the_block(telemetry: OpenTelemetry, kept: Kept) -> None:
    with logs.hiding(Redactor([("TOKEN", "s3cr3t-token")])):
        with telemetry.span("call", attributes={"url.full": "https://a/bots3cr3t-token/send"}) as span:
            span.set({"answer": "s3cr3t-token"})
            span.fail("s3cr3t-token")
        try:
            int("s3cr3t-token")
        except ValueError:
            _log.exception("it broke")
    await telemetry.close()
    told = kept.span("call")
    assert dict(told.attributes or {}) == {
        "url.full": "https://a/bot***TOKEN***/send",
        "answer": "***TOKEN***",
        "error.type": "***TOKEN***",
    }
    (record,) = [one.log_record for one in kept.logs.get_finished_logs()]
    assert "base 10: '***TOKEN***'" in str((record.attributes or {})["exception.stacktrace"])
    assert "s3cr3t" not in f"{told.to_json()}{record.attributes}"
