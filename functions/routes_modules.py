"""The HTTP routes of modules; a part of the table in ``routes.py``."""

from functions.route import Route
from quantum.contract.modules import Module, ModulePage
from quantum.contract.pages import Paging

LIST_MODULES = Route(
    name="list_modules",
    method="GET",
    path="v1/modules",
    summary="List the modules with their actions, by name: what steps can do",
    operation="modules.read",
    query=Paging,
    response=ModulePage,
)
GET_MODULE = Route(
    name="get_module",
    method="GET",
    path="v1/modules/{name}",
    summary="Get one module: its actions, their parameters and outputs, with examples",
    operation="modules.read",
    response=Module,
)
