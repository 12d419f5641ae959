"""What is said of a build, and what it comes to."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.domain.images import DOCKER_HUB, LATEST, ImageReference, parse_image, parse_registry
from shared.modules.containers.building.contexts import DOCKERFILE, Wanted
from shared.modules.containers.images.platforms import Platform, this_machine
from shared.ports.registries import Login

MAX_ARGS: Final = 100
MAX_REGISTRIES: Final = 20
_STRICT: Final = ConfigDict(strict=True, extra="forbid", frozen=True)


def _image(text: str) -> str:
    image = parse_image(text)
    if image.digest:
        raise ValueError("what is built has no digest yet: name it like myapp:1.2.3")
    if image.registry:
        raise ValueError(
            "name it without a registry, like myapp:1.2.3: it is built into the platform's own, and "
            "push-to-registry brings it anywhere else"
        )
    return text


def _platform(text: str) -> str:
    Platform.parse(text)
    return text


ArgName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,127}$")]


def _registry(text: str) -> str:
    try:
        registry = parse_registry(text)
    except ValueError:  # the message has nothing of it: a secret may stand here by mistake
        message = "a registry is a host, with a port if need be and no path, such as ghcr.io"
        raise ValueError(message) from None
    return DOCKER_HUB if registry == "index.docker.io" else registry


class RegistrySignIn(BaseModel):
    """Who signs in to one registry."""

    model_config = _STRICT

    registry: Annotated[str, AfterValidator(_registry)] = Field(
        max_length=255, description="The registry, as images have it in front.", examples=["ghcr.io"]
    )
    username: str = Field(min_length=1, max_length=256, description="Who signs in.", examples=["ci"])
    password: str = Field(
        min_length=1,
        max_length=16_384,
        repr=False,
        description="With which password or token.",
        examples=["${{ secrets.REGISTRY_PASSWORD }}"],
    )


def _each_once(signs_in: Sequence[RegistrySignIn]) -> Sequence[RegistrySignIn]:
    if len({one.registry for one in signs_in}) < len(signs_in):
        raise ValueError("a registry is named once")
    return signs_in


class BuildParameters(BaseModel):
    """Which image, and what it is made of."""

    model_config = _STRICT

    image: Annotated[str, AfterValidator(_image)] = Field(
        max_length=512,
        description="What it is called, with a tag (else `latest`) and without a registry.",
        examples=["myapp:1.2.3"],
    )
    context: str = Field(
        default=".",
        min_length=1,
        max_length=1024,
        description="What it is built from: a folder of the local host (below QUANTUM_CONTEXTS), an uploaded "
        "archive, as POST /contexts has named it, or a folder of a git repository.",
        examples=["./app", "upload:sha256:" + "0" * 64, "https://git.example.com/app.git#v1.2:web"],
    )
    dockerfile: str = Field(
        default=DOCKERFILE,
        min_length=1,
        max_length=1024,
        description="Where the Dockerfile is in the context.",
        examples=["docker/web.Dockerfile"],
    )
    args: dict[ArgName, Annotated[str, Field(max_length=4096)]] = Field(
        default={},
        max_length=MAX_ARGS,
        description="Values of the Dockerfile's ARGs. They can be seen in the image: no secrets.",
        examples=[{"VERSION": "1.2.3"}],
    )
    target: str | None = Field(
        default=None, max_length=128, description="The stage to build, by default the last.", examples=["web"]
    )
    platform: Annotated[str, AfterValidator(_platform)] | None = Field(
        default=None,
        max_length=64,
        description="What it runs on, by default Linux on the processor of the host that builds.",
        examples=["linux/amd64"],
    )

    registries: Annotated[list[RegistrySignIn], AfterValidator(_each_once)] = Field(
        default=[],
        max_length=MAX_REGISTRIES,
        description="Who signs in where base images come from; to any other registry, nobody does.",
        examples=[
            [{"registry": "ghcr.io", "username": "ci", "password": "${{ secrets.REGISTRY_PASSWORD }}"}]
        ],
    )

    @property
    def logins(self) -> Mapping[str, Login]:
        """How to sign in, by the registry."""
        return {one.registry: Login(one.username, one.password) for one in self.registries}

    @property
    def reference(self) -> ImageReference:
        return parse_image(self.image)

    @property
    def tag(self) -> str:
        return self.reference.tag or LATEST

    @property
    def wanted(self) -> Wanted:
        platform = Platform.parse(self.platform) if self.platform else this_machine()
        return Wanted(self.context, self.dockerfile, self.args, self.target, platform)


class BuildOutputs(BaseModel):
    model_config = _STRICT

    image: str = Field(
        description="Exactly what was built, for whoever pulls it.",
        examples=["127.0.0.1:7071/example/myapp:1.2.3@sha256:" + "0" * 64],
    )
    digest: str = Field(description="Of the image.")
    size: int = Field(description="Bytes of all that the image is made of, compressed.")
    log: str = Field(description="The artifact in the build registry whose one layer is the log.")
    builder: str = Field(description="`builtin`, `buildah` or `acr`.")
    commit: str | None = Field(description="Of a git reference, what it stood for.")
    repository: str = Field(description="Where the image is.")
    tags: dict[str, str | None] = Field(description="What each tag that was set stood for before.")
    is_new: bool = Field(description="Whether the repository had no such image before.")
