"""What subscriptions look like on the wire."""

from dataclasses import asdict
from typing import Any

from shared.domain.subscriptions import Delivery, Subscription


def subscription(value: Subscription, secret: str | None = None) -> dict[str, Any]:
    shown = {"secret": secret} if secret is not None else {}
    return shown | {
        "name": value.name,
        "url": value.url,
        "events": value.events,
        "enabled": value.enabled,
        "description": value.description,
        "disabled_reason": value.disabled_reason,
        "created_at": value.created_at,
        "created_by": value.created_by,
        "updated_at": value.updated_at,
    }


def delivery(value: Delivery) -> dict[str, Any]:
    return asdict(value)
