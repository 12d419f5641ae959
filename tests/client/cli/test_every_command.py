"""Every command, once at least, in a process of its own against a real host."""

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from string import Template

import pytest
import typer
import yaml

from examples import hosting
from quantum.cli.app import app
from quantum.cli.reference import commands
from tests.client.cli.conftest import Command
from tests.client.conftest import token_of

WHO = {"type": "object", "properties": {"who": {"type": "string", "default": "you"}}}
FILES = {
    "greet": {
        "parameters": WHO,
        "steps": [{"id": "say", "action": "transform", "value": "hello, ${{ parameters.who }}"}],
        "outputs": {"said": "${{ steps.say.outputs.value }}"},
    },
    "asks": {"steps": [{"id": "sign-off", "action": "approval", "allow_self": True}]},
    "rests": {"steps": [{"id": "rest", "action": "wait", "seconds": 600}]},
    "fails": {"steps": [{"id": "check", "action": "assert", "condition": "1 > 2"}]},
    # It stands before what it runs, and is made behind it.
    "calls": {"steps": [{"id": "call", "action": "run-intent", "intent": "all-greet"}]},
}
MANIFEST = {
    "description": "Scans images.",
    "actions": {
        "scan": {
            "description": "Scans.",
            "side_effect": "pure",
            "parameters": {"type": "object"},
            "outputs": {"type": "object"},
        }
    },
}
STORIES = {
    "intents": r"""
intents init                                                         ~ sign-off
intents schema                                                       ~ transform
intents validate folder                                              ~ ✓ folder/calls.yaml
intents apply -f folder --yes                                        ~ all-calls-v1 created
intents validate folder                                              ~ ✓ folder/calls.yaml
intents apply -f folder                                              ~ = all-greet unchanged
intents list -q all-greet --sort=-updated_at -o ids                  ~ all-greet-v1
intents get all-greet                                                ~ hello
intents set all-greet --label team:web --description greets          ~ all-greet-v1 active
intents list --label team:web                                        ~ greets
intents apply -f changed.yaml -y -m politer                          ~ all-greet-v2 updated
intents versions all-greet                                           ~ politer
intents diff all-greet                                               ~ good morning
intents rollback all-greet 1                                         ~ all-greet-v3
plan all-greet -p who=Ada                                            ~ quantum execute all-greet
""",
    "executions": r"""
intents apply -f folder --yes                                        ~ all-greet
dry-run all-greet                                                    ~ completed
execute all-greet -p who=Ada --watch                                 ~ said: hello, Ada
executions list --intent all-greet --no-dry-runs --limit 1 -o ids    ~ ^(\w{26})           > greeted
executions get $greeted                                              ~ completed
executions step $greeted say                                         ~ doing it
executions outputs $greeted say                                      ~ hello, Ada
executions events $greeted                                           ~ execution_completed
executions watch $greeted                                            ~ ✓ $greeted completed
execute all-asks                                                     ~ ^(\w{26})           > asked
executions approvals --mine                                          ~~ $asked
executions approve $asked --comment yes                              ~ sign-off approved
execute all-asks                                                     ~ ^(\w{26})           > asked
executions approvals                                                 ~~ $asked
executions reject $asked sign-off                                    ~ sign-off rejected
execute all-fails --watch                                            ~ failed in step check    = 1
executions retry --intent all-fails --yes                            ~ (pending|running|failed)
execute all-rests                                                    ~ ^(\w{26})           > resting
executions pause --intent all-rests --yes                            ~ $resting paused
executions resume $resting                                           ~ $resting (pending|running|waiting)
executions cancel $resting --reason enough                           ~ $resting cancel
execute all-rests                                                    ~ ^(\w{26})           > resting
executions terminate --intent all-rests                              ~ say --yes               = 2
executions terminate --intent all-rests -y                           ~ $resting cancel
intents archive all-calls all-asks                                   ~ all-calls archived
""",
    "what a tenant keeps": r"""
intents apply -f folder --yes                                        ~ all-greet
members set zoe --role viewer --issuer urn:quantum:local --subject z ~ zoe is viewer
members list                                                         ~ zoe
members get zoe                                                      ~ viewer
policies set all-rule rule.cedar                                     ~ all-rule is asked
policies list                                                        ~ all-rule
policies get all-rule                                                ~ forbid
policies check intents.execute --user zoe --address 192.0.2.7        ~ allowed +no             = 1
members delete zoe                                                   ~ zoe deleted
policies delete all-rule                                             ~ all-rule deleted
secrets set ALL_TOKEN < made by chance                               ~ ALL_TOKEN has version 1
secrets list                                                         ~ ALL_TOKEN
secrets get ALL_TOKEN                                                ~ version: 1
secrets delete ALL_TOKEN                                             ~ ALL_TOKEN deleted
schedules set all-nightly all-greet --cron @daily --start 2030-01-01T00:00:00Z ~ next: 2030
schedules preview @daily --timezone Europe/Berlin                    ~ 2[23]:00:00Z
schedules list                                                       ~ all-nightly
schedules get all-nightly                                            ~ all-greet
schedules pause all-nightly                                          ~ all-nightly paused
schedules resume all-nightly                                         ~ all-nightly active
schedules delete all-nightly                                         ~ all-nightly deleted
subscriptions set all-ops https://8.8.8.8/ --event execution_failed  ~ signed with
subscriptions list                                                   ~ all-ops
subscriptions get all-ops                                            ~ execution_failed
subscriptions deliveries all-ops                                     ~ STATUS
subscriptions delete all-ops                                         ~ all-ops deleted
modules set all-scanner https://8.8.8.8/scanner manifest.yaml        ~ signed with whsec_
modules list                                                         ~ all-scanner
modules get all-scanner                                              ~ Scans
modules rotate-key all-scanner                                       ~ signed with whsec_
modules delete all-scanner                                           ~ all-scanner deleted
contexts upload folder                                               ~ upload:sha256:
""",
    "the platform and the person": r"""
intents apply -f folder --yes                                        ~ all-greet
whoami                                                               ~ ada@acme
health                                                               ~ documents +ok
stats                                                                ~ STARTED
audit list --action intent.create                                    ~ ada@acme
audit verify --intent all-greet                                      ~ ✓ whole
audit export trail.ndjson                                            ~ [0-9]+ records
tenant list                                                          ~ acme
tenant use acme                                                      ~ acme is meant
tenant get                                                           ~ id: acme
tenant usage                                                         ~ schedules
tenant set -s quotas.secrets=50                                      ~ acme has other settings
tenant export acme acme.ndjson                                       ~ [0-9]+ records
profile list                                                         ~ default
profile use default                                                  ~ default is meant
profile delete default                                               ~ default is forgotten
logout                                                               ~ Nobody was signed in
""",
}
ADMINISTRATION = """
tenant create all-new --user eve --issuer urn:quantum:local --subject eve  ~ all-new is active
tenant list --all --status active                                          ~ all-new
tenant allow all-new -s quotas.intents=5 -s max_concurrent_executions=2    ~ all-new may have at most
tenant get all-new                                                         ~ intents: 5
tenant suspend all-new --reason 'it is over'                               ~ all-new is suspended
tenant resume all-new --reason 'it is not'                                 ~ all-new is active
tenant erase all-new --confirm all-new                                     ~ only a suspended tenant  = 5
tenant suspend all-new --reason 'it is over'                               ~ all-new is suspended
tenant erase all-new                                                       ~ --confirm all-new        = 2
tenant erase all-new --confirm all-old                                     ~ nothing was done         = 2
tenant erase all-new --confirm all-new                                     ~ all-new is eras
"""
ELSEWHERE = {
    "quantum login": "test_sign_in.py",
    "quantum up": "test_local.py",
    "quantum token": "test_local.py",
    "quantum demo": "test_local.py",
}
LINE = re.compile(
    r"(?P<words>.+?)(?: < (?P<stdin>.+?))? +~(?P<later>~?) (?P<says>.+?)(?: +(?P<then>[=>]) (?P<value>\w+))?"
)


