"""The use cases of executions over a real store, with actions that do as a test says."""

import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared import logs
from shared.adapters.jwt.keys import JwksSource
from shared.adapters.jwt.verifier import JwtTokens
from shared.adapters.system import RandomIds
from shared.bootstrap import Application, compose
from shared.domain.allowances import Allowance
from shared.domain.executions import MAX_OUTPUT_BYTES, Execution
from shared.domain.intents import NewIntent
from shared.domain.quotas import Quotas
from shared.ports.adapters import Adapters
from shared.ports.documents import EXECUTIONS, Documents
from shared.security.principals import Principal
from shared.security.scope import TenantScope
from shared.services.audit.chains import Chains
from shared.services.callers import Caller
from shared.services.executions.bulk import Bulk
from shared.services.executions.endings import Endings
from shared.services.executions.executions import Executions
from shared.services.executions.launching import Launcher
from shared.services.executions.limits import Limits
from shared.services.executions.nudges import Nudges
from shared.services.executions.outputs import Outputs
from shared.services.executions.recovery import Recovery
from shared.services.executions.retry_orders import RetryOrders
from shared.services.executions.retrying import Retrying
from shared.services.executions.runs import Runs
from shared.services.executions.steering import Steering
from shared.services.executions.streams import Streams
from shared.services.registry.intents import Intents
from shared.services.registry.lifecycle import Lifecycle
from shared.services.registry.plans import Plans
from shared.services.registry.validation import Validation
from shared.services.registry.versions import Versions
from shared.services.secrets.secrets import Secrets
from shared.services.steps.approvals import Approvals
from shared.services.steps.callbacks import Callbacks
from shared.services.steps.children import Children
from shared.services.steps.disclosures import Disclosures
from shared.services.steps.parts import Parts
from shared.services.steps.steps import Steps
from shared.services.tenancy.members import Members
from shared.services.tenancy.policies import Policies
from shared.services.tenancy.quotas import Room
from shared.services.tenancy.settings import Configuration
from shared.services.tenancy.tenants import Tenants
from shared.settings import Settings
from tests.fakes.actions import ScriptedCatalogue
from tests.fakes.clock import FrozenClock
from tests.fakes.events import FlakyEvents
from tests.fakes.orchestrations import RecordedOrchestrations
from tests.fakes.secrets import KeptSecrets
from tests.stores import opened


def caller(tenant: str = "acme", user: str = "ada") -> Caller:
    principal = Principal(tenant, user, frozenset({"admin"}), {}, "urn:test", user)
    return Caller(principal, TenantScope(tenant), request_id="r1", address="192.0.2.7")


