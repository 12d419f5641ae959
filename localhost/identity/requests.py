"""Requests to the local issuer, checked: clients, redirect addresses, scopes, PKCE."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from localhost.identity.issuer import AUDIENCE, is_loopback

PUBLIC_CLIENTS = frozenset({"quantum-cli", "quantum-console"})
"""What people sign in with. They have no secret: each sign-in is bound by PKCE or a device code."""
OPENID_SCOPES = frozenset({"openid", "profile", "email", "offline_access"})
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class OAuthError(Exception):
    """A request is refused, in the words of RFC 6749, section 5.2."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status

    def to_json(self) -> dict[str, str]:
        return {"error": self.error, "error_description": self.description}


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the answer of an authorization request goes, once client and address are known to be good."""

    client_id: str
    redirect_uri: str
    response_mode: Literal["query", "form_post"]
    state: str | None


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A sign-in that a program asks for (OpenID Connect Core 1.0, section 3.1.2.1)."""

    destination: Destination
    scope: str
    challenge: str
    nonce: str | None


def destination(parameters: Mapping[str, str]) -> Destination:
    """Where to answer.

    Raises:
        OAuthError: client or address are not good; this must be shown to the user and sent nowhere.
    """
    client_id = public_client(parameters)
    redirect_uri = parameters.get("redirect_uri", "")
    if not _is_loopback_address(redirect_uri):
        raise OAuthError("invalid_request", "redirect_uri must be an http or https address on loopback")
    mode: Literal["query", "form_post"] = (
        "form_post" if parameters.get("response_mode") == "form_post" else "query"
    )
    return Destination(client_id, redirect_uri, mode, parameters.get("state"))


def authorization_request(place: Destination, parameters: Mapping[str, str]) -> AuthorizationRequest:
    """The rest of the request.

    Raises:
        OAuthError: it is refused; the program is told at ``place``.
    """
    if parameters.get("response_type") != "code":
        raise OAuthError("unsupported_response_type", "response_type must be code")
    if parameters.get("response_mode", "query") not in {"query", "form_post"}:
        raise OAuthError("invalid_request", "response_mode must be query or form_post")
    if parameters.get("code_challenge_method") != "S256":
        raise OAuthError("invalid_request", "code_challenge_method must be S256")
    challenge = parameters.get("code_challenge", "")
    if not _CHALLENGE.fullmatch(challenge):
        raise OAuthError("invalid_request", "code_challenge must be a SHA-256 digest in base64url")
    return AuthorizationRequest(place, scope(parameters), challenge, parameters.get("nonce"))


def public_client(parameters: Mapping[str, str]) -> str:
    client_id = parameters.get("client_id", "")
    if client_id not in PUBLIC_CLIENTS:
        known = ", ".join(sorted(PUBLIC_CLIENTS))
        raise OAuthError("invalid_client", f"client_id must be one of {known}", status=401)
    return client_id


def scope(parameters: Mapping[str, str]) -> str:
    """The scopes asked for; access to the platform is always among what is given."""
    asked = parameters.get("scope", "").split()
    for one in asked:
        if one not in OPENID_SCOPES and not one.startswith(f"{AUDIENCE}/"):
            raise OAuthError("invalid_scope", f"scopes are {AUDIENCE}/.default, openid and offline_access")
    return " ".join(asked) or f"{AUDIENCE}/.default"


def needed(parameters: Mapping[str, str], name: str) -> str:
    value = parameters.get(name)
    if not value:
        raise OAuthError("invalid_request", f"{name} is needed")
    return value


def _is_loopback_address(address: str) -> bool:
    # RFC 8252, section 7.3: programs listen on loopback, at a port that they choose as they go.
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return False
    plain = not parts.fragment and parts.username is None and address.isprintable() and " " not in address
    return parts.scheme in {"http", "https"} and is_loopback(parts.hostname) and plain
