"""The use cases of modules: what steps can do, told with everything that their authors need."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice

from shared.domain.errors import NotFoundError
from shared.domain.modules import ActionManual, Module, Schema, Support
from shared.domain.paging import Cursors
from shared.ports.actions import Action, Catalogue
from shared.services.callers import Caller


class Modules:
    def __init__(self, *, catalogue: Catalogue, cursors: Cursors) -> None:
        self._catalogue = catalogue
        self._cursors = cursors

    async def list(
        self, caller: Caller, *, limit: int = 50, cursor: str | None = None
    ) -> tuple[Sequence[Module], str | None]:
        """A page of the modules by name, and the cursor of the next.

        Raises:
            BadCursorError: ``cursor`` was not made by this list.
        """
        of = [caller.scope.tenant_id, "modules"]
        after = self._cursors.open(cursor, of=of) if cursor else ""
        names = list(islice((name for name in sorted(self._built_in) if name > after), limit + 1))
        following = self._cursors.seal(names[limit - 1], of=of) if len(names) > limit else None
        return [self._built_in[name] for name in names[:limit]], following

    async def get(self, caller: Caller, name: str) -> Module:
        """The module of that name.

        Raises:
            NotFoundError: there is none.
        """
        del caller
        if (found := self._built_in.get(name)) is None:
            raise NotFoundError(f"There is no module {name!r}")
        return found

    @cached_property
    def _built_in(self) -> Mapping[str, Module]:
        actions = sorted(self._catalogue.actions(), key=lambda action: action.name)
        return {
            name: Module(name, description, [_manual(one) for one in actions if one.module == name])
            for name, description in self._catalogue.modules().items()
        }


def _manual(action: Action) -> ActionManual:
    return ActionManual(
        name=action.name,
        description=(inspect.getdoc(type(action)) or "").replace("``", "`"),
        side_effect=action.side_effect,
        parameters=_parameters(action),
        outputs=action.Outputs.model_json_schema(),
        supports=list(_supported(action)),
        permission=action.permission,
        offers=action.offers,
        takes=action.takes,
        undone_by=action.undone_by,
        takes_secrets=sorted(action.takes_secrets),
        examples=action.examples,
    )


def _parameters(action: Action) -> Schema:
    """As steps may have them: where a condition is wanted, they have its text."""
    schema = action.Parameters.model_json_schema()
    for name in action.conditions:
        schema["properties"][name]["type"] = ["boolean", "string"]
    return schema


def _supported(action: Action) -> Iterator[Support]:
    if action.gives_up:
        yield "cancel"
    if action.foresees:
        yield "dry_run"
    if action.waits:
        yield "poll"
