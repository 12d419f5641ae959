"""What people do with it all day, against a real host."""

import json
import sys
from pathlib import Path

import pytest
import yaml

from quantum.cli.exits import Exit
from tests.client.cli.conftest import Command
from tests.client.cli.terminal import Terminal

FAILING = {"steps": [{"id": "check", "action": "assert", "condition": "false", "message": "it is not good"}]}


def written(folder: Path, name: str, definition: object, **more: object) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"name": name, "definition": definition, **more}))
    return path


def said(text: object) -> dict[str, object]:
    return {"steps": [{"id": "say", "action": "transform", "value": text}]}


def test_a_folder_is_applied_after_its_plan_was_shown(quantum: Command, tmp_path: Path) -> None:
    folder = tmp_path / "intents"
    folder.mkdir()
    one = written(folder, "cli-one", said("one"), description="says one", labels={"cli": "story"})
    written(folder, "cli-two", said("two"), description="says two", labels={"cli": "story"})

    refused = quantum("intents", "apply", "-f", str(folder))
    assert refused.exit_code == Exit.USAGE
    assert "+ cli-one create" in refused.stdout
    assert "say --yes" in refused.stderr
    assert quantum("intents", "get", "cli-one").exit_code == Exit.NOT_FOUND

    assert "2 to create\n" in refused.stdout
    assert "cli-two-v1 created" in quantum.ok("intents", "apply", "-f", str(folder), "--yes")
    assert "= cli-one unchanged" in quantum.ok("intents", "apply", "-f", str(folder), "--yes")
    written(folder, "cli-one", said("uno"), description="says one", labels={"cli": "story"})
    planned = quantum.ok("intents", "apply", "-f", str(one), "--plan")
    assert "~ cli-one update" in planned
    assert "-    value: one\n    +    value: uno" in planned.replace("    -", "-").replace("\n+", "\n    +")
    assert "cli-one-v2 updated" in quantum.ok("intents", "apply", "-f", str(one), "-y", "-m", "Italian")

    assert quantum.ok("intents", "list", "--label", "cli:story", "-o", "ids").split() == [
        "cli-one-v2",
        "cli-two-v1",
    ]
    assert "replaced" in quantum.ok("intents", "diff", "cli-one") or "uno" in quantum.ok(
        "intents", "diff", "cli-one"
    )
    assert "Italian" in quantum.ok("intents", "versions", "cli-one")
    assert quantum.ok("intents", "rollback", "cli-one", "1") == "cli-one-v3\n"
    shown = yaml.safe_load(quantum.ok("intents", "get", "cli-one", "-o", "yaml"))
    assert shown["definition"] == said("one")
    listed = quantum.ok("intents", "list", "--label", "cli:story", "-o", "ids")
    assert quantum.ok("intents", "archive", "-", stdin=listed) == "cli-one archived\ncli-two archived\n"
    written(folder, "cli-one", said("eins"))
    ran = quantum("intents", "apply", "-f", str(folder), "--yes")
    assert (ran.exit_code, "intents set cli-one --status active" in ran.stdout) == (Exit.USAGE, True)


def test_every_blueprint_is_an_intent_to_begin_with(quantum: Command) -> None:
    names = [line.split()[0] for line in quantum.ok("intents", "init").splitlines()]
    assert names == ["check-service", "deploy-web-app", "sign-off"]
    for name in names:
        text = quantum.ok("intents", "init", name)
        assert quantum.ok("intents", "validate", "-", stdin=text).startswith("✓ - ")
    assert quantum("intents", "init", "bake-bread").exit_code == Exit.NOT_FOUND


def test_a_token_for_this_machine_is_printed(quantum: Command, tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "data"))
    ran = quantum.spawn("token", "--tenant", "acme", "--user", "ada", "--role", "viewer", *data)
    assert (ran.returncode, ran.stdout.count(".")) == (0, 2)


