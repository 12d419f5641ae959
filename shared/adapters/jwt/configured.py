"""The trusted issuers as an operator names them: the setting ``QUANTUM_TOKEN_ISSUERS``."""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationInfo,
    field_validator,
)

from shared.adapters.jwt.entra import CLOUDS, GUID, Version, entra_issuer
from shared.adapters.jwt.issuers import ASYMMETRIC, SECRET_BYTES, SYMMETRIC, Issuer, by_name
from shared.security.origins import is_loopback
from shared.settings_json import parse_json_setting
from shared.settings_values import SettingsError

KEY: Final = "QUANTUM_TOKEN_ISSUERS"

# Most hosts have no such setting: the models are built when there is one to read.
_STRICT: Final = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


def token_issuers(text: str) -> tuple[Issuer, ...]:
    """The issuers that the setting's text names; none if it is empty.

    The text is a JSON list of objects. ``{"kind": "entra"}`` is Entra ID: ``client_id`` of the registration,
    ``tenants`` (a list of ids, or ``"any"`` with the list in ``allow``), and optionally ``versions`` of the
    tokens (``["v2"]``), ``audiences`` (the App ID URIs that v1 tokens name), ``metadata`` for ``"any"``
    (``organizations`` or ``common``) and ``cloud``. ``{"kind": "oidc"}`` is any OpenID Connect issuer: its
    ``url``, ``audiences``, and optionally ``algorithms`` (``["RS256"]``) and ``jwks_url``.
    ``{"kind": "shared-secret"}`` is an issuer without public keys, which signs by HS256 with a secret that
    the platform has, too: ``url``, ``audiences`` and ``secrets``, an object of hexadecimal digits (32 bytes
    or more) under their ``kid``; two of them while one takes the other's place.

    Raises:
        SettingsError: it cannot be used; the message has a line for every mistake, with its place.
    """
    if not text.strip():
        return ()
    entries = parse_json_setting(KEY, text, _ENTRIES, tags=("entra", "oidc", "shared-secret"))
    issuers = tuple(issuer for entry in entries for issuer in entry.issuers())
    try:
        by_name(issuers)
    except ValueError as error:
        raise SettingsError(f"{KEY}: {error}") from None
    return issuers


def _guid(text: str) -> str:
    if not GUID.fullmatch(text.lower()):
        raise ValueError(f"{text!r} is not a GUID")
    return text.lower()


def _tenants(value: Any) -> Any:
    if value == "any":
        return ()
    if not isinstance(value, list) or not value:
        raise ValueError('it is a list of tenant ids, or "any" with such a list under allow')
    return tuple(value)


def _some[T](values: tuple[T, ...]) -> tuple[T, ...]:
    if not values:
        raise ValueError("at least one is needed")
    return values


def _algorithm(text: str) -> str:
    if text not in ASYMMETRIC:
        raise ValueError(f"{text!r} is not one of {', '.join(sorted(ASYMMETRIC))}")
    return text


def _address(text: str) -> str:
    """An address that keys may be fetched from: https, or http on loopback."""
    try:
        parts = urlsplit(text)
        plain = parts.scheme == "http" and is_loopback(parts.hostname)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} is not a URL") from error
    if not (parts.scheme == "https" or plain) or not parts.hostname:
        raise ValueError(f"{text!r} must be an https URL (http only on loopback)")
    if parts.fragment or parts.username is not None:
        raise ValueError(f"{text!r} must have no fragment or user")
    return text


def _issuer(text: str) -> str:
    """An issuer's name, which has no query (OpenID Connect Core 1.0, section 2)."""
    if "?" in text:
        raise ValueError(f"{text!r} must have no query")
    return text


def _secrets(value: Any) -> Any:
    """Key ids and secrets; what is shown of a bad one is never the secret."""
    if not isinstance(value, dict) or not value or "" in value:
        raise ValueError("it is an object of secrets under their key ids")
    return tuple((kid, _secret(kid, text)) for kid, text in value.items())


def _secret(kid: str, text: Any) -> bytes:
    try:
        secret = bytes.fromhex(text)
    except (TypeError, ValueError):
        secret = b""
    if len(secret) < SECRET_BYTES:
        raise ValueError(
            f"the secret of {kid!r} must be {SECRET_BYTES} random bytes or more, as hexadecimal digits "
            "(openssl rand -hex 32)"
        )
    return secret


type _Guid = Annotated[str, AfterValidator(_guid)]
type _Text = Annotated[str, Field(min_length=1)]
type _Algorithm = Annotated[str, AfterValidator(_algorithm)]
type _Address = Annotated[str, AfterValidator(_address)]


class _Entra(BaseModel):
    model_config = _STRICT

    kind: Literal["entra"]
    client_id: _Guid
    tenants: Annotated[tuple[_Guid, ...], BeforeValidator(_tenants)]
    """Empty: any of ``allow``, by the metadata that the tenants share."""
    allow: tuple[_Guid, ...] = Field(default=(), validate_default=True)
    metadata: Literal["organizations", "common"] = "organizations"
    versions: Annotated[tuple[Version, ...], AfterValidator(_some)] = ("v2",)
    audiences: tuple[_Text, ...] = ()
    cloud: Literal["public", "usgov", "china"] = "public"

    @field_validator("allow")
    @classmethod
    def _listed(cls, allow: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        tenants = info.data.get("tenants")
        if tenants == () and not allow:
            raise ValueError('tenants is "any", so the ids of those whose tokens are taken must be here')
        if tenants and allow:
            raise ValueError("tenants lists the ids already; leave it out")
        return allow

    @field_validator("audiences")
    @classmethod
    def _of_v1(cls, audiences: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if audiences and "v1" not in info.data.get("versions", ("v1",)):
            raise ValueError("the audience of a v2 token is the client_id; only v1 tokens name App ID URIs")
        return audiences

    def issuers(self) -> Iterator[Issuer]:
        shared = [(self.metadata, self.allow)]
        for version in dict.fromkeys(self.versions):
            audiences = (self.client_id, *(self.audiences if version == "v1" else ()))
            for metadata, tenants in [(one, (one,)) for one in dict.fromkeys(self.tenants)] or shared:
                yield entra_issuer(
                    CLOUDS[self.cloud], version, tenants=tenants, metadata=metadata, audiences=audiences
                )


class _Oidc(BaseModel):
    model_config = _STRICT

    kind: Literal["oidc"]
    url: Annotated[_Address, AfterValidator(_issuer)]
    audiences: Annotated[tuple[_Text, ...], AfterValidator(_some)]
    algorithms: Annotated[tuple[_Algorithm, ...], AfterValidator(_some)] = ("RS256",)
    jwks_url: _Address | None = None

    def issuers(self) -> Iterator[Issuer]:
        yield Issuer(self.url, self.audiences, jwks_url=self.jwks_url, algorithms=self.algorithms)


class _Shared(BaseModel):
    model_config = _STRICT

    kind: Literal["shared-secret"]
    url: Annotated[_Address, AfterValidator(_issuer)]
    audiences: Annotated[tuple[_Text, ...], AfterValidator(_some)]
    secrets: Annotated[tuple[tuple[str, bytes], ...], BeforeValidator(_secrets), Field(repr=False)]

    def issuers(self) -> Iterator[Issuer]:
        yield Issuer(self.url, self.audiences, algorithms=(SYMMETRIC,), secrets=self.secrets)


_ENTRIES: Final = TypeAdapter(
    list[Annotated[_Entra | _Oidc | _Shared, Field(discriminator="kind")]],
    config=ConfigDict(defer_build=True),
)
