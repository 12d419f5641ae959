"""The page on building images does what it says."""

import json
import re
from pathlib import Path

from examples import hosting
from shared.modules.containers.building.build_parameters import BuildOutputs, BuildParameters
from tests.docs.pages import commands_of, needs_curl, run, text_of
from tests.e2e.api import Api

PAGE = text_of("building.md")
TENANT = "building"


def test_the_example_builds_the_web_app(host: hosting.Host) -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    with Api(host, tenant=TENANT, user="mason") as api:
        created = api.client.post("/intents", json=json.loads(example))
        assert created.status_code == 201, created.text
        execution = api.execute(created.json()["id"])
        list(api.events(execution))
        ended = api.get(execution)
    assert ended["status"] == "completed", ended
    digest = ended["outputs"]["digest"]
    address = host.url.removeprefix("http://")
    assert ended["outputs"]["image"] == f"{address}/{TENANT}/webapp:1.4@{digest}"


@needs_curl
def test_an_archive_is_uploaded_and_built_from(host: hosting.Host) -> None:
    ran = run(commands_of("building.md"), host)
    shown, _ = json.JSONDecoder().raw_decode(ran.stdout)
    with Api(host, tenant=TENANT, user="mason") as api:
        step = {"id": "build", "action": "build-container", "image": "up:1", "context": shown["reference"]}
        ended = api.run([step])
    assert ended["status"] == "completed", ended
    assert ended["steps"][0]["outputs"]["builder"] == "builtin"


def test_the_page_names_every_parameter_every_output_and_every_failure() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE))
    assert BuildParameters.model_fields.keys() | BuildOutputs.model_fields.keys() <= named
    folder = Path(hosting.ROOT, "shared", "modules", "containers")
    sources = "".join(
        next(folder.rglob(f"{name}.py")).read_text()
        for name in (
            "acr",
            "acr_tasks",
            "bases",
            "buildah",
            "builds",
            "builtin",
            "contexts",
            "git_contexts",
            "programs",
            "uploaded",
        )
    )
    codes = set(re.findall(r'ActionError\(\s*"([A-Z_]+)"', sources))
    assert codes - {"EGRESS_REFUSED", "IMAGE_NOT_FOUND"} <= named, codes - named
