"""What a module's endpoint is held to, action by action.

Each trial says in words what is wrong, with what was asked and what was answered. What cannot be tried is a
finding, too: an action without an example, say.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from jsonschema import Draft202012Validator

from quantum.contract.modules import ManifestAction
from quantum.module_kit.endpoint import Endpoint, new_key, signed
from quantum.module_kit.listener import Listener

PATIENCE: Final = 60.0
"""Seconds until what is polled, or is to call back, has to be done."""
OLD: Final = 3600
OK, ACCEPTED = 200, 202
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
REFUSED: Final = frozenset({400, 401, 403})


class WrongError(Exception):
    """What is wrong, where nothing more can be found out."""


@dataclass(frozen=True)
class Trial:
    """One action, with parameters that fit it."""

    endpoint: Endpoint
    name: str
    action: ManifestAction
    parameters: Mapping[str, Any]
    listener: Listener

    def ask(self, operation: str, *, once: str | None = None, **more: Any) -> httpx.Response:
        """Ask as the platform does.

        Raises:
            httpx.HTTPError: there is no answer, or none in the action's time.
        """
        return self.endpoint.ask(
            self.name, self.call(operation, **more), timeout=self.action.timeout, once=once
        )

    def call(self, operation: str, **more: Any) -> dict[str, Any]:
        until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        callback = {"callback": {"url": self.listener.url, "until": until}}
        return {
            "operation": operation,
            "module": "kit",
            "version": 1,
            "parameters": dict(self.parameters),
            "execution": "KIT",
            "step": "kit",
            "attempt": 1,
            **(callback if "callback" in self.action.supports and operation == "run" else {}),
            **more,
        }

    def fitting(self, outputs: Any) -> Any:
        """The outputs, if the manifest has nothing against them.

        Raises:
            WrongError: it has.
        """
        if not isinstance(outputs, dict):
            raise WrongError("its 'outputs' are no JSON object")
        errors = [error.message for error in Draft202012Validator(self.action.outputs).iter_errors(outputs)]
        if errors:
            raise WrongError(f"its outputs are not what the manifest says: {'; '.join(errors)}")
        return outputs


def runs(trial: Trial) -> Iterator[str]:
    """It runs in its time, and comes to what its manifest says; told the same again, it does that once."""
    once = new_key()
    with ThreadPoolExecutor(2) as both:  # the platform delivers at least once, and may do so at once
        first, second = both.map(lambda _: trial.ask("run", once=once), range(2))
    came_to = [_end(trial, first, once), _end(trial, second, once)]
    seen = trial.endpoint.observed()
    came_to.append(_end(trial, trial.ask("run", once=once), once))
    if not came_to[0] == came_to[1] == came_to[2]:
        told = ", ".join(map(str, came_to))
        yield f"told three times with one Idempotency-Key, it answered {told}"
    if trial.endpoint.observed() != seen:
        yield "told again with the same Idempotency-Key, it did it again: what is observed has changed"


def _end(trial: Trial, response: httpx.Response, once: str) -> Any:
    """The outputs that an answer comes to, polled or called back if need be.

    Raises:
        WrongError: it comes to nothing that the contract knows.
    """
    over = time.monotonic() + PATIENCE
    while response.status_code == ACCEPTED:
        polled = (_body(response) or {}).get("poll")
        if polled is None:
            return _called_back(trial)
        if "poll" not in trial.action.supports:
            raise WrongError("it answered 202 with 'poll', which its manifest does not support")
        if time.monotonic() > over:
            raise WrongError(f"it was not done after {PATIENCE:g} s of polling")
        time.sleep(min(float(polled.get("after", 5)), 5))
        response = trial.ask("poll", once=once, token=polled.get("token"))
    body = _body(response)
    if response.status_code != OK or body is None:
        raise WrongError(f"it answered {_told(response)}, which is neither 200 nor 202 with JSON")
    if "error" in body:
        raise WrongError(f"with the parameters of its own example, it failed: {body['error']}")
    return trial.fitting(body.get("outputs"))


def _called_back(trial: Trial) -> Any:
    if "callback" not in trial.action.supports:
        raise WrongError("it answered 202 without 'poll', and its manifest does not support 'callback'")
    if urlsplit(trial.endpoint.url).hostname not in LOOPBACK:
        return {}  # it cannot reach us; that it would call back is taken on trust
    if not trial.listener.called.wait(PATIENCE):
        raise WrongError(f"it did not call back within {PATIENCE:g} s")
    said = trial.listener.said[-1]
    if not isinstance(said, dict) or said.get("status") not in {"completed", "failed"}:
        raise WrongError(f"it called back with {said!r}: say 'status', and 'outputs' or an 'error'")
    return trial.fitting(said.get("outputs")) if said["status"] == "completed" else said


def refuses_strangers(trial: Trial) -> Iterator[str]:
    """It does nothing for who does not sign, signs with another key, something else, or long ago."""
    body = json.dumps({"action": trial.name, **trial.call("run")}).encode()
    now, right = int(time.time()), trial.endpoint.key
    other = "whsec_" + "QUFB" * 11
    forged: Mapping[str, Mapping[str, str]] = {
        "without a signature": {},
        "with an empty signature": {**signed(right, "msg_k", now, body), "webhook-signature": ""},
        "signed with another key": signed(other, "msg_k", now, body),
        "with the signature of another body": signed(right, "msg_k", now, body + b" "),
        "with the signature of another message": signed(right, "msg_k", now, body) | {"webhook-id": "msg_l"},
        "signed an hour ago": signed(right, "msg_k", now - OLD, body),
        "signed in an hour": signed(right, "msg_k", now + OLD, body),
        "with no number as its timestamp": signed(right, "msg_k", now, body) | {"webhook-timestamp": "now"},
    }
    seen = trial.endpoint.observed()
    for how, headers in forged.items():
        key = {"idempotency-key": new_key()}
        status = trial.endpoint.send(trial.name, body, {**headers, **key}, timeout=10).status_code
        if status not in REFUSED:
            yield f"a call {how} was answered {status}: it is to be refused with 401"
    if trial.endpoint.observed() != seen:
        yield "a call that was not signed has changed what is observed"


def refuses_nonsense(trial: Trial) -> Iterator[str]:
    """It says no, once and for all, to what is no call."""
    strange = trial.ask("explode")
    if not 400 <= strange.status_code < 500:
        yield f"the operation 'explode' was answered {strange.status_code}: there is none, which is a 400"
    body = b"{not json"
    headers = signed(trial.endpoint.key, "msg_n", int(time.time()), body) | {"idempotency-key": new_key()}
    status = trial.endpoint.send(trial.name, body, headers, timeout=10).status_code
    if not 400 <= status < 500:
        yield f"a body that is no JSON was answered {status}: it is a 400"
    status = trial.endpoint.ask("no-such-action", trial.call("run"), timeout=10).status_code
    if not 400 <= status < 500:
        yield f"an action that there is not was answered {status}: it is a 404"


def foresees(trial: Trial) -> Iterator[str]:
    """A dry run answers at once, and does nothing."""
    if "dry_run" not in trial.action.supports:
        return
    seen, once = trial.endpoint.observed(), new_key()
    response = trial.ask("dry_run", once=once)
    body = _body(response)
    if response.status_code != OK or body is None or not isinstance(body.get("would"), dict):
        yield f"a dry run was answered {_told(response)}: say 200 and what it 'would' do"
    if trial.endpoint.observed() != seen:
        yield "a dry run has changed what is observed"


def gives_up(trial: Trial) -> Iterator[str]:
    """What it has begun it stops when told, also twice, and also when there is nothing to stop."""
    if "cancel" not in trial.action.supports:
        return
    once = new_key()
    response = trial.ask("run", once=once)
    body = _body(response) or {}
    token = (body.get("poll") or {}).get("token")
    for number in ("first", "second"):
        stopped = trial.ask("cancel", once=once, token=token)
        if stopped.status_code not in {OK, ACCEPTED} or _body(stopped) is None:
            yield f"the {number} 'cancel' was answered {stopped.status_code}: it is 200, or 202 with 'poll'"
    unknown = trial.ask("cancel", once=new_key(), token=None)
    if unknown.status_code not in {OK, ACCEPTED}:
        yield f"'cancel' of what was never begun was answered {unknown.status_code}: it is 200"


TRIALS: Final[Mapping[str, Callable[[Trial], Iterator[str]]]] = {
    "refuses strangers": refuses_strangers,
    "refuses nonsense": refuses_nonsense,
    "dry run": foresees,
    "run, and run again": runs,
    "cancel": gives_up,
}
"""In that order: nothing is run of what serves everybody."""


def _told(response: httpx.Response) -> str:
    return f"{response.status_code} {response.text[:200]!r}"


def _body(response: httpx.Response) -> dict[str, Any] | None:
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
