"""The HTTP routes of members; a part of the table in ``table.py``."""

from functions.routes.route import Route
from quantum.contract.members import Me, Member, MemberPage, MemberQuery, PutMember

GET_ME = Route(
    name="get_me",
    method="GET",
    path="v1/me",
    summary="Who you are, in which tenants, and what your roles permit in the one you have chosen",
    operation=None,
    personal=True,
    response=Me,
)
LIST_MEMBERS = Route(
    name="list_members",
    method="GET",
    path="v1/members",
    summary="List the tenant's members, by name",
    operation="members.read",
    query=MemberQuery,
    response=MemberPage,
)
GET_MEMBER = Route(
    name="get_member",
    method="GET",
    path="v1/members/{user}",
    summary="Get one member",
    operation="members.read",
    response=Member,
    headers=("ETag",),
)
PUT_MEMBER = Route(
    name="put_member",
    method="PUT",
    path="v1/members/{user}",
    summary="Make somebody a member, or change what a member's roles and attributes are",
    operation="members.manage",
    body=PutMember,
    response=Member,
    headers=("ETag",),
    problems=(409, 412, 422),
)
DELETE_MEMBER = Route(
    name="delete_member",
    method="DELETE",
    path="v1/members/{user}",
    summary="Remove a member, but not the last administrator; what it made stays",
    operation="members.manage",
    response=None,
    status=204,
    problems=(409, 412),
)
