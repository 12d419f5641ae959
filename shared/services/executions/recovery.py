"""Finding executions that were left behind when a process died at the wrong moment.

An execution is stored before its orchestration is started, a cancellation before it is signalled, what a
step waits for before the step is nudged, and an order to retry before it is carried out; what a limit held
back gets its turn before it is started, and has come to its end before the next one gets it. If the process
dies between the two, nobody is left who would do the second half: this does it, for every tenant. All of it
is harmless when it was done before.
"""

import logging
from datetime import timedelta

from shared.domain.times import rfc3339
from shared.ports.clock import Clock
from shared.ports.documents import EXECUTIONS, Documents, Query, Where
from shared.security.scope import TenantScope
from shared.services.executions.launching import Launcher
from shared.services.executions.limits import Limits
from shared.services.executions.retry_orders import RetryOrders
from shared.services.executions.steering import Steering
from shared.services.tenancy.settings import Configuration
from shared.services.tenancy.standings import TenantSettling
from shared.services.tenancy.tenants import Tenants

GRACE = timedelta(seconds=10)
"""An execution younger than this may still be on its way to its start."""
PAGE = 100

_log = logging.getLogger(__name__)


class Recovery:
    def __init__(
        self,
        *,
        documents: Documents,
        tenants: Tenants,
        settling: TenantSettling,
        configuration: Configuration,
        launcher: Launcher,
        limits: Limits,
        retry_orders: RetryOrders,
        steering: Steering,
        clock: Clock,
    ) -> None:
        self._documents = documents
        self._tenants = tenants
        self._settling = settling
        self._configuration = configuration
        self._launcher = launcher
        self._limits = limits
        self._retry_orders = retry_orders
        self._steering = steering
        self._clock = clock

    async def run(self) -> int:
        """Bring every stranded execution back on its way; how many were looked after."""
        recovered = await self._settling.settle_left(before=self._clock.now() - GRACE)
        async for tenant_id in self._tenants.ids():
            scope = TenantScope(tenant_id)
            recovered += await self._recover_tenant(scope)
            left = self._clock.now() - GRACE
            recovered += await self._heal_limits(scope)
            recovered += await self._steering.tell_left(scope, before=left)
            recovered += await self._retry_orders.carry_out_left(scope, before=left)
        return recovered

    async def _heal_limits(self, scope: TenantScope) -> int:
        if not await self._limits.used(scope):
            return 0
        limit = await self._configuration.max_concurrent_executions(scope, fresh=True)
        return await self._limits.heal(scope, limit, grace=GRACE)

    async def _recover_tenant(self, scope: TenantScope) -> int:
        recovered, after = 0, None
        while True:
            query = Query(
                EXECUTIONS,
                "execution",
                where=[
                    Where(("status",), "in", ["pending", "cancelling"]),
                    Where(("created_at",), "<", rfc3339(self._clock.now() - GRACE)),
                ],
                order=[(("created_at",), "desc")],
                limit=PAGE,
                after=after,
            )
            page = await self._documents.query(scope, query)
            for document in page.items:
                execution_id = document.body["execution_id"]
                _log.info("execution %s of %s was left behind; going on", execution_id, scope.tenant_id)
                await self._launcher.recover(scope, execution_id)
                recovered += 1
            if (after := page.after) is None:
                return recovered
