"""That nothing an action says has a secret in it that the doors do not find.

Whatever an attempt says leaves the platform through a redactor, which finds values whole and in common
encodings. So an action may repeat a parameter, but never a part of one, nor one spelled otherwise.
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pydantic import ValidationError

from shared.domain.failures import ANY_STEP
from shared.domain.models import places
from shared.ports.actions import Action, ActionError, Completed, Foreseen, Pending, Result
from shared.security.redaction import Redactor
from tests.modules.kit.http import requests
from tests.modules.kit.specimen import Specimen, Surroundings
from tests.modules.kit.specimens import SPECIMENS

SECRETS = ("Sv7qKd2nXw9LpRz4YtBm", 's/v7 qk&d2\n+nxw9=lprz"4yt%bm')
"""One that may stand in a name, and one whose every encoding is another."""
PART = 7
"""Characters of it that must stand nowhere."""


def parts(secret: str) -> set[str]:
    folded = secret.casefold()
    return {folded[at : at + PART] for at in range(len(folded) - PART + 1)}


def planted(value: Any, secret: str) -> Iterator[Any]:
    """The value with the secret in the place of, and behind, each text in it; and in place of all of it."""
    match value:
        case str():
            yield from (secret, f"{value}{secret}", f"{value}/{secret}")
        case Mapping():
            for name, one in value.items():
                yield from ({**value, name: other} for other in planted(one, secret))
            yield {**value, secret: "x"}
        case list():
            for at, one in enumerate(value):
                yield from ([*value[:at], other, *value[at + 1 :]] for other in planted(one, secret))
        case _:
            yield secret


def given(action: Action, parameters: Mapping[str, Any], secret: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Parameters with the secret in one of them, each."""
    filled = {
        name: parameters.get(name, [""] if "List" in str(field.annotation) else "")
        for name, field in action.Parameters.model_fields.items()
    }
    for name, value in filled.items():
        for other in planted(value, secret):
            yield name, {**parameters, name: other}


async def said(specimen: Specimen, parameters: Mapping[str, Any]) -> list[Any]:
    """All that the action says of these parameters: what it would do, what it waits with, how it ends."""
    action, told = specimen.make(), list[Any]()
    try:
        fit = action.Parameters.model_validate(parameters)
    except ValidationError as error:
        return [{"error": places(error, "parameters")}]
    for work in (action.dry_run, action.run):
        try:
            result: Result = await work(fit, specimen.context)
            told.append(shown(result))
            while isinstance(result, Pending) and len(told) < 9:
                await specimen.go_on()
                result = await specimen.make().poll(result.token, fit, specimen.context)
                told.append(shown(result))
        except ActionError as error:
            assert_declared(action, error)
            told.append(error.to_json())
    return told


def assert_declared(action: Action, error: ActionError) -> None:
    """It fails as it says that it may, and says rightly whether another attempt may end otherwise."""
    told = [one for one in (*action.failures, *ANY_STEP) if one.code == error.code]
    assert told, f"{action.name} fails with {error.code}, which it does not say: {error.message}"
    assert {one.retryable for one in told} & {None, error.retryable}, (action.name, error.code)


def shown(result: Result) -> Any:
    match result:
        case Pending(token=token, waiting=waiting):
            return {"token": token, "waiting": waiting.since("now")}
        case Completed(outputs):
            return dict(outputs)
        case Foreseen(would, outputs):
            return {"would": dict(would), "outputs": dict(outputs)}


@pytest.fixture(params=SPECIMENS)
async def specimen(request: pytest.FixtureRequest, surroundings: Surroundings) -> AsyncIterator[Specimen]:
    async with SPECIMENS[request.param](surroundings) as opened:
        yield opened


def fails(specimen: Specimen, name: str) -> Mapping[str, Any]:
    """What else is said so that it fails, but of the parameter that the secret is in."""
    return {other: value for other, value in specimen.failing.items() if other != name}


@pytest.mark.parametrize("secret", SECRETS, ids=["plain", "odd"])
async def test_no_part_of_a_secret_is_said_by_an_action_that_takes_secrets(
    specimen: Specimen, secret: str
) -> None:
    takes = specimen.make().takes_secrets
    redactor = Redactor([("HIDDEN", secret)])
    for name, parameters in given(specimen.make(), specimen.parameters, secret):
        if name not in takes:
            continue
        well = await said(specimen, parameters)
        for one in [*well, *(await said(specimen, {**parameters, **fails(specimen, name)}))]:
            text = json.dumps(redactor.json(one), ensure_ascii=False).casefold()
            left = sorted(part for part in parts(secret) if part in text)
            assert not left, f"{name}: {left} in {text}"
            if "token" in one:
                assert not redactor.names_in(one["token"]) or name == "url", f"{name} is kept: {one['token']}"


@pytest.mark.parametrize("secret", SECRETS, ids=["plain", "odd"])
async def test_what_a_service_repeats_of_a_secret_is_found(surroundings: Surroundings, secret: str) -> None:
    async with AsyncExitStack() as opened:
        make = requests(surroundings, opened)
        url = f"http://{surroundings.service.host}/echo"
        headers = {"authorization": f"Bearer {secret}"} if secret.isalnum() else {}
        parameters = {"method": "POST", "url": url, "headers": headers, "body": {"password": secret}}
        (_, answer) = await said(Specimen(make, parameters), parameters)
        assert Redactor([("HIDDEN", secret)]).names_in(answer) == ["HIDDEN"]
        cleaned = json.dumps(Redactor([("HIDDEN", secret)]).json(answer)).casefold()
        assert not [part for part in parts(secret) if part in cleaned]
