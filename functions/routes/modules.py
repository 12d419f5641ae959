"""The HTTP routes of modules; a part of the table in ``table.py``."""

from functions.routes.route import Route
from quantum.contract.modules import Module, ModulePage, PutModule
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
    occasional=("ETag",),
)
PUT_MODULE = Route(
    name="put_module",
    method="PUT",
    path="v1/modules/{name}",
    summary="Make a module of the tenant's own, or a version of it; its key is shown when it is made",
    operation="modules.manage",
    body=PutModule,
    response=Module,
    headers=("ETag",),
    problems=(409, 412, 422),
)
ROTATE_MODULE_KEY = Route(
    name="rotate_module_key",
    method="POST",
    path="v1/modules/{name}/rotate-key",
    summary="Give a module another key, shown this once; for a day calls are signed with both",
    operation="modules.manage",
    response=Module,
    headers=("ETag",),
    problems=(409,),
)
DELETE_MODULE = Route(
    name="delete_module",
    method="DELETE",
    path="v1/modules/{name}",
    summary="Delete a module that no active intent names and no execution may yet run",
    operation="modules.manage",
    response=None,
    status=204,
    problems=(409, 412),
)
