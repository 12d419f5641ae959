"""Workloads: what is to run somewhere, in how many copies, and how one tells that it is well."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

MAX_REPLICAS: Final = 1000
MAX_PORTS: Final = 20

type RolloutState = Literal["progressing", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class Port:
    """A port that every copy listens on; ``number`` is what it is to others."""

    number: int
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """How a copy is asked whether it is well: ``GET path`` answers 2xx or 3xx; without path, it connects.

    Times are in seconds; ``failures`` in a row say that it is not well.
    """

    path: str | None = None
    port: int | None = None
    """None: the first of the workload's ports."""
    initial_delay: float = 0
    period: float = 10
    timeout: float = 1
    failures: int = 3


@dataclass(frozen=True, slots=True)
class Workload:
    """What is to run under ``name`` in ``namespace``: ``replicas`` copies of ``image``.

    Attributes:
        command: in place of the image's entrypoint; None: as the image says.
        args: in place of the image's command; None: as the image says.
        readiness: when a copy takes requests; None: once it runs (and listens, if it has ports).
        liveness: when a copy is started anew.
        resources: as Kubernetes has them: ``{"requests": {"cpu": "100m"}, "limits": …}``.
        manifests: Kubernetes objects, in place of all that is said of an image; only clusters take them.
    """

    namespace: str
    name: str
    image: str
    replicas: int = 1
    ports: Sequence[Port] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    command: Sequence[str] | None = None
    args: Sequence[str] | None = None
    readiness: Probe | None = None
    liveness: Probe | None = None
    resources: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    manifests: Sequence[Mapping[str, Any]] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Workload":
        probes = {name: Probe(**data[name]) if data[name] else None for name in ("readiness", "liveness")}
        return cls(**{**data, **probes, "ports": [Port(**port) for port in data["ports"]]})


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment of a workload, told from others of its name by ``key``: who deploys, and when."""

    namespace: str
    name: str
    key: str

    @property
    def place(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Rollout:
    """How a deployment stands.

    Attributes:
        message: what it waits for, or why it failed, for people.
        ready: how many of its copies take requests.
        address: where it answers, if whoever asks can reach it there.
        revision: which of the workload's deployments it is, counted by the target.
    """

    state: RolloutState
    message: str
    ready: int
    replicas: int
    address: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a deployment would change: a JSON pointer, and the values before and after.

    None before: there is no such thing yet; None after: it goes.
    """

    path: str
    before: Any
    after: Any

    def to_json(self) -> dict[str, Any]:
        return {"path": self.path, "before": self.before, "after": self.after}
