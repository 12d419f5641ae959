"""What a process of its own does that sends requests until it is refused."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localhost.sqlite.documents import SqliteDocuments
from shared.domain.allowances import Allowance
from shared.domain.rates import RateLimits
from shared.ports.documents import Documents
from shared.ports.telemetry import NO_TELEMETRY, Telemetry
from shared.services.audit.chains import Chains
from shared.services.executions.launching import Launcher
from shared.services.executions.limits import Limits
from shared.services.executions.runs import Runs
from shared.services.tenancy import rates as subject
from shared.services.tenancy.rates import Rates
from shared.services.tenancy.settings import Configuration
from tests.fakes.clock import FrozenClock
from tests.fakes.orchestrations import RecordedOrchestrations
from tests.forked import Begin
from tests.services.conftest import caller

AT_ONCE = 4


def instance(
    documents: Documents, clock: FrozenClock, limits: RateLimits, telemetry: Telemetry = NO_TELEMETRY
) -> Rates:
    """The limits as one instance of the platform has them."""
    launcher = Launcher(documents=documents, orchestrations=RecordedOrchestrations(), runs=Runs(documents))
    bounds = Limits(documents=documents, launcher=launcher, clock=clock)
    allowance = Allowance(rate_limits=limits)
    configuration = Configuration(
        documents=documents, chains=Chains(), limits=bounds, clock=clock, allowance=allowance
    )
    return Rates(documents=documents, configuration=configuration, clock=clock, telemetry=telemetry)


async def drain(rates: Rates, user: str = "ada", tenant: str = "acme") -> int:
    """How many requests are let through until one is refused."""
    ada, through = caller(tenant, user), 0
    while not (await rates.take(ada.scope, ada.principal.user)).violated:
        through += 1
    return through


async def take(told: Mapping[str, Any], begin: Begin) -> int:
    """How many are let through.

    ``told`` are the ``time``, the ``limits``, and the file ``sqlite`` or ``cosmos`` with endpoint, database
    and key.
    """
    clock = FrozenClock(datetime.fromtimestamp(told["time"], UTC))
    if "sqlite" in told:
        documents: Any = SqliteDocuments(Path(told["sqlite"]), now=clock.now)
    else:
        from shared.adapters.cosmos.account import Account  # loads the SDK: a second
        from shared.adapters.cosmos.documents import CosmosDocuments

        endpoint, database, key = told["cosmos"]
        documents = CosmosDocuments(Account(endpoint, database, key=key), patience=60)
    vars(subject).update(LEASE_SECONDS=60.0)  # a store on a busy machine is not one that is away
    rates = instance(documents, clock, RateLimits(**told["limits"]))
    begin()
    return sum(await asyncio.gather(*(drain(rates) for _ in range(AT_ONCE))))
