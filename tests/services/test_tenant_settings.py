import asyncio

import pytest

from shared.domain.allowances import Allowance
from shared.domain.errors import NotExecutableError, NotFoundError, StaleError, ValidationFailedError
from shared.domain.intents import NewIntent
from shared.domain.tenants import MAX_ENTRIES, TenantSettings
from shared.ports.actions import Completed
from shared.ports.documents import TENANCY, Create
from shared.services.audit.chains import Chains
from shared.services.tenancy.settings import LIFE, Configuration
from tests.services.conftest import Workshop, caller
from tests.stores import BOTH_STORES

pytestmark = BOTH_STORES

STEPS = {"steps": [{"id": "a", "action": "act"}]}


@pytest.fixture
async def configuration(workshop: Workshop) -> Configuration:
    """The tenant ``acme`` is there, and one action."""
    workshop.catalogue.add("act", lambda *_: Completed({}))
    document = {"id": "tenant", "kind": "tenant", "created_at": "2026-01-02T03:04:05.000000Z"}
    await workshop.documents.transact(
        workshop.ada.scope, container=TENANCY, partition="tenant", operations=[Create(document)]
    )
    return workshop.configuration


async def test_a_tenant_asks_nothing_until_it_is_told_to(
    workshop: Workshop, configuration: Configuration
) -> None:
    tenant = await configuration.get(workshop.ada, "acme")
    assert (tenant.id, tenant.created_at) == ("acme", "2026-01-02T03:04:05.000000Z")
    assert tenant.settings == TenantSettings((), None)


async def test_another_tenant_does_not_exist(workshop: Workshop, configuration: Configuration) -> None:
    for who, tenant in ((workshop.ada, "globex"), (caller("globex", "eve"), "acme"), (workshop.ada, "")):
        with pytest.raises(NotFoundError):
            await configuration.get(who, tenant)
        with pytest.raises(NotFoundError):
            await configuration.configure(who, tenant, {"forbidden_actions": ["act"]})


async def test_settings_change_one_by_one_and_null_puts_one_back(
    workshop: Workshop, configuration: Configuration
) -> None:
    ada = workshop.ada
    await configuration.configure(ada, "acme", {"allowed_registries": ["ghcr.io/acme", "ghcr.io/acme"]})
    both = await configuration.configure(ada, "acme", {"forbidden_actions": ["act"]})
    assert both.settings == TenantSettings(["act"], ["ghcr.io/acme"])
    back = await configuration.configure(ada, "acme", {"allowed_registries": None})
    assert back.settings == TenantSettings(["act"], None)
    limited = await configuration.configure(ada, "acme", {"max_concurrent_executions": 3})
    assert limited.settings == TenantSettings(["act"], None, Allowance(3))
    back = await configuration.configure(ada, "acme", {"max_concurrent_executions": None})
    assert await configuration.get(ada, "acme") == back


async def test_each_change_has_a_record_in_the_chain_and_none_changes_nothing(
    workshop: Workshop, configuration: Configuration
) -> None:
    for asked in (["act"], ["act"], []):
        await configuration.configure(workshop.ada, "acme", {"forbidden_actions": asked})
    changes = await workshop.documents.changes(
        workshop.ada.scope, container=TENANCY, partition="tenant", kind="audit"
    )
    records = [change.document.body for change in changes]
    assert [record["number"] for record in records] == [1, 2]
    assert records[0]["action"] == "tenant.configure"
    assert records[0]["principal"] == "ada@acme"
    assert records[0]["before"] == {"settings": {}}
    assert records[0]["after"] == {"settings": {"forbidden_actions": ["act"]}}
    assert records[1]["previous_hash"] == records[0]["hash"]


async def test_of_changes_at_once_none_is_lost(workshop: Workshop, configuration: Configuration) -> None:
    changes = [{"forbidden_actions": ["act"]}, {"allowed_registries": ["ghcr.io"]}]
    await asyncio.gather(*(configuration.configure(workshop.ada, "acme", change) for change in changes))
    settings = (await configuration.get(workshop.ada, "acme")).settings
    assert settings == TenantSettings(["act"], ["ghcr.io"])


async def test_a_stale_etag_is_refused(workshop: Workshop, configuration: Configuration) -> None:
    old = await configuration.get(workshop.ada, "acme")
    etag = old.etag.strip('"')
    await configuration.configure(workshop.ada, "acme", {"forbidden_actions": ["act"]}, if_match={etag})
    with pytest.raises(StaleError):
        await configuration.configure(workshop.ada, "acme", {"forbidden_actions": []}, if_match={etag})
    await configuration.configure(workshop.ada, "acme", {"forbidden_actions": []}, if_match={"*"})


async def test_bad_settings_are_refused_all_at_once(workshop: Workshop, configuration: Configuration) -> None:
    bad = {
        "forbidden_actions": ["act", "Not An Action", "x" * 500],
        "allowed_registries": ["https://ghcr.io", "GHCR.io"],
        "max_concurrent_executions": 0,
    }
    with pytest.raises(ValidationFailedError) as caught:
        await configuration.configure(workshop.ada, "acme", bad)
    assert [(error.pointer, error.code) for error in caught.value.errors] == [
        ("/settings/forbidden_actions/1", "VALUE"),
        ("/settings/forbidden_actions/2", "VALUE"),
        ("/settings/allowed_registries/0", "VALUE"),
        ("/settings/allowed_registries/1", "VALUE"),
        ("/settings/max_concurrent_executions", "VALUE"),
    ]
    many = {"forbidden_actions": [f"a{number}" for number in range(MAX_ENTRIES + 1)]}
    with pytest.raises(ValidationFailedError):
        await configuration.configure(workshop.ada, "acme", many)


async def test_a_forbidden_action_is_neither_stored_nor_executed(
    workshop: Workshop, configuration: Configuration
) -> None:
    ada = workshop.ada
    await workshop.intents.create(ada, NewIntent("before", STEPS))
    await workshop.executions.execute(ada, "before", {})
    await configuration.configure(ada, "acme", {"forbidden_actions": ["act"]})
    with pytest.raises(ValidationFailedError) as caught:
        await workshop.intents.create(ada, NewIntent("after", STEPS))
    assert [error.code for error in caught.value.errors] == ["FORBIDDEN_ACTION"]
    with pytest.raises(NotExecutableError, match="forbid the action 'act'"):
        await workshop.executions.execute(ada, "before", {})
    await workshop.intents.create(caller("globex", "eve"), NewIntent("after", STEPS))


async def test_another_process_feels_a_change_within_its_life(
    workshop: Workshop, configuration: Configuration
) -> None:
    other = Configuration(
        documents=workshop.documents, chains=Chains(), limits=workshop.limits, clock=workshop.clock
    )
    assert (await other.settings(workshop.ada.scope)).forbidden_actions == ()
    await configuration.configure(workshop.ada, "acme", {"forbidden_actions": ["act"]})
    workshop.clock.advance(LIFE)
    assert list((await other.settings(workshop.ada.scope)).forbidden_actions) == ["act"]