PATIENCE = 60
"""Seconds."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    texts = {name: yaml.safe_dump({"name": f"all-{name}", "definition": one}) for name, one in FILES.items()}
    for name, text in texts.items():
        (tmp_path / "folder" / f"{name}.yaml").write_text(text)
    changed = texts["greet"].replace("hello", "good morning")
    (tmp_path / "changed.yaml").write_text(changed)
    (tmp_path / "manifest.yaml").write_text(yaml.safe_dump(MANIFEST))
    rule = 'forbid (principal, action, resource) when { principal.hasTag("banned") };'
    (tmp_path / "rule.cedar").write_text(rule)
    return tmp_path


def tell(story: str, quantum: Command, folder: Path) -> None:
    """Run it line by line: a command < its input ~ what it says = its exit status > a name for that.

    What is behind ~~ it says sooner or later.
    """
    named: dict[str, str] = {}
    for line in filter(None, story.splitlines()):
        parts = LINE.fullmatch(line)
        assert parts, line
        words = shlex.split(Template(parts["words"]).safe_substitute(named))
        says = Template(parts["says"]).safe_substitute(named)
        deadline = time.monotonic() + (PATIENCE if parts["later"] else 0)
        while True:
            ran = quantum.forked(*words, stdin=parts["stdin"] or "", folder=folder)
            assert ran.returncode == (int(parts["value"]) if parts["then"] == "=" else 0), (line, ran)
            said = re.search(says, ran.stdout + ran.stderr, re.MULTILINE)
            if said or time.monotonic() > deadline:
                break
        assert said, (line, ran)
        if parts["then"] == ">":
            named[parts["value"]] = said[1]


@pytest.mark.parametrize("story", STORIES)
def test_a_tenant_is_used_by_every_command(quantum: Command, folder: Path, story: str) -> None:
    tell(STORIES[story], quantum, folder)


def test_the_platform_is_administered(quantum: Command, folder: Path, host: hosting.Host) -> None:
    root = token_of(host, tenant="platform", user="root", role="platform-admin")
    administrator = {"QUANTUM_TOKEN": root, "QUANTUM_TENANT": "platform"}
    tell(ADMINISTRATION, Command({**quantum.environment, **administrator}), folder)


def test_there_is_no_command_that_no_test_runs() -> None:
    lines = [
        LINE.fullmatch(line) for line in "\n".join([*STORIES.values(), ADMINISTRATION]).splitlines() if line
    ]
    said = {f"quantum {line['words']} " for line in lines if line}
    known = [words for words, _ in commands(typer.main.get_command(app))]
    run = {words for words in known if any(one.startswith(f"{words} ") for one in said)}
    assert sorted(set(known) - run - ELSEWHERE.keys()) == []
    for words, file in ELSEWHERE.items():
        verb = words.removeprefix("quantum ")
        assert f'"{verb}"' in (Path(__file__).parent / file).read_text()


def test_the_release_is_that_of_the_project(quantum: Command, host: hosting.Host) -> None:
    project = (hosting.ROOT / "pyproject.toml").read_text()
    (release,) = re.findall(r'^version = "(.+)"$', project, re.MULTILINE)
    ran = quantum.forked("--version")
    assert ran.stdout == f"quantum  {release}\nplatform {release} at {host.url}\n"
    ran = quantum.forked("--version", QUANTUM_URL="http://127.0.0.1:9")
    assert ran.returncode == 0
    assert ran.stdout.startswith(f"quantum  {release}\nplatform unknown: http://127.0.0.1:9 does not answer")


def test_without_a_command_there_is_help(quantum: Command) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "quantum.cli"], cwd=hosting.ROOT, check=False, capture_output=True, text=True
    )
    assert (ran.returncode, "executions" in ran.stdout) == (2, True)