def test_nothing_is_applied_when_one_file_is_wrong(quantum: Command, tmp_path: Path) -> None:
    written(tmp_path, "cli-good", said("good"))
    wrong = written(tmp_path, "cli-wrong", {"steps": [{"action": "bake-bread"}]})
    ran = quantum("intents", "apply", "-f", str(tmp_path), "--yes")
    assert ran.exit_code == Exit.USAGE
    assert "/definition/steps/0/action" in ran.stdout
    assert quantum("intents", "get", "cli-good").exit_code == Exit.NOT_FOUND
    assert quantum("intents", "validate", str(wrong)).exit_code == Exit.USAGE
    wrong.write_text("name: [")
    ran = quantum("intents", "validate", str(wrong))
    assert (ran.exit_code, "cannot be read" in ran.stderr) == (Exit.USAGE, True)


def test_an_execution_is_planned_watched_and_looked_at(quantum: Command, tmp_path: Path) -> None:
    parameters = {"type": "object", "properties": {"who": {"type": "string"}, "times": {"type": "integer"}}}
    definition = said("${{ parameters.who }}") | {
        "parameters": parameters,
        "outputs": {"n": "${{ parameters.times }}"},
    }
    quantum.ok("intents", "apply", "-y", "-f", str(written(tmp_path, "cli-greet", definition)))
    given = ("-p", "who=Ada", "-p", "times=3")
    planned = json.loads(quantum.ok("plan", "cli-greet", *given, "-o", "json"))
    assert planned["parameters"] == {"who": "Ada", "times": 3}
    assert "completed" in quantum.ok("dry-run", "cli-greet", *given)

    ran = quantum.spawn("execute", "cli-greet", *given, "--plan", planned["plan_hash"], "--watch")
    assert ran.returncode == 0, ran
    lines = ran.stdout.splitlines()
    assert [line.split()[-1] for line in lines[:4]] == [
        "execution_started",
        "say",
        "say",
        "execution_completed",
    ]
    assert lines[-1] == "  n: 3"
    execution = lines[-2].split()[1]
    assert quantum.ok("executions", "list", "--intent", "cli-greet", "-o", "ids").split()[0] == execution
    assert '"value": "Ada"' in quantum.ok("executions", "get", execution, "-o", "json")
    assert quantum.ok("executions", "events", execution).splitlines()[0].endswith("execution_started")
    types = [
        json.loads(line)["type"]
        for line in quantum.ok("executions", "events", execution, "-f", "-o", "json").splitlines()
    ]
    assert types[-1] == "execution_completed"
    assert quantum("execute", "cli-greet", "--plan", "sha256:" + "0" * 64).exit_code == Exit.CONFLICT
    assert quantum("execute", "cli-greet", "-p", "who").exit_code == Exit.USAGE


def test_what_an_intent_declares_as_text_is_text_however_it_reads(quantum: Command, tmp_path: Path) -> None:
    properties = {"version": {"type": "string"}, "copies": {"type": "integer"}}
    definition = said("${{ parameters.version }}") | {
        "parameters": {"type": "object", "properties": properties}
    }
    quantum.ok("intents", "apply", "-y", "-f", str(written(tmp_path, "cli-text", definition)))
    given = ("-p", "version=1.4", "-p", "copies=2")
    meant = {"version": "1.4", "copies": 2}
    assert json.loads(quantum.ok("plan", "cli-text", *given, "-o", "json"))["parameters"] == meant
    execution = quantum.ok("execute", "cli-text", *given).strip()
    assert json.loads(quantum.ok("executions", "get", execution, "-o", "json"))["parameters"] == meant
    quantum.ok("schedules", "set", "cli-texts", "cli-text", "--cron", "@yearly", *given)
    assert json.loads(quantum.ok("schedules", "get", "cli-texts", "-o", "json"))["parameters"] == meant
    assert quantum("execute", "cli-text", "-p", "copies=two").exit_code == Exit.USAGE


