"""One HTTP route, as data: the triggers, the edge and the contract are made of it."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import get_origin

from pydantic import BaseModel

from shared.domain.intents import Reference
from shared.security.authorization import ANY
from shared.security.permissions import READS

PREFIX = "/api/"
"""What the routes of the contract begin with. The Functions host adds nothing (host.json, ``routePrefix``):
the console stands beside them."""

EVENT_STREAM = "text/event-stream"
NDJSON = "application/x-ndjson"
DEPRECATED = ("Deprecation", "Link")
"""Headers of an answer about an intent that is deprecated."""


@dataclass(frozen=True)
class Route:
    """One route. ``name`` is the function's name and the contract's operationId.

    Attributes:
        path: the template behind the prefix.
        operation: what a role must permit; None: no token is needed, if it is not personal.
        personal: it is about whoever asks: that takes a token of a member, but no tenant and no permission.
        sealed: the end of the path is a right by itself, which the platform has made and given to somebody:
            no token is needed, and no log shows it.
        status: of success.
        body: the model of the JSON request body; with ``body_optional`` none is as good as ``{}``. It has at
            most ``max_body`` bytes, where the route says less than the settings.
        uploads: media types, of which the body, which is a file, has one.
        query: the model of the query parameters; None: there are none.
        headers: of the response, beside those that every response has.
        occasional: headers that only some of the responses have.
        problems: statuses of problems beside those that follow from the rest of the row.
        streams: the media type of the stream that the success response may be, as ``Accept`` says.
        durable: the trigger is bound to the durable client.
        while_suspended: a member may ask it although nothing else is done for its tenant.
    """

    name: str
    method: str
    path: str
    summary: str
    operation: str | None
    response: type[BaseModel] | None
    status: int = 200
    body: type[BaseModel] | None = None
    body_optional: bool = False
    query: type[BaseModel] | None = None
    headers: Sequence[str] = ()
    occasional: Sequence[str] = ()
    problems: Sequence[int] = ()
    streams: str = ""
    durable: bool = False
    sealed: bool = False
    personal: bool = False
    while_suspended: bool = False
    max_body: int = sys.maxsize
    uploads: Sequence[str] = ()
    prefix: str = PREFIX

    @property
    def template(self) -> str:
        """The whole path, as a template."""
        return self.prefix + self.path

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What paths the route answers."""
        template = re.escape(self.template).replace(r"\{", "{").replace(r"\}", "}")
        return re.compile(re.sub(r"\{\w+\}", "[^/]+", template), re.IGNORECASE)

    @property
    def closed(self) -> bool:
        """Whether it takes a token."""
        return self.operation is not None or self.personal

    @cached_property
    def mutates(self) -> bool:
        """Whether it changes something when it succeeds."""
        return self.method != "GET" and self.operation is not None and self.operation not in READS

    def resource_id(self, places: Mapping[str, str]) -> str:
        """Which of what the operation is done to a path names, as policies know it."""
        of = str(self.operation).partition(".")[0]
        if self.path.split("/")[1] != of:
            return ANY
        given = places.get("name") or places.get("id") or places.get("user") or ANY
        reference = Reference.parse(given) if of == "intents" else None
        return reference.name if reference else given

    @property
    def tag(self) -> str:
        """The noun that the route is about, for grouping."""
        noun = self.path.split("/")[1]
        return (
            "executions"
            if self.name == "execute_intent"
            else noun
            if self.closed or self.sealed
            else "system"
        )

    @cached_property
    def repeatable(self) -> frozenset[str]:
        """The query parameters that may be given more than once."""
        fields = self.query.model_fields if self.query else {}
        return frozenset(name for name, info in fields.items() if get_origin(info.annotation) is tuple)
