"""The page on deploying does what it says."""

import json
import re

import httpx

from examples import hosting
from shared.modules.kubernetes.parameters import DeployOutputs, DeployParameters, VerifyParameters
from tests.docs.pages import text_of
from tests.e2e.api import Api

PAGE = text_of("deploying.md")
TENANT = "deploying"


def test_the_example_ships_a_shop_that_answers(host: hosting.Host) -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    with Api(host, tenant=TENANT, user="skipper") as api:
        created = api.client.post("/intents", json=json.loads(example))
        assert created.status_code == 201, created.text
        plan = api.client.post("/intents/ship-shop/plan", json={}).json()
        execution = api.execute(created.json()["id"])
        list(api.events(execution))
        ended = api.get(execution)
    assert ended["status"] == "completed", ended
    assert httpx.get(ended["outputs"]["address"]).json() == {"hello": "world", "version": "2.0"}
    build, push, deploy, verify = plan["graph"]["nodes"]
    assert (push["where"], deploy["where"], verify["where"]) == ("local", "local", "local")
    assert push["inputs"]["image"] == f"${{{{ steps['{build['id']}'].outputs.image }}}}"
    assert deploy["compensate"]["action"] == "undo-deployment"


def test_every_parameter_and_output_is_on_the_page() -> None:
    for name in (
        *DeployParameters.model_fields,
        *DeployOutputs.model_fields,
        *(VerifyParameters.model_fields.keys() - {"deployment"}),
    ):
        assert f"`{name}`" in PAGE, name
