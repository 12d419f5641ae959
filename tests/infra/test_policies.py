"""What no deployment may be, whatever its profile and switches: keyless, encrypted, watched, tagged, shut."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.infra.bicep.deployment import Deployment, Resource, deploy
from tests.infra.bicep.syntax import read
from tests.infra.conftest import EVERY, GIVEN, MAIN, deployed

ROLES = {value: name for name, value in json.loads((MAIN.parent / "roles.json").read_text()).items()}

MUST: Mapping[str, Mapping[str, Any]] = {
    "Microsoft.ApiManagement/service": {"identity.type": "SystemAssigned"},
    "Microsoft.ApiManagement/service/apis": {"properties.protocols": ["https"]},
    "Microsoft.ContainerRegistry/registries": {
        "properties.adminUserEnabled": False,
        "properties.anonymousPullEnabled": False,
    },
    "Microsoft.DocumentDB/databaseAccounts": {
        "properties.disableLocalAuth": True,
        "properties.disableKeyBasedMetadataWriteAccess": True,
        "properties.minimalTlsVersion": "Tls12",
        "properties.backupPolicy.type": "Continuous",
        "properties.networkAclBypass": "None",
    },
    "Microsoft.DurableTask/schedulers": {},  # takes identities only, over TLS only
    "Microsoft.EventHub/namespaces": {
        "properties.disableLocalAuth": True,
        "properties.minimumTlsVersion": "1.2",
    },
    "Microsoft.Insights/components": {"properties.DisableLocalAuth": True},
    "Microsoft.KeyVault/vaults": {
        "properties.enableRbacAuthorization": True,
        "properties.enableSoftDelete": True,
        "properties.networkAcls.bypass": "None",
    },
    "Microsoft.KeyVault/vaults/secrets": {"properties.attributes.enabled": True},
    "Microsoft.OperationalInsights/workspaces": {"properties.features.disableLocalAuth": True},
    "Microsoft.Storage/storageAccounts": {
        "properties.allowSharedKeyAccess": False,
        "properties.allowBlobPublicAccess": False,
        "properties.minimumTlsVersion": "TLS1_2",
        "properties.supportsHttpsTrafficOnly": True,
        "properties.networkAcls.bypass": "None",
    },
    "Microsoft.Storage/storageAccounts/blobServices/containers": {"properties.publicAccess": "None"},
    "Microsoft.Web/sites": {
        "identity.type": "UserAssigned",
        "properties.httpsOnly": True,
        "properties.siteConfig.minTlsVersion": "1.2",
        "properties.siteConfig.scmMinTlsVersion": "1.2",
        "properties.functionAppConfig.deployment.storage.authentication.type": "UserAssignedIdentity",
    },
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": {"properties.allow": False},
}
"""By type, what must stand where. A type that keeps data or lets somebody in has to be in here."""

HARMLESS = re.compile(
    r"Microsoft\.(Resources|ManagedIdentity|Network|Insights|Authorization)/.*"
    r"|Microsoft\.Web/(serverfarms|sites/config)"
    r"|Microsoft\.ApiManagement/service/(loggers|apis/.*)"
    r"|Microsoft\.DocumentDB/databaseAccounts/.*|Microsoft\.EventHub/namespaces/.*"
    r"|Microsoft\.DurableTask/schedulers/taskHubs|Microsoft\.Storage/storageAccounts/blobServices"
)
"""Types that let nobody in by themselves."""

DIAGNOSED = {
    "Microsoft.ApiManagement/service",
    "Microsoft.ContainerRegistry/registries",
    "Microsoft.DocumentDB/databaseAccounts",
    "Microsoft.EventHub/namespaces",
    "Microsoft.KeyVault/vaults",
    "Microsoft.Network/virtualNetworks",
    "Microsoft.Storage/storageAccounts/blobServices",
    "Microsoft.Web/sites",
}


def test_nothing_has_keys_or_old_protocols(deployment: Deployment) -> None:
    for resource in deployment.resources:
        if resource.type not in MUST:
            assert HARMLESS.fullmatch(resource.type), f"say in MUST what {resource.type} must be"
        for where, value in MUST.get(resource.type, {}).items():
            assert resource.get(where) == value, f"{resource.file} {resource.symbol}: {where}"


def test_everything_that_can_be_watched_is(deployment: Deployment) -> None:
    workspace = deployment.one("Microsoft.OperationalInsights/workspaces").id
    watched = {
        setting.scope
        for setting in deployment.of("Microsoft.Insights/diagnosticSettings")
        if setting.get("properties.workspaceId") == workspace and setting.get("properties.metrics")
    }
    assert watched == {resource.id for resource in deployment.resources if resource.type in DIAGNOSED}


def test_everything_that_has_a_place_has_tags(deployment: Deployment) -> None:
    for resource in deployment.resources:
        if "location" in resource.body:
            tags = resource.get("tags", {})
            assert tags.get("azd-env-name") == GIVEN["environmentName"], resource.symbol
            assert tags.get("quantum-profile") in {"dev", "test", "prod"}, resource.symbol


@pytest.mark.parametrize("name", [name for name in EVERY if "private" in name])
def test_with_a_network_only_the_app_answers_the_public(name: str) -> None:
    private = deployed(name)
    shut = set()
    for resource in private.resources:
        access = resource.get("properties.publicNetworkAccess")
        if access is not None and resource.type != "Microsoft.Web/sites":
            assert access == "Disabled", f"{resource.file} {resource.symbol}"
            shut.add(resource.id)
        assert resource.get("properties.networkAcls.defaultAction", "Deny") == "Deny", resource.symbol
    assert {_target(endpoint) for endpoint in private.of("Microsoft.Network/privateEndpoints")} == shut
    app = private.one("Microsoft.Web/sites")
    assert app.get("properties.virtualNetworkSubnetId").endswith("/subnets/app")


@pytest.mark.parametrize("name", [name for name in EVERY if "private" in name])
def test_each_private_endpoint_is_found_by_its_services_own_name(name: str) -> None:
    private = deployed(name)
    zones = {zone.id for zone in private.of("Microsoft.Network/privateDnsZones")}
    named = {
        config["properties"]["privateDnsZoneId"]
        for group in private.of("Microsoft.Network/privateEndpoints/privateDnsZoneGroups")
        for config in group.get("properties.privateDnsZoneConfigs")
    }
    linked = private.of("Microsoft.Network/privateDnsZones/virtualNetworkLinks")
    assert named == zones
    assert {link.id.rpartition("/virtualNetworkLinks/")[0] for link in linked} == zones


def test_without_a_network_there_is_none_of_its_parts() -> None:
    kinds = {resource.type.split("/")[0] for resource in deployed("dev-public-on-storage").resources}
    assert "Microsoft.Network" not in kinds


NAMES = {
    "Microsoft.ContainerRegistry/registries": r"[a-zA-Z0-9]{5,50}",
    "Microsoft.DocumentDB/databaseAccounts": r"[a-z0-9][a-z0-9-]{2,43}",
    "Microsoft.DurableTask/schedulers": r"[a-zA-Z0-9-]{3,64}",
    "Microsoft.EventHub/namespaces": r"[a-zA-Z][a-zA-Z0-9-]{4,48}[a-zA-Z0-9]",
    "Microsoft.KeyVault/vaults": r"[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]",
    "Microsoft.Storage/storageAccounts": r"[a-z0-9]{3,24}",
    "Microsoft.Web/sites": r"[a-z0-9-]{2,32}",  # the host's id is the first 32 characters
}
"""Source: "Naming rules and restrictions for Azure resources"."""


def test_names_are_what_the_services_take(deployment: Deployment) -> None:
    for kind, form in NAMES.items():
        for resource in deployment.of(kind):
            assert re.fullmatch(form, resource.name), resource.name


def test_the_outputs_and_the_settings_hold_no_secret(deployment: Deployment) -> None:
    secret = re.compile(r"(AccountKey|SharedAccessKey|SharedAccessSignature|Password|\bsig)=", re.IGNORECASE)
    for name, value in deployment.outputs.items():
        assert not re.search(r"KEY$|SECRET|PASSWORD|CONNECTION", name), name
        assert not re.search(r"[kK]ey|[sS]ecret|ConnectionString|password", value), (name, value)
    settings = deployment.one("Microsoft.Web/sites/config").get("properties")
    for name, value in settings.items():
        assert isinstance(value, str), name
        assert not secret.search(value), name
    assert not {"AzureWebJobsStorage", "CosmosDBConnection", "EventHubConnection"} & settings.keys()


def test_the_sealing_key_is_in_the_vault_and_nowhere_else(deployment: Deployment) -> None:
    key, vault = GIVEN["sealingKey"], _vaults(deployment)[0]
    sealed = deployment.one("Microsoft.KeyVault/vaults/secrets")
    assert (sealed.get("properties.value"), sealed.id) == (key, f"{vault.id}/secrets/{sealed.name}")
    assert not [other.symbol for other in deployment.resources if other != sealed and key in str(other.body)]
    assert key not in str(deployment.outputs)
    app = deployment.one("Microsoft.Web/sites")
    uri = f"<{vault.id}:properties.vaultUri>secrets/{sealed.name}"
    settings = deployment.one("Microsoft.Web/sites/config").get("properties")
    assert settings["QUANTUM_SEALING_KEY"] == f"@Microsoft.KeyVault(SecretUri={uri})"
    assert app.get("properties.keyVaultReferenceIdentity") in app.get("identity.userAssignedIdentities")


def test_tenants_secrets_are_in_a_vault_of_their_own_that_nobody_but_the_app_may_enter(
    deployment: Deployment,
) -> None:
    sealing, secrets = _vaults(deployment)
    settings = deployment.one("Microsoft.Web/sites/config").get("properties")
    assert settings["QUANTUM_KEY_VAULT"] == f"<{secrets.id}:properties.vaultUri>"
    given = [
        (grant.scope, _whom(grant.get("properties.principalId")), _role(grant))
        for grant in deployment.of("Microsoft.Authorization/roleAssignments")
        if "/Microsoft.KeyVault/" in str(grant.scope)
    ]
    assert [(who, role) for scope, who, role in given if scope == secrets.id] == [
        ("the app", "Key Vault Secrets Officer")
    ]
    assert [role for scope, who, role in given if scope == sealing.id and who == "the app"] == [
        "Key Vault Secrets User"
    ]


def _vaults(of: Deployment) -> tuple[Resource, Resource]:
    """That with the sealing key, and that with tenants' secrets."""
    sealed = of.one("Microsoft.KeyVault/vaults/secrets").id.rpartition("/secrets/")[0]
    one, other = of.of("Microsoft.KeyVault/vaults")
    return (one, other) if one.id == sealed else (other, one)


