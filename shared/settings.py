"""Every setting of the platform, as one frozen object made once from a mapping that is passed in."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ADAPTERS = {"localhost": "localhost.adapters"}
"""The parts lists that ``QUANTUM_ADAPTERS`` can name, and the module of each (its ``build(settings)``)."""


MAX_BODY_BYTES = 1024 * 1024
HEARTBEAT_SECONDS = 15.0
WEBHOOK_ATTEMPTS = 12
WEBHOOK_FIRST_DELAY = 5.0


class SettingsError(ValueError):
    """A setting is missing or bad: the message names the key, says what it may be and shows what it is."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator can set. ``from_mapping`` reads the keys named ``QUANTUM_…``."""

    adapters: str
    """``QUANTUM_ADAPTERS``: which parts list serves the ports."""
    data: Path
    """``QUANTUM_DATA``: the folder of the local stores."""
    host_url: str
    """``QUANTUM_HOST_URL``: where this host is reached; the local issuer's name is made of it."""
    egress_allow: tuple[str, ...] = ()
    """``QUANTUM_EGRESS_ALLOW``: networks (CIDR) and ``host:port`` pairs that actions may reach although
    they are private, separated by commas."""
    max_body_bytes: int = MAX_BODY_BYTES
    """``QUANTUM_MAX_BODY_BYTES``: the largest request body."""
    heartbeat_seconds: float = HEARTBEAT_SECONDS
    """``QUANTUM_HEARTBEAT_SECONDS``: the longest silence of an event stream."""
    webhook_attempts: int = WEBHOOK_ATTEMPTS
    """``QUANTUM_WEBHOOK_ATTEMPTS``: how often a webhook is tried before it is a dead letter."""
    webhook_first_delay: float = WEBHOOK_FIRST_DELAY
    """``QUANTUM_WEBHOOK_FIRST_DELAY``: seconds to a webhook's second attempt; each delay after it is three
    times as long."""
    token_issuers: str = ""
    """``QUANTUM_TOKEN_ISSUERS``: whose tokens are taken, as JSON (``shared/adapters/jwt/configured.py`` has
    the form); on loopback beside the local issuer's."""
    credentials: str = ""
    """``QUANTUM_CREDENTIALS``: the platform's own identity towards other services, as JSON
    (``shared/adapters/msal/configured.py`` has the form); without it there is none."""
    credentials_secret: str = field(default="", repr=False)
    """``QUANTUM_CREDENTIALS_SECRET``: that identity's secret, if it has one."""
    credentials_scopes: str = ""
    """``QUANTUM_CREDENTIALS_SCOPES``: what the platform's tokens are given to steps for, as a JSON list of
    ``{"scope": "api://x/.default", "origins": ["https://x.example"], "tenants": ["acme"] or "any"}``."""

    @classmethod
    def from_mapping(cls, values: Mapping[str, str]) -> "Settings":
        """The settings in ``values`` (the process's environment, as a rule).

        Raises:
            SettingsError: a key is missing or its value cannot be used.
        """
        adapters = _required(values, "QUANTUM_ADAPTERS")
        if adapters not in ADAPTERS:
            raise SettingsError(
                f"QUANTUM_ADAPTERS is {adapters!r}: it must be one of {', '.join(map(repr, ADAPTERS))}"
            )
        return cls(
            adapters=adapters,
            data=Path(_required(values, "QUANTUM_DATA")),
            host_url=_required(values, "QUANTUM_HOST_URL").rstrip("/"),
            egress_allow=_networks(values.get("QUANTUM_EGRESS_ALLOW", "")),
            max_body_bytes=int(_number(values, "QUANTUM_MAX_BODY_BYTES", MAX_BODY_BYTES)),
            heartbeat_seconds=_number(values, "QUANTUM_HEARTBEAT_SECONDS", HEARTBEAT_SECONDS),
            webhook_attempts=int(_number(values, "QUANTUM_WEBHOOK_ATTEMPTS", WEBHOOK_ATTEMPTS)),
            webhook_first_delay=_number(values, "QUANTUM_WEBHOOK_FIRST_DELAY", WEBHOOK_FIRST_DELAY),
            token_issuers=values.get("QUANTUM_TOKEN_ISSUERS", ""),
            credentials=values.get("QUANTUM_CREDENTIALS", ""),
            credentials_secret=values.get("QUANTUM_CREDENTIALS_SECRET", ""),
            credentials_scopes=values.get("QUANTUM_CREDENTIALS_SCOPES", ""),
        )


def _required(values: Mapping[str, str], key: str) -> str:
    value = values.get(key, "").strip()
    if not value:
        raise SettingsError(
            f"{key} is not set; the local host sets it itself (python -m localhost serve), "
            "elsewhere it belongs in the application settings"
        )
    return value


def _number(values: Mapping[str, str], key: str, default: float) -> float:
    text = values.get(key, "").strip()
    try:
        number = float(text) if text else float(default)
    except ValueError as error:
        raise SettingsError(f"{key} is {text!r}: it must be a number") from error
    if number <= 0:
        raise SettingsError(f"{key} is {text!r}: it must be greater than 0")
    return number


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
