"""What nobody is told: the services that keep tenants' secrets and give them to steps."""

from dataclasses import dataclass

from shared.services.secrets.leftovers import Leftovers
from shared.services.secrets.secrets import Secrets
from shared.services.secrets.values import SecretValues
from shared.services.steps.disclosures import Disclosures
from shared.wiring.foundation import Foundation


@dataclass(frozen=True)
class SecretServices:
    secrets: Secrets
    secret_values: SecretValues
    leftovers: Leftovers
    disclosures: Disclosures


def secret_services(base: Foundation) -> SecretServices:
    documents, vault, clock = base.documents, base.secrets, base.adapters.clock
    values = SecretValues(documents=documents, vault=vault, clock=clock)
    leftovers = Leftovers(documents=documents, vault=vault, clock=clock)
    secrets = Secrets(
        documents=documents,
        vault=vault,
        values=values,
        leftovers=leftovers,
        chains=base.chains,
        cursors=base.cursors,
        clock=clock,
        ids=base.adapters.ids,
        room=base.room,
    )
    return SecretServices(
        secrets=secrets, secret_values=values, leftovers=leftovers, disclosures=Disclosures(values, clock)
    )
