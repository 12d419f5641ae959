"""The HTTP routes of policies; a part of the table in ``table.py``."""

from functions.routes.route import Route
from quantum.contract.pages import Paging
from quantum.contract.policies import CheckPolicies, Policy, PolicyDecision, PolicyPage, PutPolicy

LIST_POLICIES = Route(
    name="list_policies",
    method="GET",
    path="v1/policies",
    summary="List the tenant's own policies, by name",
    operation="policies.read",
    query=Paging,
    response=PolicyPage,
)
GET_POLICY = Route(
    name="get_policy",
    method="GET",
    path="v1/policies/{name}",
    summary="Get one policy",
    operation="policies.read",
    response=Policy,
    headers=("ETag",),
)
PUT_POLICY = Route(
    name="put_policy",
    method="PUT",
    path="v1/policies/{name}",
    summary="Make or change a policy; one that does not fit the schema is refused, with the places",
    operation="policies.manage",
    body=PutPolicy,
    response=Policy,
    headers=("ETag",),
    problems=(409, 412, 422),
)
DELETE_POLICY = Route(
    name="delete_policy",
    method="DELETE",
    path="v1/policies/{name}",
    summary="Delete a policy",
    operation="policies.manage",
    response=None,
    status=204,
    problems=(412,),
)
CHECK_POLICIES = Route(
    name="check_policies",
    method="POST",
    path="v1/policies/check",
    summary="Say whether somebody may do something, and which policies decide; nothing is done",
    operation="policies.read",
    body=CheckPolicies,
    response=PolicyDecision,
    problems=(422,),
)
