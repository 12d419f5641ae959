"""Every setting of the platform, as one frozen object made once from a mapping that is passed in."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from shared.domain.executions import MAX_OUTPUT_BYTES
from shared.domain.quotas import MOST_OUTPUT_BYTES
from shared.domain.rates import DEFAULTS, MOST, RateLimits
from shared.domain.strangers import FAILURES, REQUESTS
from shared.ports.resources import COSMOS_CONNECTION, EVENT_HUB_CONNECTION
from shared.security.origins import is_loopback, protected_origin
from shared.settings_values import SettingsError, choice, days, key, number, required, whole

ADAPTERS = {"azure": "shared.adapters.azure", "localhost": "localhost.adapters"}
"""The parts lists that ``QUANTUM_ADAPTERS`` can name, and the module of each (its ``build(settings)``)."""

DOCUMENTS, EVENTS = ("sqlite", "cosmos"), ("sqlite", "eventhubs")
"""What ``QUANTUM_DOCUMENTS`` and ``QUANTUM_EVENTS`` can name."""

TELEMETRY = ("none", "otlp", "azure-monitor")
"""What ``QUANTUM_TELEMETRY`` can name."""
LOOPBACK = ("refuse", "allow")
"""What ``QUANTUM_EGRESS_LOOPBACK`` and ``QUANTUM_LOCAL_TARGET`` can be."""
BUILDERS, BUILDERS_OF_AZURE = ("builtin", "buildah", "acr"), ("builtin", "acr")
"""What ``QUANTUM_BUILDER`` can name."""
LOG_FORMATS = ("text", "json")
"""What ``QUANTUM_LOG_FORMAT`` can name."""

_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?")

CONSOLE_CLIENT_ID, CONSOLE_SCOPES = "quantum-console", "api://quantum/.default openid offline_access"
"""What the console is called by the local issuer, and asks it for."""
MAX_BODY_BYTES = 1024 * 1024
MAX_CONTEXT_BYTES = 90 * 1024 * 1024
MOST_CONTEXT_BYTES = 99_999_999
"""The Functions host takes bodies of 100 MB."""
HEARTBEAT_SECONDS = 15.0
WEBHOOK_ATTEMPTS = 12
WEBHOOK_FIRST_DELAY = 5.0
MAX_PROXIES = 9
EXECUTION_RETENTION_DAYS = 90
MAX_CONCURRENT_EXECUTIONS = 100_000


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a service is and who asks, as triggers are told: a connection string, or address and identity."""

    string: str = field(default="", repr=False)
    address: str = ""
    client_id: str = ""
    """Of the user-assigned managed identity; without one, the identity is the process's own."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator can set. ``from_mapping`` reads the keys named ``QUANTUM_…``."""

    adapters: str
    """``QUANTUM_ADAPTERS``: which parts list serves the ports."""
    host_url: str
    """``QUANTUM_HOST_URL``: where this host is reached; the local issuer's name is made of it."""
    data: Path = Path()
    """``QUANTUM_DATA``: the folder of the local stores; only ``localhost`` has one, and needs it."""
    documents: str = DOCUMENTS[0]
    """``QUANTUM_DOCUMENTS``: where ``localhost`` keeps documents, ``sqlite`` or ``cosmos``."""
    events: str = EVENTS[0]
    """``QUANTUM_EVENTS``: where ``localhost`` publishes events, ``sqlite`` or ``eventhubs``."""
    cosmos: Connection = Connection()
    """``CosmosDBConnection…``: the documents; ``azure`` needs it, as the triggers do, and so does ``cosmos``
    on one machine. The address is ``…__accountEndpoint``."""
    event_hubs: Connection = Connection()
    """``EventHubConnection…``: the events; likewise. The address is ``…__fullyQualifiedNamespace``."""
    key_vault: str = ""
    """``QUANTUM_KEY_VAULT``: the address of the vault with tenants' secrets; without it, ``azure`` has none,
    and one machine an encrypted file."""
    sealing_key: bytes = field(default=b"", repr=False)
    """``QUANTUM_SEALING_KEY``: seals cursors and the secrets of webhooks, for all processes of an
    installation; ``azure`` needs it, the local host has a file."""
    egress_allow: tuple[str, ...] = ()
    """``QUANTUM_EGRESS_ALLOW``: networks (CIDR) and ``host:port`` pairs that actions may reach although
    they are private, separated by commas."""
    egress_loopback: bool = False
    """``QUANTUM_EGRESS_LOOPBACK``: whether actions may reach this machine itself, ``allow`` or ``refuse``. A
    local host that nobody else reaches allows it by default, where whoever asks is on that machine as it is;
    in Azure it cannot be allowed."""
    local_target: bool = False
    """``QUANTUM_LOCAL_TARGET``: whether steps may run images as processes of this machine, ``allow`` or
    ``refuse``. A local host that nobody else reaches allows it by default; no other host can."""
    cors_origins: frozenset[bytes] = frozenset()
    """``QUANTUM_CORS_ORIGINS``: the origins whose pages may ask the platform, as browsers send them,
    separated by commas; ``*`` for all; none by default."""
    console_issuer: str | None = None
    """``QUANTUM_CONSOLE_ISSUER``: where people sign in to the web console, the address of an OpenID Connect
    issuer; the local host's own by default there, and otherwise nobody can."""
    console_client_id: str = CONSOLE_CLIENT_ID
    """``QUANTUM_CONSOLE_CLIENT_ID``: what the console is called there."""
    console_scopes: str = CONSOLE_SCOPES
    """``QUANTUM_CONSOLE_SCOPES``: what it asks for there, separated by spaces."""
    max_body_bytes: int = MAX_BODY_BYTES
    """``QUANTUM_MAX_BODY_BYTES``: the largest request body."""
    max_output_bytes: int = MAX_OUTPUT_BYTES
    """``QUANTUM_MAX_OUTPUT_BYTES``: the largest outputs of a step, and of an execution, as JSON. A process
    has several of them in memory at a time."""
    heartbeat_seconds: float = HEARTBEAT_SECONDS
    """``QUANTUM_HEARTBEAT_SECONDS``: the longest silence of an event stream."""
    webhook_attempts: int = WEBHOOK_ATTEMPTS
    """``QUANTUM_WEBHOOK_ATTEMPTS``: how often a webhook is tried before it is a dead letter."""
    webhook_first_delay: float = WEBHOOK_FIRST_DELAY
    """``QUANTUM_WEBHOOK_FIRST_DELAY``: seconds to a webhook's second attempt; each delay after it is three
    times as long."""
    trusted_proxies: int = 0
    """``QUANTUM_TRUSTED_PROXIES``: how many proxies stand in front of this host and append to
    ``X-Forwarded-For``; on Azure 1, the platform's front end, by default."""
    audit_retention: timedelta | None = None
    """``QUANTUM_AUDIT_RETENTION_DAYS``: how long audit records are kept at least; without it, for ever."""
    execution_retention: timedelta | None = timedelta(days=EXECUTION_RETENTION_DAYS)
    """``QUANTUM_EXECUTION_RETENTION_DAYS``: how long executions are kept after their end, 90 days unless it
    says otherwise; 0: for ever."""
    max_concurrent_executions: int | None = None
    """``QUANTUM_MAX_CONCURRENT_EXECUTIONS``: how many executions of a tenant run at a time, at most; without
    it or with 0, any number."""
    rate_limits: RateLimits = DEFAULTS
    """``QUANTUM_RATE_LIMIT_HOUR`` and ``QUANTUM_RATE_LIMIT_BURST``: how many requests of a user are served in
    an hour (1,000) and in a minute (100), at most; 0: any number."""
    quotas: str = ""
    """``QUANTUM_QUOTAS``: how much each tenant may have, where it is to be something else than by itself, as
    JSON (``shared/domain/quotas.py`` has the names)."""
    failed_sign_ins: int | None = FAILURES
    """``QUANTUM_FAILED_SIGN_INS``: how many requests of an address may fail to say who asks (50) before such
    requests are held off for a while; 0: any number."""
    anonymous_requests: int | None = REQUESTS
    """``QUANTUM_ANONYMOUS_REQUESTS``: how many requests without a token are served from an address in a
    minute (600); 0: any number."""
    token_issuers: str = field(default="", repr=False)
    """``QUANTUM_TOKEN_ISSUERS``: whose tokens are taken, as JSON (``shared/adapters/jwt/configured.py`` has
    the form); on loopback beside the local issuer's."""
    platform_admins: str = ""
    """``QUANTUM_PLATFORM_ADMINS``: who administers the platform, beside the members of its own tenant, as a
    JSON list of ``{"user": "ada", "issuer": "https://…/v2.0", "subject": "…"}``; ``"kind": "service"`` of
    one that is a service."""
    credentials: str = ""
    """``QUANTUM_CREDENTIALS``: the platform's own identity towards other services, as JSON
    (``shared/adapters/msal/configured.py`` has the form); without it there is none."""
    credentials_secret: str = field(default="", repr=False)
    """``QUANTUM_CREDENTIALS_SECRET``: that identity's secret, if it has one."""
    credentials_scopes: str = ""
    """``QUANTUM_CREDENTIALS_SCOPES``: what the platform's tokens are given to steps for, as a JSON list of
    ``{"scope": "api://x/.default", "origins": ["https://x.example"], "tenants": ["acme"] or "any"}``."""
    build_registry: str = ""
    """``QUANTUM_BUILD_REGISTRY``: the registry that images are built into and pushed from, as an address
    (``https://registry.example``), and behind it, separated by commas, the addresses that it sends those to
    who read blobs, if they are private; on one machine the local host's own by default."""
    build_registry_user: str = ""
    """``QUANTUM_BUILD_REGISTRY_USER``: who signs in there; without it, an Azure Container Registry is signed
    in to by the platform's own identity."""
    build_registry_password: str = field(default="", repr=False)
    """``QUANTUM_BUILD_REGISTRY_PASSWORD``: that user's password."""
    registry_aliases: str | None = None
    """``QUANTUM_REGISTRY_ALIASES``: which registries take the place of which that steps name, as pairs
    separated by commas (``azurecr.io=local``, which is the default on one machine); ``local`` is the local
    host's own."""
    builder: str = BUILDERS[0]
    """``QUANTUM_BUILDER``: who builds images: ``builtin``, which runs no commands, ``buildah``, the program
    of that name on this machine, or ``acr``, the tasks of the build registry, if that is Azure's."""
    build_registry_id: str = ""
    """``QUANTUM_BUILD_REGISTRY_ID``: the resource that the build registry is in Azure
    (``/subscriptions/…/registries/name``); the builder ``acr`` needs it."""
    clear_old_builds: bool = False
    """``QUANTUM_CLEAR_OLD_BUILDS``: whether what executions left in the build registry that began before this
    platform noted what is deployed of it goes, too: ``true`` or ``false``."""
    contexts: Path | None = None
    """``QUANTUM_CONTEXTS``: the folder that build contexts are in; only ``localhost`` has one."""
    max_context_bytes: int = MAX_CONTEXT_BYTES
    """``QUANTUM_MAX_CONTEXT_BYTES``: the largest build context that is uploaded."""
    telemetry: str = "none"
    """``QUANTUM_TELEMETRY``: where traces, metrics and logs go, beside the host's own log: ``none``, ``otlp``
    (to where OpenTelemetry's ``OTEL_EXPORTER_OTLP_…`` say) or ``azure-monitor``."""
    insights: str = field(default="", repr=False)
    """``APPLICATIONINSIGHTS_CONNECTION_STRING``: of the resource; ``azure-monitor`` needs it."""

    @classmethod
    def from_mapping(cls, values: Mapping[str, str]) -> "Settings":
        """The settings in ``values`` (the process's environment, as a rule).

        Raises:
            SettingsError: a key is missing or its value cannot be used.
        """
        adapters = _adapters(values)
        azure = adapters == "azure"
        telemetry, insights = _telemetry(values)
        documents = choice(values, "QUANTUM_DOCUMENTS", DOCUMENTS)
        events = choice(values, "QUANTUM_EVENTS", EVENTS)
        cosmos, hubs = azure or documents == "cosmos", azure or events == "eventhubs"
        return cls(
            adapters=adapters,
            data=Path() if azure else Path(required(values, "QUANTUM_DATA")),
            documents=documents,
            events=events,
            cosmos=_connection(values, COSMOS_CONNECTION, "accountEndpoint", needed=cosmos),
            event_hubs=_connection(values, EVENT_HUB_CONNECTION, "fullyQualifiedNamespace", needed=hubs),
            key_vault=values.get("QUANTUM_KEY_VAULT", "").strip(),
            sealing_key=key(values, "QUANTUM_SEALING_KEY") if azure else b"",
            host_url=required(values, "QUANTUM_HOST_URL").rstrip("/"),
            egress_allow=_networks(values.get("QUANTUM_EGRESS_ALLOW", "")),
            egress_loopback=_loopback(values, local=not azure),
            local_target=_local_target(values, local=not azure),
            cors_origins=_origins(values.get("QUANTUM_CORS_ORIGINS", "")),
            console_issuer=_issuer(values, "QUANTUM_CONSOLE_ISSUER"),
            console_client_id=values.get("QUANTUM_CONSOLE_CLIENT_ID", "").strip() or CONSOLE_CLIENT_ID,
            console_scopes=values.get("QUANTUM_CONSOLE_SCOPES", "").strip() or CONSOLE_SCOPES,
            max_body_bytes=int(number(values, "QUANTUM_MAX_BODY_BYTES", MAX_BODY_BYTES)),
            max_output_bytes=whole(
                values, "QUANTUM_MAX_OUTPUT_BYTES", MAX_OUTPUT_BYTES, least=1024, most=MOST_OUTPUT_BYTES
            ),
            heartbeat_seconds=number(values, "QUANTUM_HEARTBEAT_SECONDS", HEARTBEAT_SECONDS),
            webhook_attempts=int(number(values, "QUANTUM_WEBHOOK_ATTEMPTS", WEBHOOK_ATTEMPTS)),
            webhook_first_delay=number(values, "QUANTUM_WEBHOOK_FIRST_DELAY", WEBHOOK_FIRST_DELAY),
            trusted_proxies=whole(values, "QUANTUM_TRUSTED_PROXIES", 1 if azure else 0, most=MAX_PROXIES),
            audit_retention=days(values, "QUANTUM_AUDIT_RETENTION_DAYS"),
            execution_retention=days(
                values, "QUANTUM_EXECUTION_RETENTION_DAYS", EXECUTION_RETENTION_DAYS, least=0
            ),
            max_concurrent_executions=whole(
                values, "QUANTUM_MAX_CONCURRENT_EXECUTIONS", most=MAX_CONCURRENT_EXECUTIONS
            )
            or None,
            rate_limits=_rate_limits(values),
            quotas=values.get("QUANTUM_QUOTAS", ""),
            failed_sign_ins=whole(values, "QUANTUM_FAILED_SIGN_INS", FAILURES, most=MOST) or None,
            anonymous_requests=whole(values, "QUANTUM_ANONYMOUS_REQUESTS", REQUESTS, most=MOST) or None,
            token_issuers=values.get("QUANTUM_TOKEN_ISSUERS", ""),
            platform_admins=values.get("QUANTUM_PLATFORM_ADMINS", ""),
            credentials=values.get("QUANTUM_CREDENTIALS", ""),
            credentials_secret=values.get("QUANTUM_CREDENTIALS_SECRET", ""),
            credentials_scopes=values.get("QUANTUM_CREDENTIALS_SCOPES", ""),
            build_registry=values.get("QUANTUM_BUILD_REGISTRY", "").strip(),
            build_registry_user=values.get("QUANTUM_BUILD_REGISTRY_USER", "").strip(),
            build_registry_password=values.get("QUANTUM_BUILD_REGISTRY_PASSWORD", ""),
            registry_aliases=values.get("QUANTUM_REGISTRY_ALIASES"),
            builder=choice(values, "QUANTUM_BUILDER", BUILDERS if not azure else BUILDERS_OF_AZURE),
            clear_old_builds=choice(values, "QUANTUM_CLEAR_OLD_BUILDS", ("false", "true")) == "true",
            build_registry_id=values.get("QUANTUM_BUILD_REGISTRY_ID", "").strip(),
            contexts=_contexts(values, local=not azure),
            max_context_bytes=whole(
                values, "QUANTUM_MAX_CONTEXT_BYTES", MAX_CONTEXT_BYTES, least=1024, most=MOST_CONTEXT_BYTES
            ),
            telemetry=telemetry,
            insights=insights,
        )


