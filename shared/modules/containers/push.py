"""``push-to-registry``, and what undoes it: ``restore-tags``."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from shared.domain.actions import Taking, Undoing
from shared.domain.images import DIGEST, LATEST, TAG, TAG_RULE, parse_image
from shared.modules.containers.failures import REGISTRIES
from shared.modules.containers.registry.repositories import Repositories, Repository, parse_destination
from shared.modules.containers.registry.tags import TagsBefore
from shared.modules.containers.registry.transfers import transfer
from shared.ports.actions import Action, ActionContext, ActionError, Completed, Foreseen, Pending
from shared.ports.registries import Login

MAX_TAGS: Final = 50
_STRICT: Final = ConfigDict(strict=True, extra="forbid", frozen=True)


def _image(text: str) -> str:
    parse_image(text)
    return text


def _registry(text: str) -> str:
    parse_destination(text)
    return text


def _tag(text: str) -> str:
    if not TAG.fullmatch(text):
        raise ValueError(f"{text[:140]!r}: a tag is {TAG_RULE}")
    return text


def _digest(text: str) -> str:
    if not DIGEST.fullmatch(text):
        raise ValueError(f"{text[:140]!r} is not a digest")
    return text


class _SignIn(BaseModel):
    """How to sign in to a registry that is not the operator's."""

    model_config = _STRICT

    username: str | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="Who signs in to the registry.",
        examples=["ci"],
    )
    password: str | None = Field(
        default=None,
        min_length=1,
        max_length=16_384,
        repr=False,
        description="With which password or token.",
        examples=["${{ secrets.REGISTRY_PASSWORD }}"],
    )

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("give 'username' and 'password' together")
        return self

    @property
    def login(self) -> Login | None:
        return Login(self.username, self.password) if self.username and self.password else None


class PushParameters(_SignIn):
    """An image, and where it goes."""

    image: Annotated[str, AfterValidator(_image)] = Field(
        default="",
        max_length=512,
        description="The image. Without a registry, it is one that this execution has built, or else one "
        "that the tenant has by that name. Left out, it is what the step before has built.",
        examples=["myapp:latest"],
    )
    registry: Annotated[str, AfterValidator(_registry)] = Field(
        max_length=512,
        description="The registry that it goes to, with a path behind it if need be.",
        examples=["ghcr.io/example"],
    )
    tags: list[Annotated[str, AfterValidator(_tag)]] = Field(
        default=[],
        max_length=MAX_TAGS,
        description="The tags that it gets there; none: that of the image, or `latest`.",
        examples=[["1.4.2", "latest"]],
    )

    @property
    def wanted_tags(self) -> list[str]:
        return list(dict.fromkeys(self.tags)) or [parse_image(self.image).tag or LATEST]


class PushOutputs(BaseModel):
    model_config = _STRICT

    reference: str = Field(
        description="Exactly what was pushed, for whoever pulls it.",
        examples=["ghcr.io/example/myapp:1.4.2@sha256:" + "0" * 64],
    )
    digest: str = Field(description="Of the image.")
    size: int = Field(description="Bytes of all that the image is made of.")
    sent: int = Field(description="Bytes of it that the registry had not yet.")
    registry: str = Field(description="Where it went: `local` is this machine's own registry.")
    instead_of: str | None = Field(
        description="The registry that the step named, where the operator has another take its place."
    )
    repository: str = Field(description="Where it is there.")
    tags: dict[str, str | None] = Field(description="What each tag stood for before.")
    is_new: bool = Field(description="Whether the repository had no such image before.")