def test_a_failure_is_the_exit_status_with_its_cause_and_what_to_do(quantum: Command, tmp_path: Path) -> None:
    quantum.ok("intents", "apply", "-y", "-f", str(written(tmp_path, "cli-fails", FAILING)))
    ran = quantum("execute", "cli-fails", "--watch")
    assert ran.exit_code == Exit.FAILED
    assert "failed in step check" in ran.stdout
    assert "it is not good" in ran.stdout
    execution = quantum.ok("executions", "list", "--intent", "cli-fails", "-o", "ids").strip()
    assert f"quantum executions retry {execution} --watch" in ran.stdout
    assert quantum("executions", "retry", execution, "--watch").exit_code == Exit.FAILED
    assert quantum("executions", "cancel", execution).exit_code == Exit.CONFLICT, "it has ended"


def test_approvals_are_found_and_given(quantum: Command, tmp_path: Path) -> None:
    asking = {"steps": [{"id": "sign-off", "action": "approval", "message": "shall we?", "allow_self": True}]}
    quantum.ok("intents", "apply", "-y", "-f", str(written(tmp_path, "cli-asks", asking)))
    for verb, ends in (("approve", Exit.OK), ("reject", Exit.FAILED)):
        execution = quantum.ok("execute", "cli-asks").strip()
        while execution not in (waiting := quantum.ok("executions", "approvals")):
            pass
        assert "shall we?" in waiting
        assert "sign-off" in quantum.ok("executions", verb, execution, "--comment", "so be it")
        assert quantum("executions", "watch", execution).exit_code == ends


@pytest.fixture
def long_run(quantum: Command, tmp_path: Path) -> str:
    steps = {
        "steps": [
            {"id": "quick", "action": "transform", "value": 1},
            {"id": "rest", "action": "wait", "seconds": 600},
        ]
    }
    quantum.ok("intents", "apply", "-y", "-f", str(written(tmp_path, "cli-long", steps)))
    return quantum.ok("execute", "cli-long").strip()


def test_the_live_view_shows_the_steps_and_ctrl_c_detaches(quantum: Command, long_run: str) -> None:
    words = [sys.executable, "-m", "quantum.cli", "executions", "watch", long_run]
    terminal = Terminal(words, quantum.environment)
    terminal.until("✓ quick")
    terminal.until("▶ rest")
    terminal.until("waits for a timer until ")
    terminal.until("50 %")
    terminal.interrupt()
    assert terminal.end() == Exit.INTERRUPTED
    assert "\x1b[1A" in terminal.text, "it is drawn anew in its place"
    assert f"{long_run} goes on. To come back: quantum executions watch {long_run}" in terminal.text
    assert "Traceback" not in terminal.text

    other = quantum.ok("execute", "cli-long").strip()
    ran = quantum("executions", "pause", "nowhere", "-", stdin=f"{long_run}\n{other}\n")
    assert ran.exit_code == Exit.NOT_FOUND, "the others are paused although one is not there"
    assert len(ran.stdout.splitlines()) == 2
    terminal = Terminal(words, quantum.environment)
    terminal.until("‖ cli-long")
    quantum.ok("executions", "resume", long_run)
    quantum.ok("executions", "cancel", long_run, other, "--reason", "enough")
    assert terminal.end() == Exit.FAILED
    assert "cancelled" in terminal.text
    assert "enough" in terminal.text


