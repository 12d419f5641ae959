"""The HTTP routes of members; a part of the table in ``routes.py``."""

from functions.route import Route
from quantum.contract.members import Me

GET_ME = Route(
    name="get_me",
    method="GET",
    path="v1/me",
    summary="Who you are, in which tenants, and what your roles permit in the one you have chosen",
    operation=None,
    personal=True,
    response=Me,
)
