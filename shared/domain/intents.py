"""Intents: their names, their documents and the rules that both must keep.

An aggregate is one intent name. Its head document carries the active version's content too, so that the
usual reads (the active version, a list) are one document; each version has its own immutable document.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from shared.domain.errors import FieldError
from shared.domain.pointers import pointer

type IntentStatus = Literal["draft", "active", "deprecated", "archived"]

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
class Intent:
    """One version of an intent; ``etag`` is the state of the whole intent. Times are RFC 3339 in UTC."""

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

    @property
    def id(self) -> str:
        return intent_id(self.name, self.version)


@dataclass(frozen=True, slots=True)
class NewIntent:
    """What somebody wants to be stored under a new name."""

    name: str
    definition: Mapping[str, Any]
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    status: Literal["draft", "active"] = "active"


@dataclass(frozen=True, slots=True)
class IntentFilter:
    """Which intents a list has, and in which order; all conditions must hold.

    ``text`` is looked for in name, description and labels, whatever the case. ``sort`` is ``name``,
    ``created_at`` or ``updated_at``, with ``-`` before it for the other direction.
    """

    text: str | None = None
    status: str | None = None
    labels: Sequence[tuple[str, str]] = ()
    action: str | None = None
    created_by: str | None = None
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
