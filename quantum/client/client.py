"""The client: plain requests in the platform's shape, and typed resources beside them."""

import os
from collections.abc import AsyncGenerator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import httpx
from pydantic import ValidationError

from quantum.client.addresses import base_address, path
from quantum.client.answers import Answer, parsed
from quantum.client.errors import ApiError
from quantum.client.retries import Retries
from quantum.client.streams import events
from quantum.client.tokens import EnvironmentToken, StaticToken, TokenProvider
from quantum.client.transport import KEY, Transport
from quantum.contract.health import Health
from quantum.contract.stats import Stats

if TYPE_CHECKING:
    from quantum.client.resources.approvals import Approvals
    from quantum.client.resources.audit import Audit
    from quantum.client.resources.contexts import Contexts
    from quantum.client.resources.executions import Executions
    from quantum.client.resources.intents import Intents
    from quantum.client.resources.members import Members
    from quantum.client.resources.modules import Modules
    from quantum.client.resources.policies import Policies
    from quantum.client.resources.schedules import Schedules
    from quantum.client.resources.secrets import Secrets
    from quantum.client.resources.subscriptions import Subscriptions
    from quantum.client.resources.tenants import Tenants

LOCAL = "http://127.0.0.1:7071"
SECONDS = 60.0
"""How long a connection, or a part of an answer, is waited for."""


class Client:
    """One platform, as one user, in one tenant at a time.

    ::

        async with Client("https://quantum.example.com", token="…") as client:
            await client.intents.execute_and_wait("deploy-web-app")

    A refusal raises an :class:`~quantum.client.errors.ApiError` of its code. What may pass is tried again,
    and nothing is done twice: each change carries an ``Idempotency-Key`` of its own.
    """

    def __init__(
        self,
        url: str = LOCAL,
        *,
        token: str | TokenProvider | None = None,
        tenant: str | None = None,
        retries: Retries | None = None,
        timeout: float = SECONDS,
        allow_http: bool = False,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        """Reach the platform at ``url``.

        Args:
            url: its address; a path behind the host is left out.
            token: a bearer token, or what gives one: see :mod:`quantum.client.tokens`.
            tenant: its id; members of one tenant need not name it.
            retries: how patient to be.
            timeout: seconds that a connection or a part of an answer may take.
            allow_http: send the token without encryption, and not only on this machine.
            http: what to send with, in place of a client of our own; it is closed with this one.
        """
        self.url = base_address(url, allow_http=allow_http)
        # Whom to trust takes 0.04 s to load, and an address without encryption asks for nobody's certificate.
        sender = http or httpx.AsyncClient(timeout=timeout, verify=self.url.startswith("https:"))
        sender.base_url = httpx.URL(self.url)
        provider = StaticToken(token) if isinstance(token, str) else token
        self._transport = Transport(sender, token=provider, tenant=tenant, retries=retries or Retries())

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """By ``QUANTUM_URL``, ``QUANTUM_TOKEN`` and ``QUANTUM_TENANT``."""
        return cls(
            environment.get("QUANTUM_URL") or LOCAL,
            token=EnvironmentToken(environment=environment),
            tenant=environment.get("QUANTUM_TENANT") or None,
        )

    @property
    def tenant(self) -> str | None:
        """The tenant that requests are for; None: your only one."""
        return self._transport.tenant

    def set_tenant(self, tenant: str | None) -> None:
        """What is asked from now on is for that tenant."""
        self._transport.tenant = tenant

    # Each noun is loaded when it is first used: the models of all take longer than most programs run.

    @cached_property
    def intents(self) -> "Intents":
        from quantum.client.resources.intents import Intents

        return Intents(self._transport, lambda: self.executions)

    @cached_property
    def executions(self) -> "Executions":
        from quantum.client.resources.executions import Executions

        return Executions(self._transport)

    @cached_property
    def approvals(self) -> "Approvals":
        from quantum.client.resources.approvals import Approvals

        return Approvals(self._transport)

    @cached_property
    def schedules(self) -> "Schedules":
        from quantum.client.resources.schedules import Schedules

        return Schedules(self._transport)

    @cached_property
    def subscriptions(self) -> "Subscriptions":
        from quantum.client.resources.subscriptions import Subscriptions

        return Subscriptions(self._transport)

    @cached_property
    def policies(self) -> "Policies":
        from quantum.client.resources.policies import Policies

        return Policies(self._transport)

    @cached_property
    def members(self) -> "Members":
        from quantum.client.resources.members import Members

        return Members(self._transport)

    @cached_property
    def tenants(self) -> "Tenants":
        from quantum.client.resources.tenants import Tenants

        return Tenants(self._transport)

    @cached_property
    def modules(self) -> "Modules":
        from quantum.client.resources.modules import Modules

        return Modules(self._transport)

    @cached_property
    def contexts(self) -> "Contexts":
        from quantum.client.resources.contexts import Contexts

        return Contexts(self._transport)

    @cached_property
    def secrets(self) -> "Secrets":
        from quantum.client.resources.secrets import Secrets

        return Secrets(self._transport)

    @cached_property
    def audit(self) -> "Audit":
        from quantum.client.resources.audit import Audit

        return Audit(self._transport)

    async def get(
        self, path: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return Answer(await self._transport.send("GET", path, params=params, headers=headers))

    async def post(self, path: str, *, json: Any = None, **parts: Any) -> Answer:
        """POST; ``parts`` as of :meth:`request`."""
        return await self.request("POST", path, json=json, **parts)

    async def put(self, path: str, *, json: Any = None, **parts: Any) -> Answer:
        """PUT; ``parts`` as of :meth:`request`."""
        return await self.request("PUT", path, json=json, **parts)

    async def patch(self, path: str, *, json: Any = None, **parts: Any) -> Answer:
        """PATCH; ``parts`` as of :meth:`request`."""
        return await self.request("PATCH", path, json=json, **parts)

    async def delete(self, path: str, **parts: Any) -> Answer:
        """DELETE; ``parts`` as of :meth:`request`."""
        return await self.request("DELETE", path, **parts)

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: bytes | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Any request to a path such as ``/api/v1/intents``; a key is made if none is given.

        Raises:
            ApiError: the platform refused.
            UnreachableError: no answer came.
            SignInError: there is no token to send.
        """
        sent = {**(headers or {}), **({KEY: idempotency_key} if idempotency_key else {})}
        response = await self._transport.send(
            method, path, json=json, content=content, params=params, headers=sent
        )
        return Answer(response)

    def stream(self, path: str, *, after: str | None = None) -> AsyncGenerator[dict[str, Any]]:
        """The events at ``/api/v1/executions/{id}/events``, live, each once, to the terminal one.

        ``after`` is the ``cursor`` of the last that you have seen.
        """
        return events(self._transport, path, after=after)

    async def health(self) -> Health:
        """Whether the platform is ready, with each thing that it needs; `status` is `unavailable` if not."""
        try:
            return parsed(Health, await self._transport.send("GET", path("health", "ready")))
        except ApiError as error:
            try:
                return Health.model_validate_json(error.body)
            except ValidationError:  # something before the platform
                raise error from None

    async def alive(self) -> Health:
        """Whether the platform answers, whatever it depends on; ``release`` says which it is."""
        return parsed(Health, await self._transport.send("GET", path("health")))

    async def stats(self, *, since: str | None = None, until: str | None = None) -> Stats:
        """Counts of the tenant's days; the last 30 if nothing is said."""
        asked = {name: day for name, day in (("since", since), ("until", until)) if day}
        return parsed(Stats, await self._transport.send("GET", path("stats"), params=asked))

    async def close(self) -> None:
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