def _role(grant: Resource) -> str:
    role: str = ROLES[grant.get("properties.roleDefinitionId").rpartition("/")[2]]
    return role


def test_the_sealing_key_stays_out_of_the_history_of_deployments() -> None:
    for path in (MAIN, MAIN.parent / "app" / "keyvault.bicep"):
        assert "secure" in read(path).of("param")["sealingKey"].decorators, path.name


def test_without_a_sealing_key_the_vault_keeps_the_one_it_has() -> None:
    kept = deploy(MAIN, {**GIVEN, "sealingKey": ""})
    assert not kept.of("Microsoft.KeyVault/vaults/secrets")
    assert "QUANTUM_SEALING_KEY" in kept.one("Microsoft.Web/sites/config").get("properties")


ALERTS = {
    "failed-executions",
    "relay-lag",
    "throttled-requests",
    "cosmos-throttling",
    "eventhubs-throttling",
    "server-errors",
    "latency",
}
"""What no deployment may keep to itself."""


@pytest.mark.parametrize("name", EVERY)
def test_the_operators_are_told_of_what_goes_wrong_but_in_development(name: str) -> None:
    told = deployed(name)
    operators = told.one("Microsoft.Insights/actionGroups")
    assert [each["emailAddress"] for each in operators.get("properties.emailReceivers")] == [
        GIVEN["alertEmail"]
    ]
    by_query = told.of("Microsoft.Insights/scheduledQueryRules")
    by_metric = told.of("Microsoft.Insights/metricAlerts")
    assert {rule.name for rule in (*by_query, *by_metric)} >= ALERTS
    for rule in by_query:
        assert rule.get("properties.actions.actionGroups") == [operators.id], rule.name
    for rule in by_metric:
        assert rule.get("properties.actions") == [{"actionGroupId": operators.id}], rule.name
    for rule in (*by_query, *by_metric):
        assert rule.get("properties.enabled") == (not name.startswith("dev")), rule.name


