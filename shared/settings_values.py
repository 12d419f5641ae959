"""Reading single settings: each says what it may be where it is not, and never shows what is secret."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

KEY_BYTES: Final = 32
MAX_RETENTION_DAYS: Final = 20_000
"""As a time to live, in seconds, this fits what Cosmos DB takes (2**31 - 1)."""


class SettingsError(ValueError):
    """A setting is missing or bad: the message names the key, says what it may be and shows what it is."""


def choice(values: Mapping[str, str], key: str, choices: Sequence[str]) -> str:
    """The value of ``key``, by default the first of ``choices``."""
    value = values.get(key, "").strip() or choices[0]
    if value not in choices:
        raise SettingsError(f"{key} is {value!r}: it must be one of {', '.join(map(repr, choices))}")
    return value


def required(values: Mapping[str, str], key: str) -> str:
    value = values.get(key, "").strip()
    if not value:
        raise SettingsError(
            f"{key} is not set; the local host sets it itself (python -m localhost serve), "
            "elsewhere it belongs in the application settings"
        )
    return value


def number(values: Mapping[str, str], key: str, default: float) -> float:
    text = values.get(key, "").strip()
    try:
        value = float(text) if text else float(default)
    except ValueError as error:
        raise SettingsError(f"{key} is {text!r}: it must be a number") from error
    if value <= 0:
        raise SettingsError(f"{key} is {text!r}: it must be greater than 0")
    return value


def days(values: Mapping[str, str], key: str, default: int = 0, *, least: int = 1) -> timedelta | None:
    """So many days; None: for ever, which is what 0 stands for."""
    if not values.get(key, "").strip():
        return timedelta(days=default) if default else None
    count = whole(values, key, default, least=least, most=MAX_RETENTION_DAYS)
    return timedelta(days=count) if count else None


def whole(values: Mapping[str, str], key: str, default: int = 0, *, least: int = 0, most: int) -> int:
    text = values.get(key, "").strip() or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and least <= int(text) <= most):
        raise SettingsError(f"{key} is {text!r}: it must be a whole number, {least} to {most}")
    return int(text)


def key(values: Mapping[str, str], name: str) -> bytes:
    text = required(values, name)
    if text.startswith("@Microsoft.KeyVault("):
        # What the app gets to see if Azure could not resolve the reference.
        raise SettingsError(f"{name} is {text!r}: the vault did not give the secret to the app's identity")
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) < KEY_BYTES:
        raise SettingsError(  # the value is not shown, for logs are read by many
            f"{name} cannot be used: it must be {KEY_BYTES} random bytes or more, as hexadecimal digits "
            "(openssl rand -hex 32)"
        )
    return secret
