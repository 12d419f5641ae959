"""What every implementation of the telemetry port keeps: it never stands in anybody's way."""

import asyncio
import json
import re
from collections.abc import AsyncIterator

import pytest

from shared.adapters.opentelemetry.telemetry import OpenTelemetry
from shared.domain.metrics import METRICS
from shared.ports.telemetry import Carrier, NoTelemetry, Telemetry, carrier_in
from tests.fakes.telemetry import RecordedTelemetry
from tests.telemetry.exporters import Kept

TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
CALLER = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=1"}
NONSENSE: list[Carrier] = [
    {},
    {"traceparent": ""},
    {"traceparent": "yes"},
    {"traceparent": "00-" + "0" * 32 + "-" + "0" * 16 + "-00"},
    {"tracestate": "a=1"},
    {"other": "x"},
    {"traceparent": CALLER["traceparent"], "parent": "no", "began": "yesterday"},
]


@pytest.fixture(params=["none", "recorded", "opentelemetry"])
async def telemetry(request: pytest.FixtureRequest) -> AsyncIterator[Telemetry]:
    made: Telemetry
    if request.param == "none":
        made = NoTelemetry()
    else:
        made = RecordedTelemetry() if request.param == "recorded" else OpenTelemetry(Kept().exporters)
    yield made
    await made.close()


async def test_a_carrier_is_one_that_others_can_read_or_empty(telemetry: Telemetry) -> None:
    assert telemetry.carrier() == {}
    with telemetry.span("a", kind="server", parent=CALLER):
        for carrier in (telemetry.carrier(), telemetry.begin()):
            assert not carrier or TRACEPARENT.fullmatch(carrier["traceparent"])
    assert telemetry.carrier() == {}


async def test_what_begins_here_can_be_kept_as_json_and_end_anywhere(telemetry: Telemetry) -> None:
    with telemetry.span("a"):
        begun = telemetry.begin()
    kept = json.loads(json.dumps(dict(begun)))
    assert kept == begun
    with telemetry.span("part", parent=carrier_in(kept)):
        pass
    telemetry.end(kept, "whole", attributes={"status": "failed"}, error="HTTP_STATUS")


@pytest.mark.parametrize("carrier", NONSENSE, ids=str)
async def test_a_carrier_that_makes_no_sense_does_no_harm(telemetry: Telemetry, carrier: Carrier) -> None:
    with telemetry.span("a", parent=carrier):
        pass
    telemetry.end(carrier, "b")


async def test_an_error_leaves_a_span_as_it_came(telemetry: Telemetry) -> None:
    error = ValueError("as it was")

    def work() -> None:
        with telemetry.span("a") as span:
            span.set({"step": "x"})
            span.fail("CODE")
            raise error

    with pytest.raises(ValueError, match="as it was") as raised:
        work()
    assert raised.value is error


async def test_every_metric_takes_whole_numbers_and_fractions(telemetry: Telemetry) -> None:
    for metric in METRICS:
        for value in (0, 1, 0.25):
            telemetry.record(metric, value, {"tenant_id": "acme", "status": "completed"})


async def test_spans_of_tasks_beside_each_other_do_not_mix(telemetry: Telemetry) -> None:
    async def one() -> tuple[Carrier, Carrier]:
        with telemetry.span("a"):
            before = telemetry.carrier()
            await asyncio.sleep(0)
            return before, telemetry.carrier()

    both = await asyncio.gather(one(), one())
    assert all(before == after for before, after in both)


async def test_what_is_told_after_the_end_is_dropped_and_the_end_may_come_twice(telemetry: Telemetry) -> None:
    await telemetry.close()
    with telemetry.span("late"):
        telemetry.end(telemetry.begin(), "later")
    telemetry.record(METRICS[0], 1, {})
    await telemetry.close()
