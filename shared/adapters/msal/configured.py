"""The platform's own identity as an operator names it: the setting ``QUANTUM_CREDENTIALS``."""

from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from shared.adapters.jwt.entra import CLOUDS
from shared.adapters.msal.credentials import ClientIdentity, ManagedIdentity, MsalCredentials
from shared.ports.clock import Clock
from shared.ports.credentials import Credentials, NoCredentials
from shared.settings import Settings
from shared.settings_json import parse_json_setting
from shared.settings_values import SettingsError

KEY: Final = "QUANTUM_CREDENTIALS"
SECRET: Final = "QUANTUM_CREDENTIALS_SECRET"  # noqa: S105 - a setting's name
_STRICT: Final = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


def configured_credentials(settings: Settings, clock: Clock) -> Credentials:
    """What serves the credentials port under these settings.

    ``QUANTUM_CREDENTIALS`` is a JSON object. ``{"kind": "managed-identity"}`` is Azure's managed identity of
    this app, the user-assigned one of ``client_id`` if that is given. ``{"kind": "client"}`` is a
    registration: its ``client_id`` and ``authority`` (``https://login.microsoftonline.com/<tenant id>``, or
    the address of any OpenID Connect issuer), and either the secret in ``QUANTUM_CREDENTIALS_SECRET`` or
    ``managed_identity``, the client id of a managed identity that it trusts (a federated credential).

    Raises:
        SettingsError: it cannot be used; the message has a line for every mistake, with its place.
    """
    if not settings.credentials.strip():
        return NoCredentials()
    entry = parse_json_setting(KEY, settings.credentials, _ENTRY, tags=("managed-identity", "client"))
    return MsalCredentials(entry.identity(settings.credentials_secret), clock=clock)


def _authority(text: str) -> str:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} is not a URL") from error
    path = parts.path.strip("/")
    if parts.scheme != "https" or not parts.hostname or not path or parts.query or parts.fragment:
        raise ValueError(f"{text!r} must be an https URL with a path, such as CLOUD/<tenant id>")
    if _is_entra(text) and path in {"common", "organizations", "consumers"}:
        raise ValueError(f"{text!r} must name the tenant: the platform signs in to one")
    return text.rstrip("/")


def _is_entra(authority: str) -> bool:
    return any(authority.startswith(cloud.authority + "/") for cloud in CLOUDS.values())


class _ManagedIdentity(BaseModel):
    model_config = _STRICT

    kind: Literal["managed-identity"]
    client_id: Annotated[str, Field(min_length=1)] | None = None

    def identity(self, secret: str) -> ManagedIdentity:
        if secret:
            raise SettingsError(f"{SECRET} is set, but a managed identity has no secret")
        return ManagedIdentity(self.client_id)


class _Client(BaseModel):
    model_config = _STRICT

    kind: Literal["client"]
    client_id: Annotated[str, Field(min_length=1)]
    authority: Annotated[str, AfterValidator(_authority)]
    managed_identity: Annotated[str, Field(min_length=1)] | None = None

    def identity(self, secret: str) -> ClientIdentity:
        if bool(secret) == (self.managed_identity is not None):
            raise SettingsError(f"{KEY}.managed_identity: give either this or {SECRET}")
        return ClientIdentity(
            client_id=self.client_id,
            authority=self.authority,
            is_entra=_is_entra(self.authority),
            secret=secret,
            federated=self.managed_identity,
        )


_ENTRY: Final[TypeAdapter[_ManagedIdentity | _Client]] = TypeAdapter(
    Annotated[_ManagedIdentity | _Client, Field(discriminator="kind")], config=ConfigDict(defer_build=True)
)
