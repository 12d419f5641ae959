"""Intents: their names, their documents and the rules that both must keep.

An aggregate is one intent name. Its head document carries the active version's content too, so that the
usual reads (the active version, a list) are one document; each version has its own immutable document.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from shared.domain.errors import FieldError
from shared.domain.manifests import named_modules
from shared.domain.pointers import pointer
from shared.domain.secrets import secrets_named

type IntentStatus = Literal["draft", "active", "deprecated", "archived"]
type VersionState = Literal["draft", "active", "superseded"]
"""``draft``: later than the active version, not in use yet. ``superseded``: its time is over."""

HEAD = "intent"
"""The id of the head document in its partition."""

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_VERSION_SUFFIX = re.compile(r"-v[0-9]+$")
_ID = re.compile(r"(?P<name>.+)-v(?P<version>[1-9][0-9]{0,8})")
_LABEL_KEY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?")
MAX_LABELS = 32
MAX_LABEL_VALUE = 128
MAX_DESCRIPTION = 4000


@dataclass(frozen=True, slots=True)
class Deprecation:
    """Since when (RFC 3339) an intent should not be used any more, and what instead: a name or an id."""

    since: str
    successor: str | None


@dataclass(frozen=True, slots=True)
class Intent:
    """One version of an intent; ``etag`` is the state of the whole intent. Times are RFC 3339 in UTC.

    Attributes:
        active_version: the one that the name stands for.
        latest_version: the last that was made; drafts are later than the active one.
        message: what its author said of this version.
        successor: the name or id of what is to be used instead of a deprecated intent.
        warnings: what a change of it should make its author think of.
    """

    name: str
    version: int
    tenant_id: str
    description: str
    labels: Mapping[str, str]
    status: IntentStatus
    definition: Mapping[str, Any]
    content_hash: str
    created_at: str
    created_by: str
    updated_at: str
    etag: str
    active_version: int
    latest_version: int
    message: str | None = None
    successor: str | None = None
    deprecated_at: str | None = None
    warnings: Sequence[FieldError] = ()

    @property
    def id(self) -> str:
        return intent_id(self.name, self.version)

    @property
    def state(self) -> VersionState:
        if self.version == self.active_version:
            return "active"
        return "draft" if self.version > self.active_version else "superseded"

    @property
    def deprecation(self) -> Deprecation | None:
        return Deprecation(self.deprecated_at, self.successor) if self.deprecated_at else None


@dataclass(frozen=True, slots=True)
class NewIntent:
    """What somebody wants to be stored under a new name."""

    name: str
    definition: Mapping[str, Any]
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    status: Literal["draft", "active"] = "active"
    message: str | None = None


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What somebody wants an intent to be from now on; None leaves the description or the labels.

    Without ``activate`` the version is a draft: the active one goes on.
    """

    definition: Mapping[str, Any]
    description: str | None = None
    labels: Mapping[str, str] | None = None
    message: str | None = None
    activate: bool = True


class Amendment(TypedDict, total=False):
    """What of an intent is to change, beside its definition; what is left out stays.

    What is None is taken away: a label, all labels, the description, the successor.
    """

    status: IntentStatus
    description: str | None
    labels: Mapping[str, str | None] | None
    active_version: int
    successor: str | None


@dataclass(frozen=True, slots=True)
class IntentFilter:
    """Which intents a list has, and in which order; all conditions must hold.

    Each word of ``text`` must be in the name, the description, a label or an action, whatever the case.
    ``labels`` are ``key:value``; ``created_by`` made the active version. ``updated_since`` is a time as
    :func:`~shared.domain.times.rfc3339` spells it. ``sort`` is ``name``, ``created_at`` or ``updated_at``,
    with ``-`` before it for the other direction.
    """

    text: str | None = None
    status: str | None = None
    labels: Sequence[str] = ()
    action: str | None = None
    created_by: str | None = None
    updated_since: str | None = None
    sort: str = "name"


@dataclass(frozen=True, slots=True)
class Reference:
    """What an ``{id}`` names: an intent, and a version of it or (None) the active one."""

    name: str
    version: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Reference | None":
        """``deploy`` or ``deploy-v2``; None if it can be neither."""
        match = _ID.fullmatch(text)
        name = match["name"] if match else text
        if not NAME.fullmatch(name) or _VERSION_SUFFIX.search(name):
            return None
        return cls(name, int(match["version"]) if match else None)


def intent_id(name: str, version: int) -> str:
    return f"{name}-v{version}"


def version_document_id(version: int) -> str:
    return f"version:{version}"


def search_fields(
    *, name: str, description: str, labels: Mapping[str, str], definition: Mapping[str, Any]
) -> dict[str, Any]:
    """What an intent's head is searched by, beside its status, author and times.

    ``search`` is what words are looked for in: one field, because a query's conditions must all hold.
    ``secrets`` and ``modules`` are for whoever asks of one where it is used.
    """
    actions = actions_of(definition)
    pairs = [f"{key}:{value}" for key, value in sorted(labels.items())]
    search = "\n".join([name, description, *pairs, *actions])
    return {
        "actions": actions,
        "label_pairs": pairs,
        "search": search,
        "secrets": secrets_named(definition),
        "modules": named_modules(definition),
    }


FACETS = {
    "status": ("status", False),
    "label": ("label_pairs", True),
    "action": ("actions", True),
    "created_by": ("created_by", False),
}
"""What intents can be counted by: the head's field that has it, and whether that is an array."""

FACET_VALUES = 20
"""Most values of a facet that are told."""


@dataclass(frozen=True, slots=True)
class Facet:
    """How many of the intents in a list have each value, most first; ``more`` other values are left out."""

    values: Sequence[tuple[str, int]]
    more: int


def actions_of(definition: Mapping[str, Any]) -> list[str]:
    """Every action that a valid definition names, compensations included, in order of the alphabet."""
    steps = [*(definition.get("steps") or ()), *(definition.get("finally") or ())]
    return sorted(set(_actions(steps)))


def _actions(steps: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for step in steps:
        yield step["action"]
        if compensation := step.get("compensate"):
            yield compensation["action"]


def name_errors(name: str) -> list[FieldError]:
    if not NAME.fullmatch(name):
        message = "a name is 1 to 63 of a-z, 0-9 and -, and starts and ends with a letter or digit"
        return [FieldError("/name", "VALUE", message)]
    if _VERSION_SUFFIX.search(name):
        message = "a name may not end in -v and a number: the platform appends the version itself"
        return [FieldError("/name", "VALUE", message)]
    return []


def description_errors(description: str) -> list[FieldError]:
    if len(description) > MAX_DESCRIPTION:
        message = f"a description has at most {MAX_DESCRIPTION} characters, this one has {len(description)}"
        return [FieldError("/description", "TOO_LONG", message)]
    return []


def label_errors(labels: Mapping[str, str]) -> list[FieldError]:
    errors: list[FieldError] = []
    if len(labels) > MAX_LABELS:
        errors.append(FieldError("/labels", "TOO_MANY", f"an intent has at most {MAX_LABELS} labels"))
    for key, value in labels.items():
        place = pointer("labels", key)
        if not _LABEL_KEY.fullmatch(key):
            message = "a label's name is 1 to 63 letters, digits, '.', '_', '/' and '-', not at its ends"
            errors.append(FieldError(place, "VALUE", message))
        if len(value) > MAX_LABEL_VALUE:
            message = f"a label's value has at most {MAX_LABEL_VALUE} characters"
            errors.append(FieldError(place, "TOO_LONG", message))
    return errors