@pytest.mark.parametrize("name", [name for name in EVERY if "gateway" in name])
def test_a_gateway_takes_no_keys_and_holds_no_stream_back(name: str) -> None:
    gated = deployed(name)
    apis = gated.of("Microsoft.ApiManagement/service/apis")
    assert {api.get("properties.path") for api in apis} == {"api/v1", "console"}
    assert not any(api.get("properties.subscriptionRequired") for api in apis)
    policy = gated.one("Microsoft.ApiManagement/service/apis/policies").get("properties.value")
    assert 'buffer-response="false"' in policy
    traces = gated.one("Microsoft.ApiManagement/service/apis/diagnostics")
    for side in ("frontend", "backend"):
        assert traces.get(f"properties.{side}.response.body.bytes") == 0


def test_the_app_is_on_flex_consumption_with_the_instances_of_its_profile(deployment: Deployment) -> None:
    plan, app = deployment.one("Microsoft.Web/serverfarms"), deployment.one("Microsoft.Web/sites")
    assert (plan.get("sku.name"), app.get("properties.serverFarmId")) == ("FC1", plan.id)
    scale = app.get("properties.functionAppConfig.scaleAndConcurrency")
    assert scale["maximumInstanceCount"] >= sum(ready["instanceCount"] for ready in scale["alwaysReady"])


