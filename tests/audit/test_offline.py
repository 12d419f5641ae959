"""The command that verifies an export: what it says of what is none, or cannot be read."""

import subprocess
import sys
from pathlib import Path

import pytest

from examples.hosting import ROOT
from quantum.audit import Export, findings, main
from shared.ports.documents import REGISTRY
from shared.security.decisions import Decision
from shared.security.principals import Origin
from shared.security.scope import TenantScope
from shared.services.audit.chains import Act, Chain, Chains, record_of
from tests.audit.chains import ACT, write
from tests.fakes.clock import START


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the manifest is missing"),
        ("{}\n", "line 1: it is no audit record"),
        ("not json\n", "line 1: it is not JSON"),
        ('{"manifest": {"records": 0}}\n{}\n', "line 2: it stands behind the manifest"),
        ('{"manifest": {"records": 3, "chains": []}}\n', "the manifest counts 3 records, the file has 0"),
    ],
)
def test_what_is_no_whole_export_is_said_to_be_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, said: str
) -> None:
    file = tmp_path / "export.ndjson"
    file.write_text(content)
    assert main(["verify", str(file)]) == 1
    assert said in capsys.readouterr().out


def test_a_file_that_cannot_be_read_is_no_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path / "absent")]) == 2
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    assert main(["verify", str(binary)]) == 2
    assert "cannot be read" in capsys.readouterr().err
    with pytest.raises(SystemExit) as usage:
        main([])
    assert usage.value.code == 2


def test_the_command_says_what_it_found_and_exits_by_it(tmp_path: Path) -> None:
    chain = write([(ACT, None, 0)] * 3)
    run = [sys.executable, "-m", "quantum.audit", "verify", "-"]
    for records, status, said in [
        (chain.records, 0, "OK: 1 chain, 3 records of acme"),
        (chain.records[:2], 1, "registry/deploy, record 3: truncated: record 3 is missing at the end"),
    ]:
        text = "\n".join(chain.export(records))
        ran = subprocess.run(run, cwd=ROOT, input=text, capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stderr) == (status, "")
        assert said in ran.stdout


def test_an_export_of_a_release_before_decisions_were_kept_is_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = Path(__file__).with_name("before-decisions.ndjson")
    assert "decision" not in file.read_text()
    assert main(["verify", str(file)]) == 0
    assert capsys.readouterr().out.startswith("OK: 2 chains, 3 records of acme")


def test_a_chain_goes_on_behind_records_without_decisions() -> None:
    file = Path(__file__).with_name("before-decisions.ndjson")
    old = Export.read(file.read_text().splitlines())
    name = "registry/deploy"
    origin = Origin(
        "ada@acme",
        decision=Decision("intents.update", allowed=True, policies=("role-author",), version="0" * 32),
    )
    chain = Chain(TenantScope("acme"), REGISTRY, "deploy")
    entry = Chains().add(chain, old.links[name], Act("intent.update", origin, None, None), now=START)
    added = record_of(REGISTRY, entry.operations[0].body)
    assert added["decision"]["policies"] == ["role-author"]
    old.chains[name].append(added)
    old.manifest = {
        **(old.manifest or {}),
        "records": old.records,
        "chains": {**old.links, name: entry.link},
    }
    assert [*findings(old)] == []
    added["decision"] = None
    assert [*findings(old)] == [
        f"{name}, record 2: altered: record 2 is not what was written: its hash does not fit"
    ]


def test_it_needs_nothing_but_the_standard_library() -> None:
    script = "import sys, quantum.audit; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    ran = subprocess.run(
        [sys.executable, "-S", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"pydantic", "orjson", "shared", "functions"} & set(ran.stdout.split())


def test_a_chain_that_was_written_anew_shows_beside_an_earlier_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier, later = tmp_path / "earlier", tmp_path / "later"
    earlier.write_text("\n".join(write([(ACT, None, 0)] * 2).export()))
    later.write_text("\n".join(write([(ACT, None, 1)] * 3).export()))
    assert main(["verify", str(later)]) == 0
    assert main(["verify", str(later), "--against", str(earlier)]) == 1
    assert "registry/deploy, record 2: altered: the earlier export has another one" in capsys.readouterr().out
