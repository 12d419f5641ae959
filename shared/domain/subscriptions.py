"""Subscriptions: which events of a tenant go to which address, and what becomes of each delivery."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from shared.domain.errors import FieldError
from shared.domain.events import EVENT_TYPES
from shared.domain.kept_names import kept_name_errors
from shared.domain.urls import url_problem

EVERY_TYPE: Final = "*"
"""Stands for every type of event, those to come included."""
MAX_URL: Final = 2048
MAX_DESCRIPTION: Final = 500
GROWTH: Final = 3.0
"""By how much the delay grows from one attempt to the next."""
LONGEST_DELAY: Final = 6 * 3600.0
"""Seconds; with the settings as they are by default, the attempts of a delivery spread over 23 hours."""


type DeliveryStatus = Literal["pending", "delivered", "dead"]


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """A subscription as its owner wants it; without ``secret`` the one there is stays, or one is made."""

    url: str
    events: Sequence[str]
    enabled: bool = True
    description: str = ""
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """``sealed_secret`` is what deliveries are signed with, as it is stored."""

    name: str
    url: str
    events: Sequence[str]
    enabled: bool
    description: str
    disabled_reason: str | None
    created_at: str
    created_by: str
    updated_at: str
    etag: str
    sealed_secret: str

    def wants(self, type: str, time: str) -> bool:
        """Whether an event of ``type`` that happened at ``time`` goes to it: none from before it was made."""
        return self.enabled and time >= self.created_at and (EVERY_TYPE in self.events or type in self.events)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one subscription; ``dead`` has been given up."""

    id: str
    event_id: str
    type: str
    status: DeliveryStatus
    attempts: int
    last_status: int | None
    error: str | None
    created_at: str
    updated_at: str
    next_attempt_at: str | None


def subscription_errors(name: str, new: NewSubscription) -> list[FieldError]:
    """Everything that is wrong with it, but its secret."""
    errors = list(kept_name_errors(name))
    if problem := _url_problem(new.url):
        errors.append(FieldError("/url", "INVALID", problem))
    if not new.events:
        errors.append(FieldError("/events", "REQUIRED", "name at least one type of event, or '*' for all"))
    errors += [
        FieldError(f"/events/{index}", "UNKNOWN", f"{wanted!r} is not a type of event")
        for index, wanted in enumerate(new.events)
        if wanted != EVERY_TYPE and wanted not in EVENT_TYPES
    ]
    if len(new.description) > MAX_DESCRIPTION:
        errors.append(FieldError("/description", "TOO_LONG", f"at most {MAX_DESCRIPTION} characters"))
    return errors


def delivery_id(*, subscription: str, event: Mapping[str, Any]) -> str:
    """The same for every repeat of the event: source and id together are unique (CloudEvents 1.0, ``id``)."""
    return hashlib.sha256(f"{subscription}\0{event['source']}\0{event['id']}".encode()).hexdigest()[:32]


def retry_delay(delivery: str, attempt: int, *, first: float) -> float:
    """Seconds from attempt number ``attempt`` (from 1) to the next; a tenth more or less, always the same."""
    delay = min(first * GROWTH ** (attempt - 1), LONGEST_DELAY)
    chance = hashlib.sha256(f"{delivery}/{attempt}".encode()).digest()[0] / 255
    return delay * (0.9 + 0.2 * chance)


def _url_problem(url: str) -> str | None:
    if len(url) > MAX_URL:
        return f"a URL has at most {MAX_URL} characters"
    return url_problem(url, instead="verify the signature instead")