@dataclass(frozen=True)
class Workshop:
    """Every service that a run passes through, composed as the platform composes them."""

    documents: Documents
    orchestrations: RecordedOrchestrations
    catalogue: ScriptedCatalogue
    clock: FrozenClock
    tenants: Tenants
    configuration: Configuration
    validation: Validation
    intents: Intents
    versions: Versions
    lifecycle: Lifecycle
    plans: Plans
    executions: Executions
    members: Members
    launcher: Launcher
    limits: Limits
    recovery: Recovery
    steering: Steering
    bulk: Bulk
    children: Children
    callbacks: Callbacks
    steps: Steps
    endings: Endings
    nudges: Nudges
    retrying: Retrying
    retry_orders: RetryOrders
    approvals: Approvals
    streams: Streams
    outputs: Outputs
    vault: KeptSecrets
    secrets: Secrets
    disclosures: Disclosures
    policies: Policies
    ada: Caller
    platform: Application
    """All of it."""

    async def execute(self, *steps: dict[str, Any], name: str = "deploy", **parameters: Any) -> Execution:
        new = NewIntent(name=name, definition={"target": "production", "steps": list(steps)})
        await self.intents.create(self.ada, new)
        return await self.executions.execute(self.ada, name, parameters)

    async def attempt(self, execution: Execution, step: str, attempt: int = 1, **more: Any) -> dict[str, Any]:
        """Deliver one attempt's activity."""
        ids = {"tenant_id": execution.tenant_id, "execution_id": execution.execution_id}
        return await self.steps.run({**ids, "step": step, "attempt": attempt, **more})

    async def finish(self, execution: Execution, status: str, **steps: list[str]) -> None:
        ids = {"tenant_id": execution.tenant_id, "execution_id": execution.execution_id}
        ends: dict[str, list[str]] = {"failed": [], "blocked": [], "cancelled": []}
        await self.endings.finish({**ids, "status": status, **ends, **steps})

    async def events(self, execution: Execution) -> list[dict[str, Any]]:
        """The execution's events so far: type, step and what they carry."""
        found, _ = await self.streams.page(self.ada, execution.execution_id, after=None, limit=10_000)
        return [{"type": event.type, **event.data} for event in found]

    async def types(self, execution: Execution) -> list[str]:
        return [event["type"] for event in await self.events(execution)]

    async def head(self, execution: Execution) -> dict[str, Any]:
        document = await self.documents.read(
            TenantScope(execution.tenant_id),
            container=EXECUTIONS,
            partition=execution.execution_id,
            id="execution",
        )
        assert document is not None
        return dict(document.body)

    def forgetful(
        self,
        documents: Documents | None = None,
        *,
        max_output_bytes: int = MAX_OUTPUT_BYTES,
        **others: Any,
    ) -> Steps:
        """The same service in a process that has seen nothing of the execution; with ``others`` as parts."""
        store = documents or self.documents
        allowance = Allowance(quotas=Quotas(output_bytes=max_output_bytes))
        configuration = Configuration(
            documents=store, chains=Chains(), limits=self.limits, clock=self.clock, allowance=allowance
        )
        parts = Parts(
            store,
            Runs(store),
            self.platform.tenant_actions,
            self.clock,
            self.children,
            self.callbacks,
            self.tenants,
            self.disclosures,
            Room(store, configuration),
        )
        return Steps(replace(parts, **others))


@pytest.fixture
def identified() -> Iterator[None]:
    """Log records are made as the platform makes them."""
    before = logging.getLogRecordFactory()
    logs.identify()
    yield
    logging.setLogRecordFactory(before)


@pytest.fixture
async def workshop(request: pytest.FixtureRequest, store: str, tmp_path: Path) -> AsyncIterator[Workshop]:
    """The services, over SQLite unless the test is marked with ``BOTH_STORES``."""
    clock = FrozenClock()
    async with opened(store, request, tmp_path / "documents.db", now=clock.now) as documents:
        yield composed(documents, clock)


def composed(
    documents: Documents,
    clock: FrozenClock,
    *,
    audit_retention: timedelta | None = None,
    vault: KeptSecrets | None = None,
) -> Workshop:
    orchestrations, catalogue = RecordedOrchestrations(), ScriptedCatalogue()
    vault = vault or KeptSecrets(now=clock.now)
    adapters = Adapters(
        documents=documents,
        events=FlakyEvents(),
        orchestrations=orchestrations,
        tokens=JwtTokens([], keys=JwksSource(), clock=clock),
        clock=clock,
        ids=RandomIds(clock),
        cursor_key=b"k" * 32,
        secrets=vault,
    )
    settings = Settings(
        adapters="localhost",
        host_url="http://127.0.0.1:7071",
        heartbeat_seconds=0.05,
        audit_retention=audit_retention,
    )
    platform = compose(adapters, settings, catalogue=catalogue)
    return Workshop(
        documents,
        orchestrations,
        catalogue,
        clock,
        platform.tenants,
        platform.configuration,
        platform.validation,
        platform.intents,
        platform.versions,
        platform.lifecycle,
        platform.plans,
        platform.executions,
        platform.members,
        platform.launcher,
        platform.limits,
        platform.recovery,
        platform.steering,
        platform.bulk,
        platform.children,
        platform.callbacks,
        platform.steps,
        platform.endings,
        platform.nudges,
        platform.retrying,
        platform.retry_orders,
        platform.approvals,
        platform.streams,
        platform.outputs,
        vault,
        platform.secrets,
        platform.disclosures,
        platform.policies,
        caller(),
        platform,
    )
