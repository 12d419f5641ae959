"""Subscriptions on the wire: events to a signed webhook."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from quantum.contract.pages import Page, Paging

type DeliveryStatus = Literal["pending", "delivered", "dead"]

_EVENTS = "Types of events, or `*` for every type."
_SIGNS = "Signs each delivery (Standard Webhooks): `whsec_` and base64 of 24 to 64 bytes."


class PutSubscription(BaseModel):
    """A subscription as it shall be. Putting it again enables one that its receiver has ended with 410."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: str = Field(
        description="Where events are sent by POST.", examples=["https://hooks.example.com/quantum"]
    )
    events: list[str] = Field(
        description=_EVENTS, max_length=64, examples=[["execution_completed", "execution_failed"]]
    )
    enabled: bool = Field(default=True, description="Whether events are sent.")
    description: str = Field(default="", description="What it is for, in words.")
    secret: str | None = Field(
        default=None,
        description=f"{_SIGNS} Left out: the one there is stays, or one is made and shown this once.",
    )


class Subscription(BaseModel):
    """Which events go where."""

    name: str = Field(examples=["deployments"])
    url: str
    events: list[str] = Field(description=_EVENTS)
    enabled: bool
    description: str
    disabled_reason: str | None = Field(description="Why the platform sends nothing more to it.")
    created_at: str = Field(description="RFC 3339, UTC.", examples=["2024-01-04T10:00:00.000000Z"])
    created_by: str = Field(examples=["ada@tenant-123"])
    updated_at: str
    secret: str | None = Field(default=None, description=f"{_SIGNS} Only when it was just made.")


class SubscriptionPage(Page[Subscription]):
    """A page of subscriptions, by name."""


class Delivery(BaseModel):
    """One event on its way to a subscription."""

    id: str = Field(description="The `webhook-id` header is `msg_` and this.")
    event_id: str = Field(description="The event's `id`.")
    type: str = Field(examples=["com.quantum.execution_completed"])
    status: DeliveryStatus = Field(description="`dead`: given up.")
    attempts: int
    last_status: int | None = Field(description="What the receiver answered last.")
    error: str | None = Field(description="Why the last attempt was none that counts.")
    created_at: str
    updated_at: str
    next_attempt_at: str | None


class DeliveryPage(Page[Delivery]):
    """A page of deliveries, newest first."""


class DeliveryQuery(Paging):
    """Which deliveries to list."""

    status: Annotated[DeliveryStatus | None, Field(description="Only deliveries of this status.")] = None
