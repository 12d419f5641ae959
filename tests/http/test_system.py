"""Health, the contract, and what the edge does for every request."""

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import validate

from functions.gateway.problems import STATUSES
from functions.openapi import document as openapi
from functions.openapi.docs import page
from functions.routes.console import CONSOLE
from functions.routes.system import UNKNOWN
from functions.routes.table import ROUTES
from shared import logs
from shared.domain.errors import QuantumError
from shared.domain.intents import NAME, name_errors
from tests.http.harness import World, functions


def test_the_app_has_exactly_the_routes_of_the_table() -> None:
    found = {}
    for function in functions():
        bindings = {binding["type"]: binding for binding in function.get_bindings_dict()["bindings"]}
        if trigger := bindings.get("httpTrigger"):
            methods = [str(method) for method in trigger["methods"]]
            durable = bindings.get("durableClient", {}).get("durableRequiresGrpc", False)
            found[function.get_function_name()] = (trigger["route"], methods, durable)
    unknown = found.pop(UNKNOWN.name)
    assert found == {
        route.name: (route.template.removeprefix("/"), [route.method], route.durable)
        for route in (*ROUTES, *CONSOLE)
    }
    assert unknown[0] == UNKNOWN.template.removeprefix("/")


def test_every_trigger_is_open_to_the_host_because_the_edge_authenticates() -> None:
    triggers = [
        binding
        for function in functions()
        for binding in function.get_bindings_dict()["bindings"]
        if binding["type"] == "httpTrigger"
    ]
    assert {str(trigger["authLevel"]) for trigger in triggers} == {"ANONYMOUS"}


def test_the_contract_is_valid_openapi() -> None:
    validate(json.loads(openapi.document_bytes()))


def test_every_reference_in_the_contract_leads_somewhere() -> None:
    document = json.loads(openapi.document_bytes())
    for reference in re.findall(r'"\$ref":"#/([^"]+)"', openapi.document_bytes().decode()):
        at: Any = document
        for part in reference.split("/"):
            at = at[part]
        assert at


def test_every_link_in_the_contract_fills_the_whole_path_it_leads_to() -> None:
    document = openapi.document()
    operations = {
        operation["operationId"]: (path, operation)
        for path, methods in document["paths"].items()
        for operation in methods.values()
    }
    for link in document["components"]["links"].values():
        path, operation = operations[link["operationId"]]
        filled = {name.partition(".")[2] for name in link["parameters"] if name.startswith("path.")}
        assert filled == set(re.findall(r"\{(\w+)\}", path))
        headers = {one["$ref"].rpartition("/")[2] for one in operation["parameters"] if "$ref" in one}
        assert ("header.If-Match" in link["parameters"]) == ("RequiredIfMatch" in headers)


def test_the_contract_tells_the_names_that_intents_may_have() -> None:
    told = openapi.document()["components"]["schemas"]["CreateIntent"]["properties"]["name"]
    assert told["pattern"] == f"^{NAME.pattern}$"
    for name in ("deploy-v1", "v1", "a-v", "x-v10"):
        assert (re.search(told["not"]["pattern"], name) is None) == (not name_errors(name))


def test_the_contract_says_what_each_operation_needs() -> None:
    paths = openapi.document()["paths"]
    for route in ROUTES:
        operation = paths["/api/" + route.path][route.method.lower()]
        assert operation.get("x-permission") == route.operation
        assert ("401" in operation["responses"]) == route.closed


async def test_the_contract_and_its_page_are_served(world: World) -> None:
    contract = await world.send(None, "GET", "/openapi.json")
    assert contract.json()["openapi"] == "3.1.0"
    docs = await world.send(None, "GET", "/docs")
    assert docs.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in docs.headers["content-security-policy"]
    assert "/api/v1/openapi.json" in docs.text


def test_the_page_needs_nothing_from_elsewhere_and_lists_every_problem() -> None:
    made = page()
    assert re.findall(r"(?:src|href)=\"(?!/|#)", made.html) == []
    assert "style=" not in made.html
    for code in STATUSES:
        assert made.html.count(f'id="{code}"') == 1