def _contexts(values: Mapping[str, str], *, local: bool) -> Path | None:
    text = values.get("QUANTUM_CONTEXTS", "").strip()
    if text and not local:
        raise SettingsError(
            f"QUANTUM_CONTEXTS is {text!r}: only a local host builds from its folders; in Azure, contexts "
            "are uploaded"
        )
    return Path(text) if text else None


def _adapters(values: Mapping[str, str]) -> str:
    adapters = required(values, "QUANTUM_ADAPTERS")
    if adapters not in ADAPTERS:
        raise SettingsError(
            f"QUANTUM_ADAPTERS is {adapters!r}: it must be one of {', '.join(map(repr, ADAPTERS))}"
        )
    return adapters


def log_format(values: Mapping[str, str]) -> str:
    """``QUANTUM_LOG_FORMAT``: how the local host writes its log, ``text`` for people or ``json``, one a line.

    Raises:
        SettingsError: it is neither.
    """
    return choice(values, "QUANTUM_LOG_FORMAT", LOG_FORMATS)


def _telemetry(values: Mapping[str, str]) -> tuple[str, str]:
    """What ``QUANTUM_TELEMETRY`` names, and the connection string that ``azure-monitor`` needs."""
    named = choice(values, "QUANTUM_TELEMETRY", TELEMETRY)
    insights = values.get("APPLICATIONINSIGHTS_CONNECTION_STRING", "").strip()
    if named == "azure-monitor" and not insights:
        raise SettingsError(
            "APPLICATIONINSIGHTS_CONNECTION_STRING is not set, and QUANTUM_TELEMETRY is 'azure-monitor': "
            "give the connection string of the Application Insights resource"
        )
    collector = values.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip()
    if named == "otlp" and collector and not collector.startswith(("http://", "https://")):
        raise SettingsError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT is {collector!r}: it must be the address of a collector, such "
            "as http://127.0.0.1:4318"
        )
    return named, insights


