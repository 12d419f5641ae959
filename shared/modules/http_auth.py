"""How an HTTP request is authorized: by the platform's own token, or by what a secret of the tenant's is."""

import base64
import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from shared.modules.http_headers import HEADER_NAME, OWN_HEADERS

REDACTED: Final = "(redacted)"
_STRICT: Final = ConfigDict(strict=True, extra="forbid", frozen=True)
_BEARER: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""RFC 6750, section 2.1."""
MAX_CREDENTIAL: Final = 24 * 1024


def _bearer(text: str) -> str:
    if not _BEARER.fullmatch(text):  # the message has nothing of it
        raise ValueError("a bearer token is letters, digits and '-._~+/', with '=' at its end; no blank")
    return text


def _name(text: str) -> str:
    if not HEADER_NAME.fullmatch(text) or text.lower() in OWN_HEADERS:
        raise ValueError(f"{text[:80]!r} is not a header that can be sent")
    return text


class BasicAuth(BaseModel):
    """RFC 7617: a user and a password."""

    model_config = _STRICT

    username: str = Field(
        max_length=1024, pattern=r"^[^:\x00-\x1f\x7f]*$", description="Who asks.", examples=["ci"]
    )
    password: str = Field(
        max_length=MAX_CREDENTIAL,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        repr=False,
        description="With which password.",
        examples=["${{ secrets.API_PASSWORD }}"],
    )


class HmacAuth(BaseModel):
    """A signature of time and body: the hexadecimal HMAC of ``<timestamp>.<body>``."""

    model_config = _STRICT

    key: str = Field(
        min_length=1,
        max_length=MAX_CREDENTIAL,
        repr=False,
        description="The key, as the other side has it.",
        examples=["${{ secrets.SIGNING_KEY }}"],
    )
    algorithm: Literal["sha256", "sha512"] = Field(default="sha256", description="The hash.")
    signature_header: Annotated[str, AfterValidator(_name)] = Field(
        default="X-Signature", max_length=100, description="The header that the signature is in."
    )
    timestamp_header: Annotated[str, AfterValidator(_name)] = Field(
        default="X-Timestamp", max_length=100, description="The header with the seconds since 1970."
    )

    @property
    def names(self) -> frozenset[str]:
        return frozenset({self.signature_header.lower(), self.timestamp_header.lower()})

    @model_validator(mode="after")
    def _two_headers(self) -> Self:
        if len(self.names) != 2:
            raise ValueError("'signature_header' and 'timestamp_header' are two headers")
        return self


class HttpAuth(BaseModel):
    """One of: a token of the platform's own identity (``scope``), ``bearer``, ``basic``, ``hmac``.

    Where a redirect leads to another origin, none of it goes along.
    """

    model_config = _STRICT

    scope: str | None = Field(
        default=None,
        max_length=512,
        pattern=r"^\S+$",
        description="Whom a token of the platform's own identity is for.",
        examples=["api://x/.default"],
    )
    bearer: Annotated[str, AfterValidator(_bearer)] | None = Field(
        default=None,
        max_length=MAX_CREDENTIAL,
        repr=False,
        description="A token to send as `Authorization: Bearer`.",
        examples=["${{ secrets.API_TOKEN }}"],
    )
    basic: BasicAuth | None = Field(default=None, description="A user and a password.")
    hmac: HmacAuth | None = Field(
        default=None, description="A signature of the time and the body, under a key that both sides have."
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if [self.scope, self.bearer, self.basic, self.hmac].count(None) != 3:
            raise ValueError("give one of 'scope', 'bearer', 'basic' and 'hmac'")
        return self

    @property
    def names(self) -> frozenset[str]:
        """The headers that it sets, in lower case."""
        return self.hmac.names if self.hmac else frozenset({"authorization"})

    def headers(self, body: bytes | None, now: datetime) -> Mapping[str, str]:
        """What is sent for it; the platform's own token is not its to know."""
        if self.hmac is not None:
            timestamp = str(int(now.timestamp()))
            content = timestamp.encode() + b"." + (body or b"")
            made = hmac.new(self.hmac.key.encode(), content, self.hmac.algorithm).hexdigest()
            return {self.hmac.signature_header.lower(): made, self.hmac.timestamp_header.lower(): timestamp}
        if self.basic is not None:
            pair = f"{self.basic.username}:{self.basic.password}".encode()
            return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return {"authorization": f"Bearer {self.bearer}"} if self.bearer is not None else {}

    def shown(self) -> dict[str, Any]:
        """How a dry run tells of it: with no credentials, whether they are a secret's or not."""
        return _hidden(self.model_dump(exclude_none=True))


def _hidden(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _hidden(part)
        if isinstance(part, dict)
        else REDACTED
        if name in {"bearer", "password", "key"}
        else part
        for name, part in value.items()
    }