def test_every_error_that_may_leave_the_platform_has_a_status() -> None:
    def kinds(error: type[QuantumError]) -> list[type[QuantumError]]:
        return [error, *(kind for child in error.__subclasses__() for kind in kinds(child))]

    assert {kind.code for kind in kinds(QuantumError)} == set(STATUSES)


async def test_the_platform_is_alive_without_its_dependencies(world: World) -> None:
    world.orchestrations.reachable = False
    response = await world.send(None, "GET", "/health")
    assert (response.status_code, response.json()["status"]) == (200, "ok")


async def test_readiness_names_each_dependency(world: World) -> None:
    ready = await world.send(None, "GET", "/health/ready")
    checks = dict.fromkeys(("documents", "orchestrations", "tokens", "events", "secrets"), "ok")
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "checks": checks, "impairments": []})


@pytest.mark.parametrize("path", ["/", "/nothing", "/intents/a/b/c", "/intentsx"])
async def test_an_unknown_route_is_a_problem_404(world: World, path: str) -> None:
    response = await world.send("admin", "GET", path)
    assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/intents", "GET, POST"),
        ("PUT", "/executions/x/cancel", "POST"),
        ("POST", "/health", "GET"),
        ("OPTIONS", "/intents/x/execute", "POST"),
    ],
)
async def test_a_method_that_a_path_does_not_know_is_405_with_those_it_does(
    world: World, method: str, path: str, allow: str
) -> None:
    response = await world.send("admin", method, path)
    assert response.status_code == 405
    assert response.json()["code"] == "METHOD_NOT_ALLOWED"
    assert response.headers["allow"] == allow


@pytest.mark.parametrize(
    ("given", "kept"), [("build-17.2", True), ("x" * 129, False), ("a b", False), ("é", False), ("", False)]
)
async def test_a_sane_request_id_is_kept_and_any_other_replaced(world: World, given: str, kept: bool) -> None:
    headers = {"X-Request-ID": given.encode()}
    response = await world.http.get("/api/v1/health", headers=headers)  # type: ignore[arg-type]  # bytes are fine
    assert (response.headers["x-request-id"] == given) is kept


@pytest.fixture
def identified() -> Iterator[None]:
    """Log records as the app has them."""
    before = logging.getLogRecordFactory()
    logs.identify()
    yield
    logging.setLogRecordFactory(before)


@pytest.mark.usefixtures("identified")
async def test_a_request_is_one_structured_line_in_the_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "functions.gateway.edge"):
        response = await world.send("viewer", "GET", "/intents")
    fields = logs.fields_of(caplog.records[-1])
    assert fields.pop("ms") > 0
    assert fields == {
        "request_id": response.headers["x-request-id"],
        "tenant_id": "acme",
        "route": "list_intents",
        "status": 200,
    }


async def test_why_a_token_is_refused_is_in_the_log_and_not_in_the_answer(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "functions.gateway.edge"):
        response = await world.send(None, "GET", "/intents", headers={"Authorization": "Bearer x"})
    assert "three parts" in caplog.text
    assert "three parts" not in response.text


async def test_a_store_that_is_away_is_503_with_retry_after(broken: World) -> None:
    response = await broken.send("viewer", "GET", "/intents/deploy")
    assert response.status_code == 503
    assert response.json()["code"] == "UNAVAILABLE"
    assert response.headers["retry-after"] == "3"


@pytest.mark.usefixtures("identified")
async def test_an_unexpected_error_tells_the_caller_nothing_and_the_log_everything(
    defective: World, caplog: pytest.LogCaptureFixture
) -> None:
    response = await defective.send("viewer", "GET", "/intents/deploy")
    assert response.status_code == 500
    assert response.json()["code"] == "INTERNAL"
    assert "secret detail" not in response.text
    record = next(record for record in caplog.records if record.exc_info)
    assert "secret detail" in caplog.text
    assert logs.fields_of(record)["request_id"] == response.headers["x-request-id"]