def test_what_a_tenant_keeps_is_set_and_deleted(quantum: Command, tmp_path: Path) -> None:
    assert quantum.ok("secrets", "set", "CLI_TOKEN", stdin="made by chance\n") == "CLI_TOKEN has version 1\n"
    assert "made by chance" not in quantum.ok("secrets", "get", "CLI_TOKEN", "-o", "json")
    quantum.ok("intents", "apply", "-y", "-f", str(written(tmp_path, "cli-nightly", said(1))))
    assert "is active" in quantum.ok("schedules", "set", "cli-nightly", "cli-nightly", "--cron", "@daily")
    assert quantum.ok("schedules", "pause", "cli-nightly") == "cli-nightly paused\n"
    assert quantum.ok("schedules", "resume", "cli-nightly") == "cli-nightly active\n"
    rule = tmp_path / "rule.cedar"
    rule.write_text('forbid (principal, action, resource) when { principal.hasTag("banned") };')
    quantum.ok("policies", "set", "cli-banned", str(rule))
    quantum.ok("subscriptions", "set", "cli-ops", "https://8.8.8.8/", "--event", "execution_failed")
    assert quantum.ok("subscriptions", "deliveries", "cli-ops", "-o", "ids") == ""
    member = ("--issuer", "urn:quantum:local", "--subject", "zoe", "--attribute", "on_call=true")
    assert quantum.ok("members", "set", "zoe", "--role", "viewer", *member) == "zoe is viewer\n"
    assert json.loads(quantum.ok("members", "get", "zoe", "-o", "json"))["attributes"] == {"on_call": True}
    assert quantum("policies", "check", "intents.execute", "--user", "zoe").exit_code == Exit.FAILED
    action = {
        "description": "Scans.",
        "side_effect": "pure",
        "parameters": {"type": "object"},
        "outputs": {"type": "object"},
    }
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(yaml.safe_dump({"description": "Scans images.", "actions": {"scan": action}}))
    assert "signed with whsec_" in quantum.ok(
        "modules", "set", "cli-scanner", "https://8.8.8.8/scanner", str(manifest)
    )
    assert "signed with whsec_" in quantum.ok("modules", "rotate-key", "cli-scanner")
    for noun, name in (
        ("secrets", "CLI_TOKEN"),
        ("schedules", "cli-nightly"),
        ("policies", "cli-banned"),
        ("subscriptions", "cli-ops"),
        ("members", "zoe"),
        ("modules", "cli-scanner"),
    ):
        assert name in quantum.ok(noun, "list", "-o", "ids").split()
        assert quantum.ok(noun, "delete", name) == f"{name} deleted\n"
        assert quantum(noun, "delete", name).exit_code == Exit.NOT_FOUND
    assert "http-request" in quantum.ok("modules", "get", "http")


def test_the_trail_is_exported_and_verified(quantum: Command, tmp_path: Path) -> None:
    from quantum.audit import WHOLE
    from quantum.audit import main as verify

    file = tmp_path / "trail.ndjson"
    quantum.ok("audit", "export", str(file))
    assert verify(["verify", str(file)]) == WHOLE
    assert "✓ whole" in quantum.ok("audit", "verify")
    assert "intent.create" in quantum.ok("audit", "list", "--action", "intent.create", "--limit", "1")


def test_refusals_have_their_exit_status_and_say_what_to_do(quantum: Command, viewer: str) -> None:
    ran = quantum("execute", "anything", QUANTUM_TOKEN=viewer)
    assert ran.exit_code in {Exit.AUTHENTICATION, Exit.NOT_FOUND}
    ran = quantum("whoami", QUANTUM_TOKEN="nonsense")
    assert (ran.exit_code, "quantum login" in ran.stderr) == (Exit.AUTHENTICATION, True)
    ran = quantum("executions", "list", "--status", "nonsense")
    assert (ran.exit_code, "/query/status" in ran.stderr) == (Exit.USAGE, True)
    ran = quantum("whoami", QUANTUM_URL="http://127.0.0.1:9", QUANTUM_TOKEN="")
    assert (ran.exit_code, "make up" in ran.stderr) == (Exit.FAILED, True)
    ran = quantum("whoami", QUANTUM_URL="http://quantum.example.com")
    assert (ran.exit_code, "not encrypted" in ran.stderr) == (Exit.USAGE, True)