def _connection(values: Mapping[str, str], name: str, address: str, *, needed: bool) -> Connection:
    found = Connection(
        string=values.get(name, "").strip(),
        address=values.get(f"{name}__{address}", "").strip(),
        client_id=values.get(f"{name}__clientId", "").strip(),
    )
    if bool(found.string) == bool(found.address) and (needed or found.string):
        raise SettingsError(
            f"{name}__{address} is {found.address!r}: either it says where the service is, or {name} is a "
            "connection string with a key, and not both"
        )
    return found


def _origins(text: str) -> frozenset[bytes]:
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    for entry in entries:
        if not _ORIGIN.fullmatch(entry) and entries != ["*"]:
            raise SettingsError(
                f"QUANTUM_CORS_ORIGINS has {entry!r}: an origin is such as https://console.example or "
                "http://localhost:5173, in lower case and without a path; * stands alone"
            )
    return frozenset(entry.encode() for entry in entries)


def _issuer(values: Mapping[str, str], key: str) -> str | None:
    text = values.get(key, "").strip().rstrip("/")
    if not text:
        return None
    try:
        protected_origin("/".join(text.split("/")[:3]))
    except ValueError as error:
        raise SettingsError(f"{key} is {text!r}: {error}") from error
    return text


def _loopback(values: Mapping[str, str], *, local: bool) -> bool:
    """Whether actions reach this machine: unless something is said, only of a host that is its own alone."""
    if not values.get("QUANTUM_EGRESS_LOOPBACK", "").strip():
        return local and is_loopback(urlsplit(values.get("QUANTUM_HOST_URL", "").strip()).hostname)
    allowed = choice(values, "QUANTUM_EGRESS_LOOPBACK", LOOPBACK) == "allow"
    if allowed and not local:
        raise SettingsError(
            "QUANTUM_EGRESS_LOOPBACK is 'allow': in Azure it must be 'refuse' or left out, for on loopback "
            "there are the platform's own services; QUANTUM_EGRESS_ALLOW names single ones"
        )
    return allowed


