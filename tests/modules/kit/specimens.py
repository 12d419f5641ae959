"""Every specimen, by its action; what stands behind a comma tells two of one action apart."""

from collections.abc import Mapping
from typing import Final

from tests.modules.kit import containers, core, http, kubernetes
from tests.modules.kit.specimen import Opening

SPECIMENS: Final[Mapping[str, Opening]] = {
    "wait": core.wait,
    "assert": core.assertion,
    "transform": core.transform,
    "approval": core.approval,
    "run-intent": core.run_intent,
    "http-request": http.order,
    "http-request, asked again": http.job,
    "http-request, called back": http.call,
    "build-container": containers.build_container,
    "build-docker-image": containers.build_docker_image,
    "push-to-registry": containers.push,
    "restore-tags": containers.restore,
    "deploy-to-kubernetes": kubernetes.deploy,
    "deploy-to-kubernetes, on a cluster": kubernetes.cluster_deploy,
    "undo-deployment": kubernetes.undo,
    "verify-deployment": kubernetes.verify,
}


def action_of(specimen: str) -> str:
    """The action that a specimen is of."""
    return specimen.partition(",")[0]
