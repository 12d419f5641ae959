"""The routes of the web console: files for browsers, beside the contract and no part of it."""

from typing import Final

from functions.routes.route import Route
from quantum.contract.console import ConsoleConfig

PREFIX: Final = "/console"

CONSOLE_PAGE = Route(
    name="console_page",
    method="GET",
    prefix=PREFIX,
    path="",
    summary="The page of the web console",
    operation=None,
    response=None,
)
CONSOLE_CONFIG = Route(
    name="console_config",
    method="GET",
    prefix=PREFIX,
    path="/config.json",
    summary="Where people sign in to the web console",
    operation=None,
    response=ConsoleConfig,
)
CONSOLE_FILE = Route(
    name="console_file",
    method="GET",
    prefix=PREFIX,
    path="/{version}/{*file}",
    summary="A file of one version of the web console",
    operation=None,
    response=None,
)
CONSOLE = (CONSOLE_PAGE, CONSOLE_CONFIG, CONSOLE_FILE)
