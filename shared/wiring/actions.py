"""What steps can do: the built-in actions, over what they reach out with."""

from shared.modules.authorization import OutboundTokens
from shared.modules.catalogue import BuiltInActions
from shared.modules.kubernetes.targets import Clusters, Targets
from shared.services.steps.approvals import Approvals
from shared.settings_json import outbound_scopes
from shared.wiring.builds import build_actions
from shared.wiring.foundation import Foundation


def built_in_actions(base: Foundation, approvals: Approvals) -> BuiltInActions:
    outbound = OutboundTokens(base.adapters.credentials, outbound_scopes(base.settings))
    return BuiltInActions(
        egress=base.egress,
        approvals=approvals,
        repositories=base.repositories,
        targets=Targets(base.adapters.target, Clusters(base.egress, outbound, base.adapters.telemetry)),
        builds=build_actions(base),
        outbound=outbound,
        telemetry=base.adapters.telemetry,
    )
