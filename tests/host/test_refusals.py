"""What keeps a host from starting, and what it says about it."""

import json
import shutil
import socket
import sys
from pathlib import Path

import pytest

from examples.hosting import ROOT
from localhost.app.loading import load_app
from localhost.app.problems import StartupError
from tests.host.running import APPS, refused

APP = "import azure.functions as func\napp = func.FunctionApp()\n"
FUNCTION = "@app.route(route='a')\ndef {name}(req: func.HttpRequest) -> str:\n    return ''\n"


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the host says about the app in which everything is wrong."""
    return refused(APPS / "broken", tmp_path_factory.mktemp("broken"))


@pytest.mark.parametrize(
    ("function", "reason", "mend"),
    [
        ("same_route", "GET /api/First/{name} is also the route of first", "another route or other methods"),
        ("bad_constraint", "a route constraint that does not exist: integer", ""),
        ("bad_braces", "the braces in 'api/open/{id' do not match", ""),
        ("union_return", "invalid non-type return annotation", "plain class"),
        ("extra_parameter", "declared in Python but not in the function definition", "named by a trigger"),
        ("bad_schedule", "99 is not in 0-59, the range of the minute field", "Six fields"),
        ("missing_setting", "the setting NO_SUCH_SETTING is not set", "local.settings.json"),
        ("from_queue", "queueTrigger is not served by the local host", "AzureWebJobs.from_queue.Disabled"),
        ("to_blob", "the output binding blob (blob) is not served", "client library"),
        ("is_async", "the orchestrator is `async def`", "use yield"),
        ("generic_input", "invalid non-type annotation", "typing.List"),
        ("other_activity", "2 functions are the activity 'twice'", "rename"),
    ],
)
def test_every_mistake_is_named_with_how_to_mend_it(
    complaints: str, function: str, reason: str, mend: str
) -> None:
    entry = next(part for part in complaints.split("\n  - ") if part.startswith(f"{function}: "))

    assert reason in entry
    assert mend in entry


@pytest.fixture(autouse=True)
def _own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))  # loading an app puts its folder there


def refusal(app: Path) -> str:
    """What the host would print instead of loading ``app``."""
    with pytest.raises(StartupError) as refused_with:
        load_app(app, {})
    return str(refused_with.value)


def make_app(folder: Path, source: str, host_json: str = '{"version": "2.0"}') -> Path:
    folder.mkdir()
    (folder / "function_app.py").write_text(source)
    (folder / "host.json").write_text(host_json)
    return folder


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import azure.functions as func\n\ndef (", ["function_app.py, line 3", "SyntaxError"]),
        ("import no_such_package\n", ["line 1", "ModuleNotFoundError", "requirements.txt"]),
        ("x = 1\n", ["No app object", "df.DFApp()"]),
        (APP, ["no function is registered"]),
        (APP + "app2 = app\n" + FUNCTION.format(name="one"), ["app, app2", "alias"]),
        (APP + FUNCTION.format(name="one") * 2, ["one: 2 functions have this name"]),
    ],
    ids=["syntax", "import", "no app", "no function", "two apps", "same name"],
)
def test_an_app_that_cannot_be_loaded_is_named_with_the_place(
    tmp_path: Path, source: str, words: list[str]
) -> None:
    said = refusal(make_app(tmp_path / "app", source))

    assert [word for word in words if word not in said] == []


@pytest.mark.parametrize(
    ("host_json", "words"),
    [
        ('{"version": "2.0",\n  oops}', ["host.json, line 2, column 3"]),
        ("[]", ["expected a JSON object, found list"]),
        ('{"version": "1.0"}', ["version", 'expected "2.0"']),
        (
            json.dumps({"version": "2.0", "extensions": {"durableTask": {"hubName": "%HUB%"}}}),
            ["extensions.durableTask.hubName", "the setting HUB is not set"],
        ),
        (
            json.dumps({"version": "2.0", "extensions": {"durableTask": {"hubName": "a b"}}}),
            ["'a b' is not a task hub name"],
        ),
    ],
    ids=["not JSON", "not an object", "version", "missing setting", "hub name"],
)
def test_a_broken_host_json_is_named_with_the_place(tmp_path: Path, host_json: str, words: list[str]) -> None:
    app = make_app(tmp_path / "app", APP + FUNCTION.format(name="one"), host_json)

    said = refusal(app)

    assert [word for word in words if word not in said] == []


def test_a_folder_without_an_app_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path)

    assert "function_app.py" in said
    assert "PYTHON_SCRIPT_FILE_NAME" in said


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(APPS / "streaming", tmp_path / "data", "--port", str(port))

    assert f"127.0.0.1:{port}" in said
    assert "--port 0" in said


def test_a_damaged_task_hub_is_named_and_nothing_else_is_said(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "quantum.db").write_bytes(b"not a database" * 1000)

    said = refused(ROOT, data)

    assert f"{data / 'quantum.db'} cannot be opened: file is not a database" in said
    assert len(said.splitlines()) == 3, said


def test_a_trigger_without_a_source_on_this_machine_is_refused(tmp_path: Path) -> None:
    shutil.copytree(APPS / "fed", tmp_path / "fed")

    said = refused(tmp_path / "fed", tmp_path / "data")

    assert "there is no container named 'things' on this machine" in said
    assert "there is no event hub named 'facts' on this machine" in said
