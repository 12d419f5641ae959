from typing import Any

import pytest

from shared.domain import previews
from shared.domain.definitions import parse_definition
from shared.domain.intents import Intent
from shared.domain.plans import make_plan
from shared.domain.previews import Preview, make_preview
from tests.domain.actions import ACTIONS

AT = "2026-01-02T03:04:05Z"


def preview(*steps: dict[str, Any], version: Any = 1, given: Any = None, **head: Any) -> Preview:
    definition = {"steps": list(steps), **head}
    intent = Intent(
        name="deploy",
        version=version,
        tenant_id="acme",
        description="",
        labels={},
        status="active",
        definition=definition,
        content_hash="",
        created_at=AT,
        created_by="ada",
        updated_at=AT,
        etag="1",
        active_version=version,
        latest_version=version,
    )
    plan = make_plan(parse_definition(definition), actions=ACTIONS)
    return make_preview(intent, plan, given or {}, ACTIONS)


def test_the_order_is_by_levels_and_what_runs_at_last_stands_last() -> None:
    found = preview(
        {"id": "a", "action": "build"},
        {"id": "b", "action": "build"},
        {"id": "c", "action": "build", "depends_on": ["a", "b"]},
        {"id": "d", "action": "build", "depends_on": ["a"]},
        {"id": "e", "action": "build", "depends_on": ["d"]},
        **{"finally": [{"id": "y", "action": "build"}, {"id": "z", "action": "build"}]},
    )
    assert found.levels == [["a", "b"], ["c", "d"], ["e"], ["y"], ["z"]]
    assert [one.step.id for one in found.steps if one.last] == ["y", "z"]


def test_what_is_known_is_resolved_and_the_rest_points_to_what_it_waits_for() -> None:
    found = preview(
        {"id": "a-b", "action": "build", "image": "${{ parameters.image }}:${{ target }}", "replicas": 2},
        {
            "id": "c",
            "action": "build",
            "env": [{"image": "x${{ steps.a-b.outputs.image }}/${{ parameters.image }}"}],
            "id/of": "${{ execution.id }}",
            "size": "${{ size(parameters) }}",
        },
        target="production",
        given={"image": "web", "other": 1},
    )
    first, second = (one.inputs for one in found.steps)
    assert first.values == {"image": "web:production", "replicas": 2}
    assert first.unresolved == []
    assert second.values["size"] == 2
    assert second.values["env"] == [{"image": "x${{ steps.a-b.outputs.image }}/${{ parameters.image }}"}]
    assert [(one.pointer, one.steps) for one in second.unresolved] == [
        ("/env/0/image", ["a-b"]),
        ("/id~1of", []),
    ]


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        (None, True),
        ("target == 'production'", True),
        ("${{ parameters.region == 'west' }}", False),
        ("steps.a.status == 'completed'", None),
        ("[1, 2].exists(i, i == parameters.count)", True),
    ],
)
def test_a_condition_says_what_it_comes_to_if_that_is_known(when: str | None, holds: bool | None) -> None:
    steps = {"id": "a", "action": "build"}, {"id": "b", "action": "build", "when": when}
    found = preview(*steps, target="production", given={"region": "east", "count": 2})
    assert found.steps[1].holds is holds
    assert found.warnings == []


def test_what_would_fail_when_it_runs_is_said_before() -> None:
    found = preview(
        {"action": "build", "image": "${{ parameters.none }}"},
        {"action": "deploy", "replicas": "${{ parameters.image }}"},
        {"action": "build", "when": "parameters.image"},
        given={"image": "web"},
    )
    assert [(one.pointer, one.code) for one in found.warnings] == [
        ("/graph/nodes/0/inputs/image", "EXPRESSION"),
        ("/graph/nodes/1/inputs/replicas", "TYPE"),
        ("/graph/nodes/2/when", "EXPRESSION"),
    ]
    assert "there is no 'none'" in found.warnings[0].message


def test_what_undoes_a_step_is_shown_with_what_it_is_undone_with() -> None:
    undo = {"action": "deploy", "image": "${{ parameters.old }}", "was": "${{ steps.a.outputs.id }}"}
    (step,) = preview({"id": "a", "action": "build", "compensate": undo}, given={"old": "web:1"}).steps
    assert step.undone_with is not None
    assert step.undone_with.values == {"image": "web:1", "was": "${{ steps.a.outputs.id }}"}
    assert [(one.pointer, one.steps) for one in step.undone_with.unresolved] == [("/was", ["a"])]


def test_a_step_for_each_item_shows_its_items_and_waits_for_one_to_resolve_the_rest() -> None:
    found = preview(
        {"id": "a", "action": "build", "foreach": "${{ parameters.regions }}", "where": "${{ item }}"},
        {"id": "b", "action": "build", "foreach": "${{ steps.a.outputs.items }}"},
        {"id": "c", "action": "build", "foreach": "${{ target }}"},
        target="production",
        given={"regions": ["west", "east"]},
    )
    items = [one.items for one in found.steps]
    assert [one.value for one in items if one] == [
        ["west", "east"],
        "${{ steps.a.outputs.items }}",
        "production",
    ]
    assert [len(one.unresolved) for one in items if one] == [0, 1, 0]
    assert [one.pointer for one in found.steps[0].inputs.unresolved] == ["/where"]
    assert [(one.pointer, one.code) for one in found.warnings] == [
        ("/graph/nodes/2/foreach/items", "FOREACH")
    ]


def test_the_hash_covers_version_steps_and_parameters() -> None:
    step = {"action": "build"}
    hashes = [
        preview(step, given={"a": 1}).hash,
        preview(step, given={"a": 2}).hash,
        preview(step, given={"a": 1}, version=2).hash,
        preview({**step, "timeout": 5}, given={"a": 1}).hash,
        preview(step, target="x", given={"a": 1}).hash,
    ]
    assert len(set(hashes)) == len(hashes)
    assert preview(step, given={"a": 1.0}).hash == hashes[0]


def test_what_a_thousand_steps_name_again_and_again_is_shown_as_long_as_that_is_affordable() -> None:
    steps = [{"id": f"s{i}", "action": "build", "text": "${{ parameters.text }}"} for i in range(1000)]
    found = preview(*steps, given={"text": "x" * 100_000})
    shown = [len(one.inputs.values["text"]) for one in found.steps]
    assert shown[0] == 100_000
    assert 100_000 <= sum(shown) < previews.MAX_RESOLVED
    assert [one.inputs.unresolved != [] for one in found.steps] == [size < 100_000 for size in shown]
    assert len(found.levels) == 1000