class PushToRegistry(Action):
    """Bring an image to a registry, and tag it there.

    What is big goes first and is seen by nobody; then what the tags stand for is looked up and remembered,
    and only then are they set. So whenever it is broken off, it is known what to put back.
    """

    name = "push-to-registry"
    module = "containers"
    side_effect = "compensatable"
    offers = MappingProxyType({"image": "reference"})
    takes = MappingProxyType({"image": Taking("image")})
    takes_secrets = frozenset({"password"})
    own_images = frozenset({"image"})
    undone_by = Undoing(
        "restore-tags",
        {"repository": "repository", "digest": "digest", "tags": "tags", "is_new": "is_new"},
        same=frozenset({"username", "password"}),
    )
    failures = REGISTRIES
    examples = (
        {
            "id": "push",
            "action": "push-to-registry",
            "image": "shop:1.4",
            "registry": "registry.example.com/team",
            "tags": ["1.4", "latest"],
            "username": "ci",
            "password": "${{ secrets.REGISTRY_PASSWORD }}",
        },
    )
    Parameters: ClassVar[type[BaseModel]] = PushParameters
    Outputs: ClassVar[type[BaseModel]] = PushOutputs

    def __init__(self, repositories: Repositories) -> None:
        self._repositories = repositories

    def warm_up(self) -> None:
        self._repositories.warm_up()

    def where(self, parameters: Mapping[str, Any]) -> str | None:
        return self._repositories.shown(parameters.get("registry"))

    async def run(self, parameters: PushParameters, context: ActionContext) -> Pending:
        target = self._target(parameters, context)
        found = await self._repositories.find(
            context.scope,
            parse_image(parameters.image),
            execution_id=context.execution_id,
            login=_of_same(parameters),
        )
        done = await transfer(found.repository, found.manifest, target)
        before = await TagsBefore.of(
            target, parameters.wanted_tags, digest=found.manifest.digest, is_new=done.is_new
        )
        token = {
            "digest": before.digest,
            "tags": dict(before.previous),
            "is_new": before.is_new,
            "size": done.size,
            "sent": done.sent,
        }
        return Pending(0, token)

    async def poll(self, token: Any, parameters: PushParameters, context: ActionContext) -> Completed:
        target = self._target(parameters, context)
        manifest = await target.registry.manifest(target.name, token["digest"])
        if manifest is None:
            message = f"{target.path} no longer has {token['digest']}, which was just put there"
            raise ActionError("IMAGE_NOT_FOUND", message, retryable=True)
        await _before(token).set(target, manifest)
        tag = parameters.wanted_tags[0]
        return Completed(
            {
                **_about(target),
                **token,
                "reference": f"{target.path}:{tag}@{token['digest']}",
                "repository": target.path,
            }
        )

    async def cancel(self, token: Any, parameters: PushParameters, context: ActionContext) -> None:
        if token is not None:
            await _before(token).restore(self._target(parameters, context))

    async def dry_run(self, parameters: PushParameters, context: ActionContext) -> Foreseen:
        """Neither registry is asked."""
        target = self._target(parameters, context)
        about = _about(target)
        would = {
            "push": parameters.image,
            "repository": target.path,
            "tags": parameters.wanted_tags,
            "username": parameters.username,
            **about,
        }
        return Foreseen(would, {**about, "repository": target.path})

    def _target(self, parameters: PushParameters, context: ActionContext) -> Repository:
        return self._repositories.destination(
            context.scope, parameters.registry, parse_image(parameters.image), login=parameters.login
        )

    async def aclose(self) -> None:
        """Close the connections that are kept."""
        await self._repositories.aclose()


class RestoreParameters(_SignIn):
    """A push, as its outputs tell it."""

    repository: Annotated[str, AfterValidator(_image)] = Field(
        max_length=512, description="Where it went.", examples=["ghcr.io/example/myapp"]
    )
    digest: Annotated[str, AfterValidator(_digest)] = Field(
        description="What was pushed.", examples=["sha256:" + "0" * 64]
    )
    tags: dict[Annotated[str, AfterValidator(_tag)], Annotated[str, AfterValidator(_digest)] | None] = Field(
        max_length=MAX_TAGS,
        description="The tags that it set, each with what it stood for before.",
        examples=[{"latest": None}],
    )
    is_new: bool = Field(default=False, description="Whether the repository had no such image before.")


class RestoreOutputs(BaseModel):
    model_config = _STRICT

    tags: dict[str, str] = Field(
        description="What became of each: `restored`, `removed`, `kept` (it stood for the same), or `left` "
        "(somebody has set it since)."
    )


class RestoreTags(Action):
    """Have tags stand for what they stood for before a push, unless somebody has set them since."""

    name = "restore-tags"
    module = "containers"
    side_effect = "idempotent"
    takes_secrets = frozenset({"password"})
    failures = REGISTRIES
    Parameters: ClassVar[type[BaseModel]] = RestoreParameters
    examples = (
        {
            "id": "take-back",
            "action": "restore-tags",
            "repository": "registry.example.com/team/shop",
            "digest": "${{ steps.push.outputs.digest }}",
            "tags": "${{ steps.push.outputs.tags }}",
            "username": "ci",
            "password": "${{ secrets.REGISTRY_PASSWORD }}",
        },
    )
    Outputs: ClassVar[type[BaseModel]] = RestoreOutputs

    def __init__(self, repositories: Repositories) -> None:
        self._repositories = repositories

    async def run(self, parameters: RestoreParameters, context: ActionContext) -> Completed:
        repository = self._repositories.again(context.scope, parameters.repository, login=parameters.login)
        before = TagsBefore(parameters.digest, parameters.tags, parameters.is_new)
        return Completed({"tags": await before.restore(repository)})

    async def dry_run(self, parameters: RestoreParameters, context: ActionContext) -> Foreseen:
        repository = self._repositories.again(context.scope, parameters.repository, login=parameters.login)
        return Foreseen({"restore": repository.path, "tags": dict(parameters.tags)})


def _before(token: Mapping[str, Any]) -> TagsBefore:
    return TagsBefore(token["digest"], token["tags"], token["is_new"])


def _about(target: Repository) -> dict[str, Any]:
    return {"registry": target.shown, "instead_of": target.alias_of}


def _of_same(parameters: PushParameters) -> Login | None:
    """The login for the image's own registry, if that is where it goes, too: no password goes elsewhere."""
    same = parse_image(parameters.image).registry == parse_destination(parameters.registry)[0]
    return parameters.login if same else None
