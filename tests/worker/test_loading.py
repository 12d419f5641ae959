"""The platform's app in Microsoft's worker: it loads, and every function is what Azure expects."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from examples import hosting
from functions.routes.console import CONSOLE
from functions.routes.table import ROUTES
from localhost.identity.keystore import KeyStore
from tests.worker.settings import BARE, IN_AZURE, on_one_machine


def loaded(app: Path, settings: Mapping[str, str]) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.worker.load", str(app)],
        cwd=hosting.ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answer: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return answer


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    data = tmp_path_factory.mktemp("data")
    KeyStore(data)  # the first start in a folder makes a key, which takes the cryptography
    return loaded(hosting.ROOT, on_one_machine(data))


@pytest.fixture(scope="module")
def in_azure() -> dict[str, Any]:
    return loaded(hosting.ROOT, IN_AZURE)


def bindings(worker: dict[str, Any], type: str) -> dict[str, dict[str, Any]]:
    """The binding of that type of each function that has one."""
    return {
        name: binding
        for name, own in worker["functions"].items()
        for binding in own
        if binding["type"] == type
    }


def libraries(worker: dict[str, Any]) -> set[str]:
    """What it loaded that is neither Python's nor ours; of the names that many share, the second part too."""
    known = sys.stdlib_module_names | {"function_app", "functions", "localhost", "quantum", "shared", "tests"}
    found = (name.split(".") for name in worker["modules"])
    shared = {"azure", "google", "opentelemetry"}
    return {".".join(parts[: 2 if parts[0] in shared else 1]) for parts in found if parts[0] not in known}


def test_the_worker_loads_the_app(worker: dict[str, Any]) -> None:
    assert (worker["status"], worker["exception"]) == (1, None)


def test_with_the_settings_of_azure_the_same_app_loads(
    worker: dict[str, Any], in_azure: dict[str, Any]
) -> None:
    assert (in_azure["status"], in_azure["exception"]) == (1, None)
    assert in_azure["functions"] == worker["functions"]


def test_a_start_in_azure_asks_no_other_machine(in_azure: dict[str, Any]) -> None:
    assert in_azure["asked"] == []


@pytest.mark.parametrize("start", ["worker", "in_azure"])
def test_a_start_waits_for_no_library_that_it_may_never_need(
    start: str, request: pytest.FixtureRequest
) -> None:
    """Whatever else is needed (SDKs, cryptography, clients, schemas) is loaded by who needs it first."""
    bare = loaded(BARE, {})
    assert bare["functions"]
    assert libraries(request.getfixturevalue(start)) <= libraries(bare)


def test_the_app_needs_nothing_that_is_left_out_of_its_package(in_azure: dict[str, Any]) -> None:
    lines = (hosting.ROOT / ".funcignore").read_text().splitlines()
    left_out = {line.strip("/").replace("/", ".") for line in lines if line.endswith("/")}
    assert "localhost" in left_out
    loader = {"tests", "tests.worker"}
    needed = {name for name in in_azure["modules"] for part in left_out if f"{name}.".startswith(f"{part}.")}
    assert needed <= loader


def test_the_policies_are_in_its_package() -> None:
    lines = (hosting.ROOT / ".funcignore").read_text().split()
    policies = list((hosting.ROOT / "shared/security/policies").iterdir())
    assert {path.suffix for path in policies} == {".cedar", ".cedarschema"}
    for part in ("shared", "security", "policies", *(path.name for path in policies)):
        assert not any(fnmatch(part, line.strip("/")) for line in lines), part


def test_http_is_served_by_the_workers_own_server_so_that_events_can_stream(worker: dict[str, Any]) -> None:
    assert worker["capabilities"]["HttpUri"].startswith("http://127.0.0.1:")


def test_the_worker_knows_every_route_of_the_contract(worker: dict[str, Any]) -> None:
    served = {
        (method, binding["route"])
        for binding in bindings(worker, "httpTrigger").values()
        for method in binding["methods"]
    }
    assert {(route.method, route.template.removeprefix("/")) for route in (*ROUTES, *CONSOLE)} <= served


def test_the_edge_alone_decides_who_may_call(worker: dict[str, Any]) -> None:
    levels = {str(binding["authLevel"]).upper() for binding in bindings(worker, "httpTrigger").values()}
    assert levels == {"ANONYMOUS"}


@pytest.mark.parametrize("type", ["orchestrationTrigger", "activityTrigger"])
def test_durable_functions_say_that_they_need_grpc(worker: dict[str, Any], type: str) -> None:
    """By this mark the host picks the protocol of Durable Functions 2.x (durableRequiresGrpc)."""
    found = bindings(worker, type)
    assert found
    assert all(binding["durableRequiresGrpc"] for binding in found.values())


def test_what_needs_orchestrations_is_given_the_starter_and_not_a_client_of_its_own(
    worker: dict[str, Any],
) -> None:
    clients = bindings(worker, "durableClient")
    assert {"execute_intent", "cancel_execution", "recover_executions"} <= set(clients)
    assert all(binding["durableRequiresGrpc"] for binding in clients.values())


def test_every_timer_has_a_schedule_of_six_fields(worker: dict[str, Any]) -> None:
    schedules = [binding["schedule"] for binding in bindings(worker, "timerTrigger").values()]
    assert schedules
    assert all(len(schedule.split()) == 6 for schedule in schedules)


def test_an_app_with_a_mistake_is_refused_with_the_reason(tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "host.json").write_text('{"version": "2.0"}')
    (app / "function_app.py").write_text(
        "import azure.functions as func\n"
        "app = func.FunctionApp()\n"
        "@app.timer_trigger(arg_name='timer', schedule='0 0 * * * *')\n"
        "def tick(clock: func.TimerRequest) -> None: ...\n"
    )
    worker = loaded(app, on_one_machine(tmp_path / "data"))
    assert worker["functions"] == {}
    assert "tick" in worker["exception"]
