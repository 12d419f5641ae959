"""What the local issuer grants: OpenID Connect and OAuth 2.0, for users and services of one data folder."""

import hashlib
import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from localhost.identity.algorithm import ALGORITHM
from localhost.identity.issuer import AUDIENCE, issuer_url, sign_in_code
from localhost.identity.keystore import KeyStore
from localhost.identity.minting import mint, service_subject
from localhost.identity.pending import CODE_LIFETIME, DEVICE_LIFETIME, POLL_INTERVAL, Authorization, Pending
from localhost.identity.requests import (
    OPENID_SCOPES,
    AuthorizationRequest,
    OAuthError,
    needed,
    public_client,
    scope,
)
from localhost.identity.store import IdentityStore, Session

ACCESS_LIFETIME = 3600
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class Provider:
    """Signs users and services in. Its calls block shortly, on files; one at a time is all it takes."""

    def __init__(self, data: Path, base_url: str, *, now: Callable[[], float] = time.time) -> None:
        """The issuer at ``base_url`` over a data folder; ``now`` is Unix seconds."""
        self.url = issuer_url(base_url)
        self._keys = KeyStore(data, now=now)
        self._store = IdentityStore(data)
        self._code = sign_in_code(data)
        self._pending = Pending()
        self._now = now
        self._grants: dict[str, Callable[[Mapping[str, str]], dict[str, Any]]] = {
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh_token,
            "client_credentials": self._by_secret,
            DEVICE_GRANT: self._by_device,
        }

    def discovery(self) -> dict[str, Any]:
        """The provider's metadata (OpenID Connect Discovery 1.0, section 3; RFC 8628, section 4)."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "device_authorization_endpoint": f"{self.url}/device_authorization",
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "form_post"],
            "grant_types_supported": list(self._grants),
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "scopes_supported": [*sorted(OPENID_SCOPES), f"{AUDIENCE}/.default"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }

    def jwks(self) -> dict[str, Any]:
        return self._keys.jwks()

    def sign_in(self, user: str, code: str) -> bool:
        """Whether this is a user of the data folder who knows the folder's sign-in code."""
        right = hmac.compare_digest(code.strip().lower().encode(), self._code.encode())
        return right and self._store.has_user(user)

    def authorize(self, request: AuthorizationRequest, user: str) -> str:
        """The authorization code with which the program gets the tokens of ``user``, who has signed in."""
        session = Session(request.destination.client_id, user, request.scope)
        return self._pending.add_code(
            Authorization(
                session=session,
                redirect_uri=request.destination.redirect_uri,
                challenge=request.challenge,
                nonce=request.nonce,
                expires=self._now() + CODE_LIFETIME,
            )
        )

    def start_device(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Answer a device authorization request (RFC 8628, section 3.2)."""
        code, device = self._pending.add_device(public_client(form), scope(form), self._now())
        return {
            "device_code": code,
            "user_code": device.user_code,
            "verification_uri": f"{self.url}/device",
            "verification_uri_complete": f"{self.url}/device?user_code={device.user_code}",
            "expires_in": int(DEVICE_LIFETIME),
            "interval": POLL_INTERVAL,
        }

    def approve_device(self, user_code: str, user: str) -> bool:
        """Let the device that shows ``user_code`` in as ``user``; False if none waits with that code."""
        device = self._pending.waiting_device(user_code, self._now())
        if device is None:
            return False
        device.user = user
        return True

    def token(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Answer a token request (RFC 6749, section 5.1).

        Raises:
            OAuthError: it is refused.
        """
        grant = self._grants.get(needed(form, "grant_type"))
        if grant is None:
            raise OAuthError("unsupported_grant_type", f"grant types are {', '.join(self._grants)}")
        return grant(form)

    def _by_code(self, form: Mapping[str, str]) -> dict[str, Any]:
        client_id = public_client(form)
        found = self._pending.take_code(needed(form, "code"), self._now())
        if found is None or found.session.client_id != client_id:
            raise OAuthError("invalid_grant", "the code is unknown, used or expired")
        if found.redirect_uri != form.get("redirect_uri"):
            raise OAuthError("invalid_grant", "redirect_uri is not the one the code was asked for with")
        digest = hashlib.sha256(needed(form, "code_verifier").encode()).digest()
        made = urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not hmac.compare_digest(made, found.challenge):
            raise OAuthError("invalid_grant", "code_verifier does not match the challenge")
        return self._signed_in(found.session, nonce=found.nonce)

    def _by_device(self, form: Mapping[str, str]) -> dict[str, Any]:
        client_id, code, now = public_client(form), needed(form, "device_code"), self._now()
        device = self._pending.device(code)
        if device is None or device.client_id != client_id:
            raise OAuthError("invalid_grant", "the device code is unknown or used")
        if now >= device.expires:
            self._pending.drop_device(code)
            raise OAuthError("expired_token", "nobody entered the code in time; start again")
        if device.user is not None:
            self._pending.drop_device(code)
            return self._signed_in(Session(client_id, device.user, device.scope))
        early, device.next_poll = now < device.next_poll, now + POLL_INTERVAL
        if early:
            raise OAuthError("slow_down", f"ask every {POLL_INTERVAL} seconds")
        raise OAuthError("authorization_pending", "the user has not entered the code yet")

    def _by_refresh_token(self, form: Mapping[str, str]) -> dict[str, Any]:
        client_id = public_client(form)
        found = self._store.refresh(needed(form, "refresh_token"), client_id, self._now())
        if found is None or not self._store.has_user(found[0].user):
            raise OAuthError("invalid_grant", "the refresh token is unknown, used or expired")
        session, token = found
        return self._answer(session) | {"refresh_token": token}

    def _by_secret(self, form: Mapping[str, str]) -> dict[str, Any]:
        client_id, secret = needed(form, "client_id"), form.get("client_secret", "")
        if not self._store.is_client(client_id, secret):
            raise OAuthError("invalid_client", "client_id or client_secret is wrong", status=401)
        given = scope(form)
        # idtyp is Entra ID's claim for a token that a service got for itself.
        access = self._access(service_subject(client_id), client_id=client_id, scope=given, idtyp="app")
        return {"access_token": access, "token_type": "Bearer", "expires_in": ACCESS_LIFETIME, "scope": given}

    def _signed_in(self, session: Session, *, nonce: str | None = None) -> dict[str, Any]:
        answer = self._answer(session, nonce=nonce)
        if "offline_access" in session.scope.split():
            answer["refresh_token"] = self._store.start_session(session, self._now())
        return answer

    def _answer(self, session: Session, *, nonce: str | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "access_token": self._access(session.user, client_id=session.client_id, scope=session.scope),
            "token_type": "Bearer",
            "expires_in": ACCESS_LIFETIME,
            "scope": session.scope,
        }
        if "openid" in session.scope.split():
            answer["id_token"] = self._id_token(session, nonce)
        return answer

    def _access(self, subject: str, **claims: str) -> str:
        return mint(
            self._keys, issuer=self.url, subject=subject, now=self._now(), lifetime=ACCESS_LIFETIME, **claims
        )

    def _id_token(self, session: Session, nonce: str | None) -> str:
        # Its audience is the program that asked, so the platform never takes it for an access token.
        now = int(self._now())
        claims: dict[str, Any] = {
            "iss": self.url,
            "sub": session.user,
            "aud": session.client_id,
            "iat": now,
            "exp": now + ACCESS_LIFETIME,
            "preferred_username": session.user,
        }
        return self._keys.sign(claims | ({} if nonce is None else {"nonce": nonce}), typ="JWT")
