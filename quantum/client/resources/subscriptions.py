"""Subscriptions: events to a signed webhook."""

from collections.abc import Sequence

from quantum.client.addresses import path
from quantum.client.pages import Listing
from quantum.client.resources.resource import Resource, given
from quantum.contract.subscriptions import (
    Delivery,
    DeliveryPage,
    DeliveryStatus,
    Subscription,
    SubscriptionPage,
)


class Subscriptions(Resource):
    def list(self, *, limit: int | None = None) -> Listing[Subscription, SubscriptionPage]:
        there = path("subscriptions")
        return Listing(self._transport, Subscription, SubscriptionPage, there, given({"limit": limit}))

    async def get(self, name: str) -> Subscription:
        return await self._read(Subscription, path("subscriptions", name))

    async def put(
        self,
        name: str,
        *,
        url: str,
        events: Sequence[str],
        enabled: bool | None = None,
        description: str | None = None,
        secret: str | None = None,
        if_match: str | None = None,
    ) -> Subscription:
        """The subscription as it shall be. A secret that is made for a new one is shown this once."""
        body = {"url": url, "events": events, "enabled": enabled, "description": description}
        there = path("subscriptions", name)
        return await self._change(Subscription, "PUT", there, body | {"secret": secret}, if_match=if_match)

    async def delete(self, name: str, *, if_match: str | None = None) -> None:
        await self._delete(path("subscriptions", name), if_match=if_match)

    def deliveries(
        self, name: str, *, status: DeliveryStatus | None = None, limit: int | None = None
    ) -> Listing[Delivery, DeliveryPage]:
        """What was sent, newest first."""
        there = path("subscriptions", name, "deliveries")
        return Listing(
            self._transport, Delivery, DeliveryPage, there, given({"status": status, "limit": limit})
        )
