"""The contract, held against the platform by requests that schemathesis makes of it.

``QUANTUM_TEST_CONTRACT`` is how many random requests each operation gets, from a seed that is new each time;
without it they are few and always the same.
"""

import os
import secrets

import pytest
from schemathesis.config import SchemathesisConfig

from functions.routes.system import OPENAPI
from functions.routes.table import ROUTES
from tests.http import test_routes
from tests.http.fuzzing import CONFIG, Findings, aim, fuzz, serving
from tests.http.harness import Opening
from tests.stores import BOTH_STORES

MANY = int(os.environ.get("QUANTUM_TEST_CONTRACT", "0"))
OPERATIONS = {f"{route.method} /api/{route.path}" for route in ROUTES if route is not OPENAPI}
"""All but the one that schemathesis reads the others from."""
PLATFORMS = {f"{route.method} /api/{route.path}" for route in test_routes.PLATFORMS}
"""What only they ask; each response of other tests is held against the contract, too (``harness.py``)."""
OTHERS = ("viewer", "author", "operator")
UPLOADS = {f"{route.method} /api/{route.path}" for route in ROUTES if route.uploads}
"""What refuses random bytes, though they are of the type that the contract names."""

pytestmark = pytest.mark.timeout(3600 if MANY else 120)


def config(*phases: str, few: int) -> SchemathesisConfig:
    made = SchemathesisConfig.from_path(CONFIG)
    made.update(seed=secrets.randbits(32) if MANY else 1, max_failures=None)
    made.projects.default.generation.update(max_examples=max(MANY, few))
    made.projects.default.phases.update(phases=list(phases))
    print(f"seed {made.seed}")
    return made


def told(findings: Findings) -> str:
    return "\n\n".join(findings.faults.values())


def test_every_operation_answers_an_administrator_as_the_contract_says(opening: Opening) -> None:
    settings = config("examples", "coverage", "fuzzing", few=2)
    with serving(opening) as app:
        aim(app, settings)
        findings = fuzz(app, settings)
    assert not findings.faults, told(findings)
    assert findings.served() == OPERATIONS - PLATFORMS - UPLOADS


@BOTH_STORES
def test_what_one_response_leads_to_answers_as_the_contract_says(opening: Opening) -> None:
    with serving(opening) as app:
        findings = fuzz(app, config("stateful", few=12))
    assert not findings.faults, told(findings)


def test_other_roles_are_answered_as_the_contract_says(opening: Opening) -> None:
    settings = config("fuzzing", few=len(OTHERS))
    with serving(opening) as app:
        aim(app, settings)
        findings = fuzz(app, settings, users=OTHERS)
    assert not findings.faults, told(findings)
    assert app.asked.keys() >= {
        (user, route.name) for user in OTHERS for route in ROUTES if route is not OPENAPI
    }
    assert any(status == 403 for _, status in findings.statuses)
