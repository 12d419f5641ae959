"""How deploying fails, on a cluster or on this machine."""

from typing import Final

from shared.domain.failures import either, final, passing
from shared.modules.containers.failures import REGISTRIES
from shared.modules.failures import SIGNING_IN

TARGETS: Final = (
    *REGISTRIES,
    *SIGNING_IN,
    final("NO_TARGET", "there is nowhere to deploy to"),
    final("KUBECONFIG", "the kubeconfig cannot be used"),
    either("CLUSTER", "the cluster did not do it, or gave no answer"),
    final("UNAUTHENTICATED", "the cluster does not know who signs in"),
    final("FORBIDDEN", "who signs in may not do that in the cluster"),
    final("NOT_FOUND", "the cluster does not have it, perhaps not the namespace"),
    either("CONFLICT", "somebody else changes it, or has it"),
    final("NAME_TAKEN", "something that the platform has not deployed is called so"),
    final("DEPLOYMENT_NOT_FOUND", "there is no such deployment"),
    either("NO_ADDRESS", "nothing of the deployment can be asked"),
    passing("NO_ANSWER", "what was deployed gave no answer"),
    final("IMAGE_INVALID", "on this machine: the image cannot be run"),
    final("PROGRAM_NOT_FOUND", "on this machine: the image has not the program that it runs"),
    final("NOT_SUPPORTED", "on this machine: that can be done on clusters only"),
    final("TOO_MANY_REPLICAS", "on this machine: so many copies do not run"),
)
"""Whoever deploys, or looks at what was deployed."""

ROLLOUTS: Final = (*TARGETS, either("ROLLOUT_FAILED", "the copies do not run as they are to"))
"""Whoever changes what runs."""
