"""What a step can say of an HTTP request, and what comes of it."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from shared.domain.urls import url_problem
from shared.modules.durations import Lasting, seconds_of
from shared.modules.http_auth import HttpAuth
from shared.modules.http_headers import HEADER_NAME, HEADER_VALUE, OWN_HEADERS

_STATUS: Final = re.compile(r"[1-5](?:xx|\d\d)")


def _url(text: str) -> str:
    if (problem := url_problem(text, instead="give an Authorization header")) is not None:
        raise ValueError(problem)
    return text


def _headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        if not HEADER_NAME.fullmatch(name) or not HEADER_VALUE.fullmatch(value):
            raise ValueError(f"{name!r} is not a header that can be sent")
        if name.lower() in OWN_HEADERS:
            raise ValueError(f"the header {name!r} is made by the request itself; leave it out")
    return headers


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _as_text(value: Any) -> Any:
    return str(value) if type(value) is int else value


def _expectation(pattern: str) -> str:
    if not _STATUS.fullmatch(pattern):
        raise ValueError("an expected status is a number such as 204 or a range such as '2xx'")
    return pattern


type _Expected = Annotated[
    str, BeforeValidator(_as_text, json_schema_input_type=int | str), AfterValidator(_expectation)
]
_Expectation = int | str | list[int | str]
"""An expected status or several, as they may be written."""


class HttpCallback(BaseModel):
    """That the other side calls back when it is done."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    timeout: Lasting = Field(
        default="1d",
        description="Seconds, or a duration, after which nobody waits any more.",
        examples=["2h"],
    )
    field: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="A field of `body`, an object, to put the address in, beside the header.",
        examples=["callback_url"],
    )

    @property
    def seconds(self) -> float:
        return seconds_of(self.timeout)


class HttpRequestParameters(BaseModel):
    """One request. A ``body`` that is not a text is sent as JSON."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = Field(
        default="GET", description="The method."
    )
    url: Annotated[str, AfterValidator(_url)] = Field(
        max_length=8192,
        description="Where to. May have secrets in it.",
        examples=["https://example.com/health"],
    )
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field(
        default={},
        description="Headers to send. Secrets may stand in them.",
    )
    body: Any = Field(
        default=None,
        description="What to send: a text as it is, anything else as JSON. May have secrets in it.",
    )
    expect_status: Annotated[
        list[_Expected], BeforeValidator(_as_list, json_schema_input_type=_Expectation)
    ] = Field(
        default=["2xx"],
        min_length=1,
        description="The statuses that are well: `204`, `2xx`, or a list of such.",
    )
    auth: HttpAuth | None = Field(
        default=None,
        description="How it is authorized: by one of `scope` (a token of the platform's own identity), "
        "`bearer`, `basic` and `hmac`.",
        examples=[{"bearer": "${{ secrets.API_TOKEN }}"}],
    )
    callback: HttpCallback | None = Field(
        default=None,
        description="Wait until the address in the header `X-Quantum-Callback` is called.",
    )
    poll: bool = Field(
        default=False,
        description="Where the answer is 202, ask at its `Location` until it is another.",
    )

    @model_validator(mode="after")
    def _waits_one_way(self) -> Self:
        if self.callback is not None and self.poll:
            raise ValueError("give either 'callback' or 'poll'")
        return self

    @model_validator(mode="after")
    def _authorized_once(self) -> Self:
        for name in self.headers if self.auth is not None else ():
            if self.auth is not None and name.lower() in self.auth.names:
                raise ValueError(f"give either 'auth' or the header '{name}'")
        return self

    @property
    def exact_status(self) -> str | None:
        """The one status that it expects, if there is but one."""
        (status, *more) = self.expect_status
        return status if status.isdecimal() and not more else None

    def expects(self, status: int) -> bool:
        return bool({str(status), f"{status // 100}xx"} & set(self.expect_status))


class HttpRequestOutputs(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    status: int = Field(description="What was answered.")
    headers: dict[str, str] = Field(description="With it; their names are in lower case.")
    body: Any = Field(description="JSON where the response is JSON, otherwise a text.")
    callback: dict[str, Any] | None = Field(
        default=None, description="What was said by the call back; headers and body are not kept then."
    )
