"""Where a step may have a secret: alone in its ``${{ }}``, in parameters of which nothing is kept."""

from typing import Any

import pytest

from tests.domain.actions import ACTIONS, CALL, errors_of

SECRET = "${{ secrets.API_TOKEN }}"


def told(definition: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one.pointer, one.code, one.message) for one in errors_of(definition, ACTIONS | CALL)]


@pytest.mark.parametrize(
    "text", [SECRET, f"Bearer {SECRET}", f"{SECRET}:{SECRET}", "${{secrets . B}}", f"{{{{{SECRET}}}}}"]
)
def test_whole_or_in_a_longer_text(text: str) -> None:
    step = {"action": "call", "url": f"https://example.com/?key={text}", "headers": {"Authorization": text}}
    undoing = {"action": "call", "url": "https://example.com/", "headers": {"X": text}}
    assert told({"steps": [{**step, "compensate": undoing}], "finally": [{"id": "f", **step}]}) == []


@pytest.mark.parametrize(
    "source",
    [
        "'Bearer ' + secrets.TOKEN",
        "secrets",
        "secrets.TOKEN == 'a'",
        "size(secrets.TOKEN)",
        "secrets['TOKEN']",
        "secrets.TOKEN.x",
        "[secrets.TOKEN]",
        "has(secrets.TOKEN)",
        "secrets.map(x, x)",
    ],
)
def test_nothing_is_done_with_a_secret(source: str) -> None:
    definition = {"steps": [{"action": "call", "headers": {"A": f"${{{{ {source} }}}}"}}]}
    ((place, code, message),) = told(definition)
    assert (place, code) == ("/definition/steps/0/headers/A", "SECRET_PLACE")
    assert "'Bearer ${{ secrets.API_TOKEN }}'" in message


@pytest.mark.parametrize(
    ("definition", "place"),
    [
        ({"steps": [{"action": "call", "when": "secrets.A == 'x'"}]}, "/steps/0/when"),
        ({"steps": [{"action": "call", "when": SECRET}]}, "/steps/0/when"),
        ({"steps": [{"action": "call", "foreach": SECRET}]}, "/steps/0/foreach"),
        ({"steps": [{"action": "call", "foreach": [SECRET]}]}, "/steps/0/foreach/0"),
        ({"steps": [{"action": "call", "method": SECRET}]}, "/steps/0/method"),
        ({"steps": [{"action": "check", "condition": SECRET}]}, "/steps/0/condition"),
        ({"steps": [{"action": "build", "image": SECRET}]}, "/steps/0/image"),
        (
            {"steps": [{"action": "run-intent", "intent": "other", "parameters": {"token": SECRET}}]},
            "/steps/0/parameters/token",
        ),
        (
            {"steps": [{"action": "call", "compensate": {"action": "build", "image": SECRET}}]},
            "/steps/0/compensate/image",
        ),
        ({"steps": [{"action": "call"}], "outputs": {"token": SECRET}}, "/outputs/token"),
    ],
    ids=str,
)
def test_where_it_would_be_kept_or_decide_it_is_refused_with_the_place(
    definition: dict[str, Any], place: str
) -> None:
    assert [(at, code) for at, code, _ in told(definition)] == [("/definition" + place, "SECRET_PLACE")]


def test_the_message_says_where_it_may_stand() -> None:
    ((_, _, message),) = told({"steps": [{"id": "a", "action": "call", "method": SECRET}]})
    assert message == "step 'a': a secret may stand in these parameters of 'call' only: 'headers', 'url'"
    ((_, _, message),) = told({"steps": [{"id": "a", "action": "build", "image": SECRET}]})
    assert (
        message
        == "step 'a': a secret cannot stand here: what 'build' is given is kept, for everybody to read"
    )


def test_of_an_action_that_there_is_not_nothing_is_known() -> None:
    assert [code for _, code, _ in told({"steps": [{"action": "nope", "token": SECRET}]})] == [
        "UNKNOWN_ACTION"
    ]
