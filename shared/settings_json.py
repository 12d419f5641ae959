"""Settings whose values are JSON, checked against a type with every mistake named at once."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter, ValidationError

from shared.domain.allowances import Allowance
from shared.domain.members import identity_errors, member_errors
from shared.domain.platform_admins import PlatformAdmin, PlatformAdmins
from shared.domain.quotas import DEFAULTS, Quotas, quota_errors
from shared.security.outbound import OutboundScope
from shared.settings import Settings
from shared.settings_values import SettingsError

_WORDS: Final = {"missing": "it is needed", "extra_forbidden": "there is no such key"}

_ADMINS: Final = TypeAdapter(
    tuple[PlatformAdmin, ...], config=ConfigDict(defer_build=True, extra="forbid", strict=True)
)
_SCOPES: Final = TypeAdapter(tuple[OutboundScope, ...], config=ConfigDict(defer_build=True))
_QUOTAS: Final = TypeAdapter(dict[str, int], config=ConfigDict(defer_build=True, strict=True))


def parse_json_setting[T](key: str, text: str, type: TypeAdapter[T], *, tags: Iterable[str] = ()) -> T:
    """The value of the setting ``key``; ``tags`` are the kinds of a union, which are no part of a place.

    Raises:
        SettingsError: it is not JSON, or not of that type; each mistake is a line with its place.
    """
    try:
        return type.validate_json(text)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        raise SettingsError("\n".join(_line(key, item, frozenset(tags)) for item in found)) from None


def outbound_scopes(settings: Settings) -> tuple[OutboundScope, ...]:
    """What the platform's tokens are given to steps for; nothing unless an operator says so.

    Raises:
        SettingsError: as above, of ``QUANTUM_CREDENTIALS_SCOPES``.
    """
    if not settings.credentials_scopes.strip():
        return ()
    return parse_json_setting("QUANTUM_CREDENTIALS_SCOPES", settings.credentials_scopes, _SCOPES)


def allowance(settings: Settings) -> Allowance:
    """What a tenant is allowed of which nobody says anything.

    Raises:
        SettingsError: as above, of ``QUANTUM_QUOTAS``.
    """
    return Allowance(settings.max_concurrent_executions, settings.rate_limits, _quotas(settings))


def _quotas(settings: Settings) -> Quotas:
    named: dict[str, int] = {}
    if settings.quotas.strip():
        named = parse_json_setting("QUANTUM_QUOTAS", settings.quotas, _QUOTAS)
    known = frozenset(DEFAULTS.to_json()) - {"output_bytes"}  # which is QUANTUM_MAX_OUTPUT_BYTES
    lines = [f"QUANTUM_QUOTAS.{name}: there is no such quota" for name in sorted(named.keys() - known)]
    quotas = Quotas.of(named)
    lines += [
        f"QUANTUM_QUOTAS{fault.pointer.replace('/', '.')}: {fault.message}" for fault in quota_errors(quotas)
    ]
    if lines:
        raise SettingsError("\n".join(lines))
    return replace(DEFAULTS, output_bytes=settings.max_output_bytes, **named)


def platform_admins(settings: Settings, issuers: Collection[str]) -> PlatformAdmins:
    """Those whom an operator names as administrators of the platform; ``issuers`` are those that are trusted.

    Raises:
        SettingsError: as above, of ``QUANTUM_PLATFORM_ADMINS``; also one who could never sign in.
    """
    key, text = "QUANTUM_PLATFORM_ADMINS", settings.platform_admins
    named = parse_json_setting(key, text, _ADMINS) if text.strip() else ()
    faults: list[str] = []
    for number, one in enumerate(named):
        place, before = f"{key}[{number}]", named[:number]
        errors = [*member_errors(one.user, [], known=()), *identity_errors(one.issuer, one.subject)]
        faults += [f"{place}.{error.pointer[1:]}: {error.message}" for error in errors]
        if one.issuer not in issuers:
            trusted = ", ".join(sorted(issuers)) or "none"
            faults.append(f"{place}.issuer: {one.issuer!r} is not trusted; those that are: {trusted}")
        if any(one.user == other.user or one.member.has(other.issuer, other.subject) for other in before):
            faults.append(f"{place}: this user or identity is named before")
    if faults:
        raise SettingsError("\n".join(faults))
    return PlatformAdmins(named)


def _line(key: str, item: Any, tags: frozenset[str]) -> str:
    path = (part for part in item["loc"] if part not in tags)
    place = key + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    message = _WORDS.get(item["type"]) or item["msg"].removeprefix("Value error, ")
    return f"{place}: {message[:1].lower()}{message[1:]}"
