"""The HTTP routes of subscriptions; a part of the table in ``table.py``."""

from functions.routes.route import Route
from quantum.contract.pages import Paging
from quantum.contract.subscriptions import (
    DeliveryPage,
    DeliveryQuery,
    PutSubscription,
    Subscription,
    SubscriptionPage,
)

LIST_SUBSCRIPTIONS = Route(
    name="list_subscriptions",
    method="GET",
    path="v1/subscriptions",
    summary="List the subscriptions, by name",
    operation="subscriptions.read",
    query=Paging,
    response=SubscriptionPage,
)
GET_SUBSCRIPTION = Route(
    name="get_subscription",
    method="GET",
    path="v1/subscriptions/{name}",
    summary="Get one subscription; its secret is not shown",
    operation="subscriptions.read",
    response=Subscription,
    headers=("ETag",),
)
PUT_SUBSCRIPTION = Route(
    name="put_subscription",
    method="PUT",
    path="v1/subscriptions/{name}",
    summary="Make or change a subscription; a secret that is made for it is shown this once",
    operation="subscriptions.manage",
    body=PutSubscription,
    response=Subscription,
    headers=("ETag",),
    problems=(409, 422),
)
DELETE_SUBSCRIPTION = Route(
    name="delete_subscription",
    method="DELETE",
    path="v1/subscriptions/{name}",
    summary="Delete a subscription; what is on its way to it is given up",
    operation="subscriptions.manage",
    response=None,
    status=204,
)
LIST_DELIVERIES = Route(
    name="list_deliveries",
    method="GET",
    path="v1/subscriptions/{name}/deliveries",
    summary="List what was sent to a subscription, newest first, dead letters too",
    operation="subscriptions.read",
    query=DeliveryQuery,
    response=DeliveryPage,
)
