"""The console's files, as they are served: whole, to be kept, and safe to run."""

import gzip
import hashlib
import re
from pathlib import Path

import pytest

from examples.hosting import ROOT
from functions.gateway import assets as files
from shared.settings import CONSOLE_SCOPES, Settings
from shared.settings_values import SettingsError
from tests.http.harness import World

CONSOLE = ROOT / "console"
OURS = [path for path in CONSOLE.rglob("*") if path.suffix in {".js", ".css"} and "vendor" not in path.parts]
LIMITS = {
    "QUANTUM_ADAPTERS": "localhost",
    "QUANTUM_DATA": "/data",
    "QUANTUM_HOST_URL": "http://127.0.0.1:7071",
}


async def test_the_page_is_asked_for_each_time_and_may_run_nothing_but_its_own_files(world: World) -> None:
    answer = await world.http.get("/console")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
    rules = dict(rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; "))
    assert rules["default-src"] == "'none'"
    assert (rules["script-src"], rules["style-src"], rules["connect-src"]) == ("'self'", "'self'", "'self'")
    assert (rules["frame-ancestors"], rules["base-uri"], rules["form-action"]) == (
        "'none'",
        "'none'",
        "'none'",
    )
    assert (rules["require-trusted-types-for"], rules["trusted-types"]) == ("'script'", "'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|javascript:", answer.text)
    again = await world.http.get("/console", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_every_file_that_the_page_names_is_there_for_ever(world: World) -> None:
    page = (await world.http.get("/console")).text
    named = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(named) > 10
    for address in named:
        answer = await world.http.get(address, headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200, address
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-encoding"] == "gzip"
        plain = await world.http.get(address, headers={"Accept-Encoding": "identity"})
        assert plain.content == answer.content
        assert "content-encoding" not in plain.headers


@pytest.mark.parametrize(
    "file", ["index.html", "../host.json", "%2e%2e/host.json", "vendor/README.md", "no.js", "lib", ""]
)
async def test_nothing_else_of_the_folder_or_outside_is_served(world: World, file: str) -> None:
    made = files.console()
    assert (await world.http.get(f"/console/{made.version}/{file}")).status_code == 404


async def test_files_of_another_version_are_not_passed_off_as_this_ones(world: World) -> None:
    assert (await world.http.get("/console/0123456789abcdef/app.js")).status_code == 404


async def test_where_to_sign_in_is_told_to_everybody(world: World) -> None:
    answer = await world.http.get("/console/config.json")
    assert answer.json() == {
        "issuer": None,
        "client_id": "quantum-console",
        "scopes": CONSOLE_SCOPES.split(),
    }


def test_the_page_may_talk_to_the_issuer_and_nobody_else() -> None:
    policy = files.policy("https://login.microsoftonline.com/contoso/v2.0")
    assert "connect-src 'self' https://login.microsoftonline.com;" in policy


def test_the_issuer_is_an_address_that_tokens_can_be_got_from_in_secret() -> None:
    key = "QUANTUM_CONSOLE_ISSUER"
    there = "https://login.microsoftonline.com/contoso/v2.0"
    assert Settings.from_mapping(LIMITS | {key: f"{there}/"}).console_issuer == there
    for bad in (
        "http://login.example/x",
        "login.example",
        "https://user@login.example",
        "javascript:alert(1)",
    ):
        with pytest.raises(SettingsError, match=key):
            Settings.from_mapping(LIMITS | {key: bad})


def test_what_others_wrote_is_what_its_list_says() -> None:
    vendor = CONSOLE / "vendor"
    listed = dict(
        re.findall(
            r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", (vendor / "README.md").read_text(), re.MULTILINE
        )
    )
    there = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendor.iterdir()
        if path.name != "README.md"
    }
    assert there == listed


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.relative_to(CONSOLE).as_posix())
def test_our_own_files_make_nothing_of_text_and_ask_nobody_else(path: Path) -> None:
    text = path.read_text()
    for never in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "://cdn",
    ):
        assert never not in text, never
    assert not re.search(r"https?://(?!www\.w3\.org/|example\.com/)", text)
    lines = text.splitlines()
    assert len(lines) <= 400
    assert max(len(line) for line in lines) <= 120


def test_the_files_are_in_the_package_for_azure_with_their_licences() -> None:
    ignored = (ROOT / ".funcignore").read_text().split()
    assert "console/" not in ignored
    assert {
        f"vendor/{name}.LICENSE.txt" for name in ("htm", "preact", "uplot")
    } <= files.console().files.keys()


def test_what_every_page_needs_is_small_and_the_editor_and_the_plots_come_when_they_are_needed() -> None:
    packed = {name: len(file.packed) for name, file in files.console().files.items()}
    first = sum(size for name, size in packed.items() if name not in files.LATER and ".txt" not in name)
    assert first < 160_000
    assert max(packed, key=lambda name: packed[name]) in files.LATER


def test_a_file_is_the_same_compressed() -> None:
    assert all(gzip.decompress(file.packed) == file.content for file in files.console().files.values())
