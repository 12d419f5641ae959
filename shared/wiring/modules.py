"""What steps can do: the built-in actions and tenants' own modules, over what they reach out with."""

from dataclasses import dataclass

from shared.modules.remote.modules import GuardedModules
from shared.ports.actions import Catalogue
from shared.ports.modules import RemoteModules
from shared.services.modules.modules import Modules, Parts
from shared.services.modules.store import module_store
from shared.services.modules.tenant_actions import TenantActions
from shared.services.secrets.sealing import Sealer
from shared.wiring.foundation import Foundation


@dataclass(frozen=True)
class ModuleServices:
    modules: Modules
    tenant_actions: TenantActions
    remote_modules: RemoteModules


def module_services(base: Foundation, catalogue: Catalogue) -> ModuleServices:
    adapters = base.adapters
    store = module_store(base.documents, Sealer(adapters.cursor_key, purpose="module keys"))
    remote = GuardedModules(base.egress, adapters.clock, telemetry=adapters.telemetry)
    parts = Parts(
        documents=base.documents,
        store=store,
        catalogue=catalogue,
        remote=remote,
        chains=base.chains,
        cursors=base.cursors,
        clock=adapters.clock,
        room=base.room,
        url_refusal=base.egress.refusal_of_url,
    )
    actions = TenantActions(catalogue=catalogue, store=store, remote=remote, clock=adapters.clock)
    return ModuleServices(Modules(parts), actions, remote)
