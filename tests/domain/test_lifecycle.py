from typing import get_args

import pytest

from shared.domain.errors import ConflictError
from shared.domain.intents import IntentStatus
from shared.domain.lifecycle import TRANSITIONS, require_transition

STATUSES: tuple[IntentStatus, ...] = get_args(IntentStatus.__value__)
ALLOWED = {
    *{("draft", "active"), ("active", "deprecated"), ("deprecated", "active")},
    *{("draft", "archived"), ("active", "archived"), ("deprecated", "archived")},
    *{("archived", "active"), ("archived", "draft")},
}


@pytest.mark.parametrize("old", STATUSES)
@pytest.mark.parametrize("new", STATUSES)
def test_a_status_becomes_what_the_table_says_and_nothing_else(old: IntentStatus, new: IntentStatus) -> None:
    if old == new or (old, new) in ALLOWED:
        require_transition("deploy", old, new)
        return
    with pytest.raises(ConflictError) as caught:
        require_transition("deploy", old, new)
    for allowed in TRANSITIONS[old]:
        assert allowed in caught.value.message
