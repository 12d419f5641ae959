"""What the templates make is what the code asks for, by name."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from examples.hosting import ROOT
from shared.adapters.cosmos.containers import DEFINITIONS, KEEP_UNLESS_SAID
from shared.domain.metrics import METRICS
from shared.ports.documents import CONTAINERS
from shared.ports.resources import CONSUMER_GROUPS, DATABASE, HUB, LEASES
from tests.infra.bicep.deployment import Deployment
from tests.infra.conftest import EVERY, MAIN, PROFILES, deployed

INFRA = MAIN.parent
ALERTS = (ROOT / "docs" / "alerts.md").read_text()
SCALING = (ROOT / "docs" / "scaling.md").read_text()
HOST = json.loads((ROOT / "host.json").read_text())

ROLES = {  # Source: "Azure built-in roles" and "Data plane role-based access control" of Cosmos DB
    "AcrDelete": "c2f4ef07-c644-48eb-af81-4b1b4947fb11",
    "AcrPush": "8311e382-0749-4cb8-b61a-304f252e45ec",
    "Azure Event Hubs Data Receiver": "a638d3c7-ab3a-418d-83e6-5f17a39d4fde",
    "Azure Event Hubs Data Sender": "2b629674-e913-4c01-ae53-ef4638d8f975",
    "Container Registry Tasks Contributor": "fb382eab-e894-4461-af04-94435c366c3f",
    "Cosmos DB Built-in Data Contributor": "00000000-0000-0000-0000-000000000002",
    "Durable Task Data Contributor": "0ad04412-c4d5-4796-b79c-f76d14c8d402",
    "Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Queue Data Contributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
}


def test_the_containers_are_those_of_the_code_with_their_keys_and_indexes(deployment: Deployment) -> None:
    made = {container["id"]: container for container in _containers(deployment)}
    leases = made.pop(LEASES)
    assert leases == {"id": LEASES, "partitionKey": {"paths": ["/id"], "kind": "Hash", "version": 2}}
    assert {definition.container for definition in DEFINITIONS} == set(CONTAINERS)
    assert made == {
        definition.container.name: {
            "id": definition.container.name,
            "partitionKey": {"paths": definition.partition_key_paths, "kind": "MultiHash", "version": 2},
            "defaultTtl": KEEP_UNLESS_SAID,
            "indexingPolicy": definition.indexing_policy,
        }
        for definition in DEFINITIONS
    }


def test_the_database_is_the_one_that_the_code_names(deployment: Deployment) -> None:
    database = deployment.one("Microsoft.DocumentDB/databaseAccounts/sqlDatabases")
    assert (database.name, database.get("properties.resource.id")) == (DATABASE, DATABASE)
    for grant in deployment.of("Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments"):
        assert grant.get("properties.scope").endswith(f"/dbs/{DATABASE}")


@pytest.mark.parametrize("name", EVERY)
def test_containers_have_throughput_exactly_where_the_account_is_not_serverless(name: str) -> None:
    deployment = deployed(name)
    account = deployment.one("Microsoft.DocumentDB/databaseAccounts")
    serverless = account.get("properties.capabilities") == [{"name": "EnableServerless"}]
    for container in deployment.of("Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers"):
        most = container.get("properties.options.autoscaleSettings.maxThroughput")
        assert (most is None) == serverless, container.name
        # The service takes steps of 1,000.
        assert most is None or most % 1000 == 0, container.name


def test_the_hub_and_its_consumer_groups_are_those_of_the_code(deployment: Deployment) -> None:
    assert deployment.one("Microsoft.EventHub/namespaces/eventhubs").name == HUB
    groups = deployment.of("Microsoft.EventHub/namespaces/eventhubs/consumergroups")
    assert sorted(group.name for group in groups) == sorted(CONSUMER_GROUPS)


def test_the_emulators_have_the_same_hub_groups_and_task_hub() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    emulator = json.loads(compose["configs"]["events"]["content"])
    (namespace,) = emulator["UserConfig"]["NamespaceConfig"]
    assert namespace["Name"] == "emulatorNs1"  # the only one it takes
    (hub,) = namespace["Entities"]
    assert hub["Name"] == HUB
    assert sorted(group["Name"] for group in hub["ConsumerGroups"]) == sorted(CONSUMER_GROUPS)
    hubs = compose["services"]["durable"]["environment"]["DTS_TASK_HUB_NAMES"]
    assert hubs == HOST["extensions"]["durableTask"]["hubName"]


@pytest.mark.parametrize("name", EVERY)
def test_the_durable_backend_is_the_one_that_the_host_will_use(name: str) -> None:
    deployment = deployed(name)
    durable = json.loads(json.dumps(HOST["extensions"]["durableTask"]))
    settings = deployment.one("Microsoft.Web/sites/config").get("properties")
    override = "AzureFunctionsJobHost__extensions__durableTask__"
    for key in (key for key in settings if key.startswith(override)):
        section, field = key.removeprefix(override).split("__")
        durable[section][field] = settings[key]
    provider, hubs = durable["storageProvider"], deployment.of("Microsoft.DurableTask/schedulers/taskHubs")
    connection = provider["connectionStringName"]
    if "storage" in name:
        assert provider["type"] == "AzureStorage"
        assert not hubs
        assert {f"{connection}__{kind}ServiceUri" for kind in ("blob", "queue", "table")} < settings.keys()
    else:
        assert provider["type"] == "azureManaged"
        assert [hub.name for hub in hubs] == [durable["hubName"]]
        assert settings[connection].startswith("Endpoint=")


def test_the_app_runs_on_the_python_that_the_project_is_written_for(deployment: Deployment) -> None:
    runtime = deployment.one("Microsoft.Web/sites").get("properties.functionAppConfig.runtime")
    assert runtime == {"name": "python", "version": (ROOT / ".python-version").read_text().strip()}


def test_azd_finds_the_app_and_the_templates(deployment: Deployment) -> None:
    project = yaml.safe_load((ROOT / "azure.yaml").read_text())
    (service,) = project["services"]
    assert deployment.one("Microsoft.Web/sites").get("tags.azd-service-name") == service
    assert (ROOT / project["infra"]["path"] / f"{project['infra']['module']}.bicep") == MAIN
    assert project["services"][service] == {"project": ".", "language": "python", "host": "function"}


def test_the_roles_are_what_their_names_say() -> None:
    assert json.loads((INFRA / "roles.json").read_text()) == ROLES


def test_every_abbreviation_is_used() -> None:
    used = set(re.findall(r"\bprefix\.(\w+)", MAIN.read_text()))
    assert used == json.loads((INFRA / "abbreviations.json").read_text()).keys()


def test_the_profiles_differ_in_values_only() -> None:
    shapes = [_shape(json.loads(path.read_text())) for path in (INFRA / "parameters").glob("*.json")]
    assert shapes == [shapes[0]] * 3


def test_alerts_and_workbook_ask_for_metrics_that_the_code_names(deployment: Deployment) -> None:
    asked = (INFRA / "workbook.json").read_text().replace('\\"', '"')
    for rule in deployment.of("Microsoft.Insights/scheduledQueryRules"):
        (criterion,) = rule.get("properties.criteria.allOf")
        asked += criterion["query"]
        assert f"{criterion['metricMeasureColumn']} = " in criterion["query"], rule.name
    assert set(re.findall(r"\bquantum\.[a-z_.]+", asked)) == {metric.name for metric in METRICS}


def test_the_documentation_says_for_each_alert_what_to_do(deployment: Deployment) -> None:
    rules = [
        *deployment.of("Microsoft.Insights/scheduledQueryRules"),
        *deployment.of("Microsoft.Insights/metricAlerts"),
    ]
    assert sorted(re.findall(r"^## (.+)$", ALERTS, re.MULTILINE)) == sorted(rule.name for rule in rules)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_documentation_says_when_each_alert_comes(profile: str) -> None:
    deployment = deployed(f"{profile}-as-it-is")
    limits = json.loads((INFRA / "parameters" / f"{profile}.json").read_text())["alerts"]
    rows = re.findall(r"^\| \[([\w-]+)\]\(#\1\) \| (\d) \| .+ \| (\S+) \|$", ALERTS, re.MULTILINE)
    told = {
        name: (int(severity), int(limit) if limit.isdigit() else limits[limit.strip("`").partition(".")[2]])
        for name, severity, limit in rows
    }
    made = {
        rule.name: (rule.get("properties.severity"), rule.get("properties.criteria.allOf")[0]["threshold"])
        for kind in ("scheduledQueryRules", "metricAlerts")
        for rule in deployment.of(f"Microsoft.Insights/{kind}")
    }
    assert told == made


def test_the_documentation_has_the_sizes_of_each_profile() -> None:
    profiles = [json.loads((INFRA / "parameters" / f"{name}.json").read_text()) for name in PROFILES]
    told = re.findall(r"^\| `([\w.]+)` \| (\S+) \| (\S+) \| (\S+) \|$", SCALING, re.MULTILINE)
    sizes = [dict(_sizes(profile)) for profile in profiles]
    assert told == [(name, *(size[name] for size in sizes)) for name in sizes[0]]


def _sizes(profile: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in profile.items():
        if isinstance(value, dict):
            yield from _sizes(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", json.dumps(value).strip('"')


def _containers(deployment: Deployment) -> list[dict[str, Any]]:
    made = deployment.of("Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers")
    for container in made:
        assert container.name == container.get("properties.resource.id")
    return [container.get("properties.resource") for container in made]


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shape(inner) for name, inner in value.items()}
    return type(value)