@pytest.mark.parametrize("name", EVERY)
def test_the_app_may_do_what_it_has_to_and_no_more(name: str) -> None:
    expected = {
        ("Monitoring Metrics Publisher", "components"),
        ("Storage Blob Data Owner", "storageAccounts"),
        ("Azure Event Hubs Data Sender", "eventhubs"),
        ("Azure Event Hubs Data Receiver", "eventhubs"),
        ("Key Vault Secrets User", "vaults"),
        ("AcrDelete", "registries"),
        ("Key Vault Secrets Officer", "vaults"),
        ("AcrPush", "registries"),
        ("Container Registry Tasks Contributor", "registries"),
        ("Cosmos DB Built-in Data Contributor", "dbs"),
    }
    if "storage" in name:
        expected |= {
            ("Storage Queue Data Contributor", "storageAccounts"),
            ("Storage Table Data Contributor", "storageAccounts"),
        }
    else:
        expected |= {("Durable Task Data Contributor", "taskHubs")}
    assert _grants(deployed(name), "the app") == expected


@pytest.mark.parametrize("name", EVERY)
def test_people_get_roles_only_where_the_profile_says_so(name: str) -> None:
    grants = {role for role, _ in _grants(deployed(name), "the person")}
    assert bool(grants) == (not name.startswith("prod"))
    assert "Key Vault Secrets User" not in grants


def test_no_role_is_given_for_more_than_one_resource(deployment: Deployment) -> None:
    for grant in deployment.of("Microsoft.Authorization/roleAssignments"):
        assert grant.scope is not None, f"{grant.file} {grant.symbol} is for the whole resource group"


def _grants(of: Deployment, to: str) -> set[tuple[str, str]]:
    """Role and kind of scope of each grant to ``the app``, or to ``the person`` who deploys."""
    found = set()
    for grant in [
        *of.of("Microsoft.Authorization/roleAssignments"),
        *of.of("Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments"),
    ]:
        if _whom(grant.get("properties.principalId")) == to:
            scope = str(grant.get("properties.scope") or grant.scope)
            found.add((_role(grant), scope.split("/")[-2]))
    return found


def _whom(principal: str) -> str:
    if principal == GIVEN["principalId"]:
        return "the person"
    return "the app" if "/userAssignedIdentities/" in principal else "the gateway"


def _target(endpoint: Resource) -> str:
    (connection,) = endpoint.get("properties.privateLinkServiceConnections")
    return str(connection["properties"]["privateLinkServiceId"])
