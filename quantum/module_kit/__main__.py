"""Holds a module's endpoint to the contract.

To be used as ::

    python -m quantum.module_kit http://127.0.0.1:7080 --key whsec_… --observe http://127.0.0.1:7080/state

Each action is run with the first of its examples that has no expressions in it, so give it an endpoint that
may be tried on. It says what is wrong, and ends with 1 if anything is.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from jsonschema import Draft202012Validator, SchemaError
from pydantic import ValidationError

from quantum.contract.modules import ManifestAction, ModuleManifest
from quantum.module_kit.endpoint import Endpoint
from quantum.module_kit.listener import listening
from quantum.module_kit.trials import TRIALS, Trial, WrongError


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: with which action, in which trial."""

    action: str
    trial: str
    message: str

    def __str__(self) -> str:
        return f"{self.action}: {self.trial}: {self.message}"


def check(endpoint: Endpoint) -> Iterator[Finding]:
    """Everything that is wrong with an endpoint."""
    try:
        manifest = ModuleManifest.model_validate(endpoint.manifest())
    except (httpx.HTTPError, ValueError) as error:
        reason = str(error) if isinstance(error, ValidationError) else repr(error)
        yield Finding("-", "manifest", f"GET {endpoint.url}/manifest does not say what it can do: {reason}")
        return
    for name, action in manifest.actions.items():
        yield from _check(endpoint, name, action)


def _check(endpoint: Endpoint, name: str, action: ManifestAction) -> Iterator[Finding]:
    for part in ("parameters", "outputs"):
        try:
            Draft202012Validator.check_schema(getattr(action, part))
        except SchemaError as error:
            yield Finding(name, "manifest", f"its {part} are no JSON Schema: {error.message}")
            return
    parameters = _sample(action)
    if parameters is None:
        message = "it has no example without expressions in it, so nobody can try it: add one"
        yield Finding(name, "manifest", message)
        return
    for title, trial in TRIALS.items():
        with listening() as listener:
            try:
                for message in trial(Trial(endpoint, name, action, parameters, listener)):
                    yield Finding(name, title, message)
            except WrongError as error:
                yield Finding(name, title, str(error))
            except httpx.TimeoutException:
                message = f"it did not answer within the {action.timeout:g} s that its manifest says"
                yield Finding(name, title, message)
            except httpx.HTTPError as error:
                yield Finding(name, title, f"it did not answer: {error!r}")


def _sample(action: ManifestAction) -> dict[str, Any] | None:
    """The parameters of the first example that anybody can have."""
    for example in action.examples:
        given = example.get("parameters", {key: example[key] for key in example.keys() - {"id", "action"}})
        if "${{" not in str(given) and isinstance(given, dict):
            return given
    return None


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m quantum.module_kit", description=__doc__)
    parser.add_argument("endpoint", help="where the module is asked, as it is registered")
    parser.add_argument("--key", default=os.environ.get("MODULE_KEY", ""), help="whsec_…; or MODULE_KEY")
    parser.add_argument("--observe", help="a URL that shows what the module has done so far")
    options = parser.parse_args(arguments)
    if not options.key.startswith("whsec_"):
        parser.error("give the key that calls are signed with: whsec_… (--key, or MODULE_KEY)")
    with httpx.Client(follow_redirects=False, trust_env=False) as client:
        endpoint = Endpoint(options.endpoint.rstrip("/"), options.key, client, options.observe)
        findings = list(check(endpoint))
    for finding in findings:
        print(finding)
    print(f"{len(findings)} things are wrong" if findings else "it keeps the contract")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
