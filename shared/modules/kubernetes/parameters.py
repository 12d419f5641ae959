"""What steps can say of deployments, and what comes of them."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from shared.domain.images import parse_image
from shared.domain.workloads import MAX_PORTS, MAX_REPLICAS, Deployment, Port, Probe

_STRICT: Final = ConfigDict(strict=True, extra="forbid", frozen=True)
LABEL: Final = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,252}")
_QUANTITY: Final = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?")
_MAX_ENV: Final = 64 * 1024


def _as_text(value: Any) -> Any:
    """Numbers and truths as environments spell them: YAML and JSON have them, processes do not."""
    if not isinstance(value, Mapping):
        return value
    return {name: _spelled(item) for name, item in value.items()}


def _spelled(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _environment(env: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in env.items():
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"{name[:40]!r} is not the name of a variable")
        if "\0" in value:
            raise ValueError(f"the variable {name!r} has a NUL in it")
    if sum(map(len, env)) + sum(map(len, env.values())) > _MAX_ENV:
        raise ValueError(f"all variables together have at most {_MAX_ENV} characters")
    return env


def _image(text: str) -> str:
    parse_image(text)
    return text


class PortParameters(BaseModel):
    """A port that every copy listens on."""

    model_config = _STRICT

    port: int = Field(ge=1, le=65535, description="Its number.", examples=[8080])
    name: str | None = Field(default=None, pattern=r"^[a-z0-9-]{1,15}$", description="Its name.")

    @property
    def value(self) -> Port:
        return Port(self.port, self.name)


def _as_ports(value: Any) -> Any:
    """Numbers alone are ports without names."""
    if not isinstance(value, list):
        return value
    return [{"port": item} if type(item) is int else item for item in value]


class ProbeParameters(BaseModel):
    """How a copy is asked whether it is well: ``GET path``, or without a path by connecting."""

    model_config = _STRICT

    path: str | None = Field(default=None, pattern=r"^/\S*$", max_length=2048, description="What to get.")
    port: int | None = Field(default=None, ge=1, le=65535, description="Where; otherwise at its first port.")
    initial_delay: float = Field(default=0, ge=0, le=3600, description="Seconds before the first time.")
    period: float = Field(default=10, ge=0.1, le=3600, description="Seconds between two times.")
    timeout: float = Field(default=1, ge=0.1, le=300, description="Seconds that an answer may take.")
    failures: int = Field(default=3, ge=1, le=100, description="So many in a row say that it is not well.")

    @property
    def value(self) -> Probe:
        return Probe(**self.model_dump())


class Probes(BaseModel):
    """How copies are asked whether they are well."""

    model_config = _STRICT

    readiness: ProbeParameters | None = Field(default=None, description="When a copy takes requests.")
    liveness: ProbeParameters | None = Field(default=None, description="When a copy is started anew.")


class Resources(BaseModel):
    """How much of a machine a copy takes, as Kubernetes spells it."""

    model_config = _STRICT

    requests: dict[str, str] = Field(
        default={}, description="What it is sure of.", examples=[{"cpu": "100m"}]
    )
    limits: dict[str, str] = Field(default={}, description="What it never exceeds.")

    @model_validator(mode="after")
    def _quantities(self) -> Self:
        for amount in [*self.requests.values(), *self.limits.values()]:
            if not _QUANTITY.fullmatch(amount):
                raise ValueError(f"{amount[:40]!r} is not a quantity, such as 100m or 128Mi")
        return self


class TargetParameters(BaseModel):
    """Where: one step says it as the other does."""

    model_config = _STRICT

    kubeconfig: str | None = Field(
        default=None,
        max_length=64 * 1024,
        description="The cluster and how to sign in to it, as `kubectl config view --raw --minify` prints "
        "it; keep it as a secret. Without it: the platform's own target.",
        examples=["${{ secrets.KUBECONFIG }}"],
    )


CONFIDENTIAL: Final = frozenset({"kubeconfig"})
"""Of these, the parameters that may have secrets in them."""


class DeployParameters(TargetParameters):
    """What to run where: an ``image``, or Kubernetes ``manifests`` as they are."""

    namespace: str = Field(pattern=LABEL, description="Where it belongs.", examples=["production"])
    image: Annotated[str, AfterValidator(_image)] | None = Field(
        default=None,
        max_length=500,
        description="What to run; otherwise what an earlier step has built or pushed.",
        examples=["registry.example.com/web:1.4"],
    )
    manifests: list[dict[str, Any]] | None = Field(
        default=None, min_length=1, max_length=100, description="Kubernetes objects in place of an image."
    )
    name: str | None = Field(
        default=None,
        pattern=LABEL,
        description="What it is called; otherwise as its image.",
        examples=["web"],
    )
    replicas: int = Field(default=1, ge=0, le=MAX_REPLICAS, description="How many copies.")
    ports: Annotated[
        list[PortParameters], BeforeValidator(_as_ports, json_schema_input_type=list[int | PortParameters])
    ] = Field(
        default=[],
        max_length=MAX_PORTS,
        description="What its copies listen on; on this machine, left out, what the image exposes.",
        examples=[[8080]],
    )
    env: Annotated[
        dict[str, str],
        BeforeValidator(_as_text, json_schema_input_type=dict[str, str | int | float | bool]),
        AfterValidator(_environment),
    ] = Field(default={}, description="Variables of its environment.")
    command: list[str] | None = Field(default=None, description="In place of the image's entrypoint.")
    args: list[str] | None = Field(default=None, description="In place of the image's command.")
    probes: Probes = Field(default=Probes(), description="How copies are asked whether they are well.")
    resources: Resources = Field(default=Resources(), description="How much of a machine a copy takes.")
    labels: dict[str, str] = Field(default={}, description="Labels of what is deployed.")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.manifests is not None and self.image is not None:
            raise ValueError("give either 'image' or 'manifests'")
        return self


class DeploymentReference(BaseModel):
    """Which deployment: what the step that made it tells."""

    model_config = _STRICT

    target: str = Field(max_length=300, description="Where it was made.")
    namespace: str = Field(pattern=LABEL, description="Where it belongs.")
    name: str = Field(pattern=LABEL, description="What it is called.")
    key: str = Field(min_length=1, max_length=200, description="Which of that name.")
    held: list[Annotated[str, Field(max_length=512)]] = Field(
        default=[], max_length=100, description="Those of its images that the build registry keeps for it."
    )

    @property
    def value(self) -> Deployment:
        return Deployment(self.namespace, self.name, self.key)


class DeployOutputs(BaseModel):
    model_config = _STRICT

    target: str = Field(description="Where it runs: `local` is the machine of the platform itself.")
    namespace: str = Field(description="Where it belongs.")
    name: str = Field(description="What it is called.")
    image: str | None = Field(description="What runs; of manifests, that is theirs to say.")
    replicas: int = Field(description="How many copies take requests.")
    revision: str | None = Field(description="Which deployment of its name it is, as the target counts.")
    address: str | None = Field(description="Where it answers, if that is known.")
    deployment: DeploymentReference = Field(description="What later steps know it by.")


class UndoParameters(TargetParameters):
    """Which deployment to take back."""

    deployment: DeploymentReference = Field(description="What the step that deployed it tells.")


class UndoOutputs(BaseModel):
    model_config = _STRICT

    target: str = Field(description="Where it was.")
    namespace: str = Field(description="Where it belonged.")
    name: str = Field(description="What it was called.")
    restored: bool = Field(
        description="Whether something ran before that runs again; otherwise nothing runs under the name."
    )
    replicas: int = Field(description="How many copies of that take requests.")


def _statuses(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


class VerifyParameters(TargetParameters):
    """What must be answered, how often it is asked, and for how long it must stay so."""

    health_check: str = Field(
        default="/",
        max_length=8192,
        pattern=r"^(/|https?://)\S*$",
        description="What to get: a path of what was deployed, or a URL.",
        examples=["/health"],
    )
    deployment: DeploymentReference | None = Field(
        default=None, description="What was deployed; otherwise what an earlier step has deployed."
    )
    expected_status: Annotated[
        list[Annotated[int, Field(ge=100, le=599)]],
        BeforeValidator(_statuses, json_schema_input_type=int | list[int]),
    ] = Field(default=[200], min_length=1, max_length=20, description="The statuses that are well.")
    expected_body: str | None = Field(
        default=None, min_length=1, max_length=10_000, description="A text that the answer has in it."
    )
    attempts: int = Field(default=10, ge=1, le=1000, description="How many bad answers there may be.")
    interval: float = Field(default=2, ge=0.1, le=3600, description="Seconds between two times.")
    timeout_each: float = Field(default=5, ge=0.1, le=60, description="Seconds that an answer may take.")
    stable_for: float = Field(
        default=0, ge=0, le=86_400, description="Seconds for which every answer must be well."
    )

    @property
    def is_url(self) -> bool:
        return not self.health_check.startswith("/")


class VerifyOutputs(BaseModel):
    model_config = _STRICT

    target: str | None = Field(description="Of what was verified; null: a URL was.")
    health_check: str = Field(description="What was asked for.")
    status: int = Field(description="What was answered in the end.")
    checks: int = Field(description="How often it was asked.")
    failures: int = Field(description="How often the answer was bad before it was well.")
