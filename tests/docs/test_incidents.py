"""What the page on incidents says to type finds what waits, ends it, and lets go on what was held."""

from examples import hosting
from tests.docs.pages import commands_of, needs_curl, run
from tests.e2e.api import Api

COMMANDS = commands_of("incidents.md")


@needs_curl
def test_the_runbooks_find_end_retry_hold_and_let_go(host: hosting.Host) -> None:
    with Api(host, tenant="troubled", user="olga") as api:
        execution = api.execute(api.create([{"id": "ask", "action": "approval", "message": "Well?"}]))
        assert any(event["type"] == "approval_requested" for event in api.events(execution))
        shown = run(COMMANDS, host).stdout
        ended = api.get(execution)
        page = api.client.get(
            f"/executions/{ended['retried_by']}/events", headers={"Accept": "application/json"}
        )
    assert '"for":"approval"' in shown, shown
    assert ended["status"] == "cancelled"
    told = [event["type"] for event in page.json()["items"]]
    assert told[-2:] == ["execution_paused", "execution_resumed"], told
    audited = shown.partition('"action":"secret.put"')
    assert '"name":"DEPLOY_KEY"' in audited[0]
    assert audited[1]
