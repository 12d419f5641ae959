"""The HTTP routes of secrets; a part of the table in ``table.py``."""

from functions.routes.route import Route
from quantum.contract.pages import Paging
from quantum.contract.secrets import DeleteSecretQuery, PutSecret, Secret, SecretDetail, SecretPage

LIST_SECRETS = Route(
    name="list_secrets",
    method="GET",
    path="v1/secrets",
    summary="List the tenant's secrets, by name; their values are not shown",
    operation="secrets.read",
    query=Paging,
    response=SecretPage,
)
GET_SECRET = Route(
    name="get_secret",
    method="GET",
    path="v1/secrets/{name}",
    summary="Say what is known of a secret and who uses it; its value is not shown",
    operation="secrets.read",
    response=SecretDetail,
    headers=("ETag",),
)
PUT_SECRET = Route(
    name="put_secret",
    method="PUT",
    path="v1/secrets/{name}",
    summary="Make a secret, or rotate it: steps that begin from now on get the new value",
    operation="secrets.manage",
    body=PutSecret,
    response=Secret,
    headers=("ETag",),
    problems=(409, 412, 422),
)
DELETE_SECRET = Route(
    name="delete_secret",
    method="DELETE",
    path="v1/secrets/{name}",
    summary="Delete a secret that no active intent mentions; no step gets it from now on",
    operation="secrets.manage",
    query=DeleteSecretQuery,
    response=None,
    status=204,
    problems=(409, 412),
)
