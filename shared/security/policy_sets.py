"""Sets of policies: the platform's and those that a tenant keeps, and whether a set can still be changed."""

import logging
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cache
from typing import Any, Final

from shared.security.authorization import (
    ANYTHING,
    Authorizer,
    Circumstances,
    Resource,
    Statements,
    with_policies,
)
from shared.security.policy_texts import fits, may_forbid, parsed
from shared.security.principals import Principal

MANAGE: Final = "policies.manage"
_LATER: Final = timedelta(weeks=52 * 50)
"""A time that no policy says anything about, unless it is for ever."""
_CLOSED: Final = (
    "forbid (principal, action, resource) "
    'unless { action in [Action::"policies.read", Action::"policies.manage"] };'
)
_log = logging.getLogger(__name__)


def authorizer_of(texts: Mapping[str, str]) -> Authorizer:
    """What the platform's own policies and these decide, by their names."""
    own = [statements(name, text) for name, text in texts.items()]
    return with_policies({key: one for found in own for key, one in found.items()})


def statements(name: str, text: str) -> Statements:
    """What a text that was kept says, by id: ``policy:name``, and from the second on ``policy:name#2``.

    One that does not fit any more, since a release has changed what policies may speak of, permits nothing.
    If it was to forbid something, it cannot say what; so it forbids everything but to mend it.
    """
    if not fits(text):
        _log.error("policy %s does not fit this release: it permits nothing, and may forbid everything", name)
        return {f"policy:{name}": _closed()} if may_forbid(text) else {}
    found = parsed(text)
    more = {f"policy:{name}#{place + 1}": found[place] for place in range(1, len(found))}
    return {f"policy:{name}": found[0], **more}


@cache
def _closed() -> Any:
    (statement,) = parsed(_CLOSED)
    return statement


def keeps_open(
    authorizer: Authorizer, principal: Principal, names: Iterable[str], circumstances: Circumstances
) -> bool:
    """Whether the principal may manage policies, and those of the names among them.

    That is: at once, and at some hour of a week in the far future.
    """
    resources = [ANYTHING, *map(Resource, names)]

    def open_at(later: timedelta) -> bool:
        at = Circumstances(circumstances.at + later, circumstances.address)
        return all(authorizer.decide(principal, MANAGE, one, at).allowed for one in resources)

    weeks = (_LATER + timedelta(hours=hour) for hour in range(7 * 24))
    return open_at(timedelta()) and any(map(open_at, weeks))