def _local_target(values: Mapping[str, str], *, local: bool) -> bool:
    """Whether this machine runs what steps deploy: only a host that is its own alone can be asked to."""
    can = local and is_loopback(urlsplit(values.get("QUANTUM_HOST_URL", "").strip()).hostname)
    if not values.get("QUANTUM_LOCAL_TARGET", "").strip():
        return can
    allowed = choice(values, "QUANTUM_LOCAL_TARGET", LOOPBACK) == "allow"
    if allowed and not can:
        raise SettingsError(
            "QUANTUM_LOCAL_TARGET is 'allow': only a local host that nobody else reaches runs what steps "
            "deploy, for there it runs as the host's own user; leave it out, or listen on 127.0.0.1"
        )
    return allowed


def _rate_limits(values: Mapping[str, str]) -> RateLimits:
    return RateLimits(
        hour=whole(values, "QUANTUM_RATE_LIMIT_HOUR", DEFAULTS.hour or 0, most=MOST) or None,
        burst=whole(values, "QUANTUM_RATE_LIMIT_BURST", DEFAULTS.burst or 0, most=MOST) or None,
    )


def _networks(text: str) -> tuple[str, ...]:
    entries = tuple(entry.strip() for entry in text.split(",") if entry.strip())
    for entry in entries:
        host, _, port = entry.rpartition(":")
        if host and port.isdecimal():
            continue
        try:
            ipaddress.ip_network(entry)
        except ValueError as error:
            raise SettingsError(
                f"QUANTUM_EGRESS_ALLOW has {entry!r}: an entry is a network such as 10.1.0.0/16 "
                "or a pair such as build.internal:8080"
            ) from error
    return entries
