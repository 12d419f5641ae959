"""What the edge tells of each request."""

from collections.abc import Mapping
from dataclasses import replace

from azurefunctions.extensions.http.fastapi import Request, Response

from functions.gateway.edge import Call, handle
from functions.routes.table import ROUTES
from shared.bootstrap import Application
from shared.domain.metrics import REQUESTS_THROTTLED
from tests.fakes.telemetry import RecordedTelemetry
from tests.http.harness import World

LIST = next(route for route in ROUTES if route.name == "list_intents")
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def serve(
    world: World, telemetry: RecordedTelemetry, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A request of ``LIST`` whose handler answers ``status``."""

    async def answer(_platform: Application, _call: Call) -> Response:
        if status == 500:
            raise RuntimeError("a defect")
        return Response(None, status)

    named = {**world.headers("viewer"), **(headers or {})}
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/intents",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in named.items()],
    }
    platform = replace(world.platform, adapters=replace(world.adapters, telemetry=telemetry))
    return await handle(platform, Request(scope), LIST, answer)


async def test_a_request_is_a_span_of_its_route_in_the_callers_trace(world: World) -> None:
    telemetry = RecordedTelemetry()
    response = await serve(world, telemetry, headers={"traceparent": TRACEPARENT, "X-Request-ID": "r-1"})
    (span,) = telemetry.spans
    assert (span.name, span.kind, span.error) == ("GET /api/v1/intents", "server", "")
    assert span.parent == {"traceparent": TRACEPARENT}
    assert span.attributes["request_id"] == response.headers["x-request-id"] == "r-1"
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["tenant_id"] == "acme"


async def test_what_the_platform_breaks_fails_its_span_and_what_the_caller_breaks_does_not(
    world: World,
) -> None:
    telemetry = RecordedTelemetry()
    await serve(world, telemetry, status=500)
    await serve(world, telemetry, headers={"Authorization": "Bearer nonsense"})
    broken, refused = telemetry.spans
    assert (broken.error, broken.attributes["http.response.status_code"]) == ("500", 500)
    assert (refused.error, refused.attributes["http.response.status_code"]) == ("", 401)
    assert "tenant_id" not in refused.attributes


async def test_each_429_is_counted_for_its_tenant_and_nothing_else_is(world: World) -> None:
    telemetry = RecordedTelemetry()
    await serve(world, telemetry, status=429)
    await serve(world, telemetry, status=200)
    assert telemetry.of(REQUESTS_THROTTLED) == [(1, {"tenant_id": "acme"})]
