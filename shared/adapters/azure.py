"""The parts list of Azure (``QUANTUM_ADAPTERS=azure``): every port of the platform, served by a service.

Nothing connects here. What is served by a service connects when it is first asked for something, and the
SDKs of Event Hubs and of identities are loaded then, too: most starts of an instance need neither.
"""

from collections.abc import Sequence

from shared.adapters.cosmos.account import Account, metered
from shared.adapters.cosmos.documents import CosmosDocuments
from shared.adapters.durable.orchestrations import DurableOrchestrations
from shared.adapters.eventhubs.events import EventHubsEvents
from shared.adapters.jwt.configured import token_issuers
from shared.adapters.jwt.keys import JwksSource
from shared.adapters.jwt.verifier import JwtTokens
from shared.adapters.keyvault.secrets import KeyVaultSecrets
from shared.adapters.msal.configured import configured_credentials
from shared.adapters.opentelemetry.configured import configured_telemetry
from shared.adapters.system import RandomIds, SystemClock
from shared.ports.adapters import Adapters, Closer
from shared.ports.resources import COSMOS_CONNECTION, DATABASE, EVENT_HUB_CONNECTION, HUB
from shared.ports.secrets import NoSecrets, Secrets
from shared.settings import Connection, Settings
from shared.settings_values import SettingsError


def build(settings: Settings) -> Adapters:
    """The adapters over the services that the triggers' own connections name.

    Raises:
        SettingsError: a connection string, an issuer or a credential cannot be used.
    """
    clock = SystemClock()
    telemetry = configured_telemetry(settings)
    documents = CosmosDocuments(cosmos_account(settings.cosmos), on_request_units=metered(telemetry))
    events = event_hub(settings.event_hubs)
    secrets, vault_closers = vault(settings.key_vault)
    return Adapters(
        documents=documents,
        events=events,
        orchestrations=DurableOrchestrations(),
        tokens=JwtTokens(token_issuers(settings.token_issuers), keys=JwksSource(), clock=clock),
        clock=clock,
        ids=RandomIds(clock),
        credentials=configured_credentials(settings, clock),
        secrets=secrets,
        cursor_key=settings.sealing_key,
        telemetry=telemetry,
        closers=(telemetry.close, documents.close, events.close, *vault_closers),
    )


def cosmos_account(connection: Connection) -> Account:
    """Where the documents are.

    Raises:
        SettingsError: there is no endpoint, or it is no address; or a connection string has no key.
    """
    try:
        return _account(connection)
    except ValueError as error:
        raise SettingsError(
            f"{COSMOS_CONNECTION}{'' if connection.string else '__accountEndpoint'}: {error}"
        ) from error


def _account(connection: Connection) -> Account:
    if not connection.string:
        return Account(connection.address, DATABASE, identity=connection.client_id or None)
    pairs = (part.partition("=") for part in connection.string.split(";"))
    parts = {name.strip().lower(): value.strip() for name, _, value in pairs}
    endpoint, key = parts.get("accountendpoint"), parts.get("accountkey")
    if not endpoint or not key:
        raise ValueError("a connection string needs an AccountEndpoint and an AccountKey")
    return Account(endpoint, DATABASE, key=key)


def vault(url: str) -> tuple[Secrets, Sequence[Closer]]:
    """Where tenants' secrets are kept, and what closes it; without an address, nowhere.

    Raises:
        SettingsError: the address is none of a vault.
    """
    if not url:
        return NoSecrets(), ()
    try:
        secrets = KeyVaultSecrets(url)
    except ValueError as error:
        raise SettingsError(f"QUANTUM_KEY_VAULT: {error}") from error
    return secrets, (secrets.close,)


def event_hub(connection: Connection) -> EventHubsEvents:
    """What publishes to the hub.

    Raises:
        SettingsError: the connection string has no endpoint or no key.
    """
    try:
        return EventHubsEvents(
            hub=HUB,
            connection=connection.string,
            namespace=connection.address,
            identity=connection.client_id or None,
        )
    except ValueError as error:
        raise SettingsError(f"{EVENT_HUB_CONNECTION}: {error}") from error
