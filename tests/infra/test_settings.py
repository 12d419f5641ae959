"""The settings of code, templates, examples and documentation are the same ones."""

import json
import re

from examples.hosting import ROOT
from shared.ports.resources import COSMOS_CONNECTION, EVENT_HUB_CONNECTION
from tests.infra.bicep.deployment import Deployment, deploy
from tests.infra.bicep.functions import TENANT
from tests.infra.conftest import EVERY, GIVEN, MAIN, deployed

OPERATING = (ROOT / "docs" / "operating.md").read_text()
ROWS = dict(re.findall(r"^\| `(\w+)` \| (infra|you|local) \| ", OPERATING, re.MULTILINE))
"""Every setting of the documentation's table, and who sets it."""
READ = set(re.findall(r'"(QUANTUM_[A-Z_]+)"', (ROOT / "shared" / "settings.py").read_text()))


def test_every_setting_that_the_code_reads_is_documented_and_the_other_way_round() -> None:
    documented = {name for name in ROWS if name.startswith("QUANTUM_")}
    assert documented == READ


def test_the_templates_set_what_the_documentation_says_they_do() -> None:
    made = [deployed(name).one("Microsoft.Web/sites/config").get("properties") for name in EVERY]
    assert {name for settings in made for name in settings} == {
        name for name, setter in ROWS.items() if setter == "infra"
    }


def test_the_example_of_local_settings_has_only_documented_ones() -> None:
    example = json.loads((ROOT / "local.settings.example.json").read_text())["Values"]
    assert example.keys() <= ROWS.keys()
    assert {name for name, setter in ROWS.items() if setter == "local"} <= example.keys()


def test_triggers_and_adapters_find_their_services_by_identity(deployment: Deployment) -> None:
    settings = deployment.one("Microsoft.Web/sites/config").get("properties")
    client = settings["AZURE_CLIENT_ID"]
    for connection in (COSMOS_CONNECTION, EVENT_HUB_CONNECTION, "AzureWebJobsStorage"):
        assert settings[f"{connection}__credential"] == "managedidentity"
        assert settings[f"{connection}__clientId"] == client
    assert f"{COSMOS_CONNECTION}__accountEndpoint" in settings
    assert f"{EVENT_HUB_CONNECTION}__fullyQualifiedNamespace" in settings


def test_people_sign_in_to_the_console_at_entra_id_once_it_has_a_registration() -> None:
    def settings(**given: str) -> dict[str, str]:
        made = deploy(MAIN, {**GIVEN, "profile": "dev", **given})
        found = made.one("Microsoft.Web/sites/config").get("properties")
        prefix = "QUANTUM_CONSOLE_"
        return {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}

    assert settings()["ISSUER"] == ""
    assert settings(consoleClientId="c2") == {
        "ISSUER": f"https://login.microsoftonline.com/{TENANT}/v2.0",
        "CLIENT_ID": "c2",
        "SCOPES": f"api://{GIVEN['tokenClientId']}/.default openid offline_access",
    }
    own = {"consoleIssuer": "https://login.example.com", "consoleScopes": "quantum openid"}
    assert settings(**own) == {
        "ISSUER": own["consoleIssuer"],
        "CLIENT_ID": "",
        "SCOPES": own["consoleScopes"],
    }


def test_flex_consumption_has_none_of_the_settings_that_it_refuses(deployment: Deployment) -> None:
    settings = deployment.one("Microsoft.Web/sites/config").get("properties")
    refused = {"FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_EXTENSION_VERSION"}
    assert not [name for name in settings if name in refused or name.startswith("WEBSITE_")]


def test_every_choice_of_the_documentation_is_a_parameter() -> None:
    document = (MAIN.with_name("main.parameters.json")).read_text()
    choices = (
        (ROOT / "docs" / "azure.md").read_text().partition("### What can be chosen")[2].partition("\n## ")[0]
    )
    named = set(re.findall(r"^\| `(\w+)` \| ", choices, re.MULTILINE))
    assert named == set(re.findall(r"\$\{(QUANTUM_\w+)", document))
