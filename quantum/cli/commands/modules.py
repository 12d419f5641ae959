"""Modules: what steps can do."""

from quantum.cli.commands.kept import kept
from quantum.cli.output import field

COLUMNS = {
    "NAME": field("name"),
    "ACTIONS": lambda one: " ".join(action["name"] for action in one["actions"]),
    "DESCRIPTION": field("description"),
}
app = kept("modules", COLUMNS, example="containers", help="What steps can do.", deleted=False)
