"""The main job, for real: build a web app, push it, deploy three copies of it, and look whether they answer.

    make demo

starts the local host on a free port with a fresh data folder, signs in, creates the intent in
``deploy-web-app.json``, executes it, prints its events as they happen, asks the app that it has deployed, and
says how to go on by hand. It exits with 0 only if the execution completed and the app answers.

    make demo STORE=cosmos EVENTS=eventhubs

does the same with documents in Cosmos DB and events in Event Hubs (or one of the two): the real SDKs, against
servers of this repository.
"""

import argparse
import json
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from examples import hosting

DATA = hosting.ROOT / ".quantum" / "demo"
INTENT = Path(__file__).with_name("deploy-web-app.json")
APP = Path(__file__).with_name("webapp")
"""Where its ``./app`` is."""
COUNT_SECONDS = 15
"""How long events may take to the counters."""
SIGNS = {
    "execution_started": "▶",
    "step_started": "·",
    "step_completed": "✓",
    "step_skipped": "-",
    "step_retrying": "↻",
    "step_failed": "✗",
    "step_cancelled": "✗",
    "step_compensating": "↺",
    "step_compensated": "↺",
    "step_compensation_failed": "✗",
    "execution_completed": "✓",
    "execution_failed": "✗",
    "execution_cancelled": "✗",
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__.splitlines()[0])
    parser.add_argument("--intent", type=Path, default=INTENT, help="the intent to run (%(default)s)")
    parser.add_argument("--data", type=Path, default=DATA, help="a folder to make anew (%(default)s)")
    parser.add_argument("--store", choices=["sqlite", "cosmos"], default="sqlite", help="of documents")
    parser.add_argument("--events", choices=["sqlite", "eventhubs"], default="sqlite", help="where they go")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # what was started ends, too
    log = options.data / "host.log"
    try:
        return demonstrate(options, log)
    except hosting.HostError as error:
        say(f"✗ {error}")
    except httpx.HTTPError as error:
        say(f"✗ the platform did not answer: {error!r}; its log is {log}")
    except KeyboardInterrupt:
        say("✗ interrupted")
    return 1


def demonstrate(options: argparse.Namespace, log: Path) -> int:
    """Start everything, run the intent and end everything, whatever comes; the demo's exit status."""
    shutil.rmtree(options.data, ignore_errors=True)
    options.data.mkdir(parents=True)
    remote = [name for name in (options.store, options.events) if name != "sqlite"]
    with ExitStack() as opened:
        settings = {"QUANTUM_CONTEXTS": str(APP)}
        if remote:
            from examples import azure  # what most demos do without

            for server in opened.enter_context(azure.running(*remote, say=say)):
                settings |= server.settings
        started = time.monotonic()
        host = hosting.start(options.data, log=log, **settings)
        opened.callback(host.stop)
        say(f"The platform answers on {host.url}  ({time.monotonic() - started:.1f} s to start)")
        headers = {"Authorization": f"Bearer {host.token()}"}
        say("Signed in as ada of the tenant acme")
        with httpx.Client(base_url=f"{host.url}/api/v1", headers=headers, timeout=30) as client:
            status, final = run(client, options.intent, {})
            if final is not None and remote:
                count(client)
        if status == 0 and final is not None:
            status = ask(final)
        if final is not None and options.store == "sqlite":
            say(by_hand(host, final))
        return status


def run(
    client: httpx.Client, intent_file: Path, parameters: dict[str, Any]
) -> tuple[int, dict[str, Any] | None]:
    """Create and execute the intent and follow it to its end; the exit status, and the execution then."""
    intent = created(client.post("/intents", json=json.loads(intent_file.read_text())))
    if intent is None:
        return 1, None
    say(f"Created the intent {intent['id']}\n")
    execution = created(client.post(f"/intents/{intent['id']}/execute", json={"parameters": parameters}))
    if execution is None:
        return 1, None
    follow(client, execution["execution_id"])
    final = client.get(f"/executions/{execution['execution_id']}").raise_for_status().json()
    return conclude(final), final


def created(response: httpx.Response) -> dict[str, Any] | None:
    """The body of a successful answer; otherwise None, with everything that is wrong on the terminal."""
    body: dict[str, Any] = response.json()
    if response.is_success:
        return body
    say(f"✗ {response.status_code} {body.get('code')}: {body.get('detail')}")
    for error in body.get("errors", []):
        say(f"    {error['pointer']}: {error['message']}")
    return None


def follow(client: httpx.Client, execution_id: str) -> None:
    """Print the execution's events as they are committed."""
    began = time.monotonic()
    accept = {"Accept": "text/event-stream"}
    with client.stream("GET", f"/executions/{execution_id}/events", headers=accept, timeout=60) as stream:
        stream.raise_for_status()
        for event in server_sent_events(stream):
            percent = event.get("progress", {}).get("percent")
            progress = "" if percent is None else f"{percent:3d} %"
            name = event.get("step") or "execution"
            elapsed = time.monotonic() - began
            say(
                f"  {elapsed:5.2f} s  {progress:5s}  {SIGNS.get(event['type'], ' ')} {name:14s} {told(event)}"
            )


def server_sent_events(stream: httpx.Response) -> Iterator[dict[str, Any]]:
    """The JSON of each event's ``data:`` line; the platform sends one line an event."""
    for line in stream.iter_lines():
        if line.startswith("data:"):
            yield json.loads(line.removeprefix("data:"))


def told(event: dict[str, Any]) -> str:
    """An event in a few words."""
    kind = event["type"].split("_", 1)[1]
    if error := event.get("error"):
        return f"{kind}: {error['message']}"
    result = event.get("result") or {}
    if address := result.get("address"):
        return f"{kind}: {result['replicas']} copies on {result['target']}, at {address}"
    made = result.get("reference") or result.get("image")
    return f"{kind}: {made}" if made else kind


def deployed_at(final: dict[str, Any]) -> str | None:
    """Where what was deployed answers, by the outputs of the step that deployed it."""
    addresses = [(step["outputs"] or {}).get("address") for step in final["steps"]]
    return next((address for address in addresses if address), None)


def ask(final: dict[str, Any]) -> int:
    """Ask what was deployed, a few times over, and print what it says; 0 if it answers."""
    address = deployed_at(final)
    if address is None:
        return 0  # an intent of somebody's own, which deploys nothing
    with httpx.Client(timeout=10) as client:
        for _ in range(3):
            answer = client.get(address, headers={"connection": "close"})
            say(f"  GET {address}  {answer.status_code}  {answer.text}")
            if not answer.is_success:
                return 1
    return 0


def conclude(final: dict[str, Any]) -> int:
    """Print the final state; 0 if the execution completed."""
    if final["status"] == "completed":
        say(f"\n✓ {final['execution_id']} completed: {final['progress']['completed']} steps")
        return 0
    error = final["error"] or {}
    where = f" in step {error['step']}" if "step" in error else ""
    why = error.get("message", "no reason was recorded")
    say(f"\n✗ {final['execution_id']} {final['status']}{where}: {why}")
    return 1


def count(client: httpx.Client) -> None:
    """Print the day's counters: they are what the hub's consumer made of the published events."""
    deadline = time.monotonic() + COUNT_SECONDS
    while True:
        days = client.get("/stats").raise_for_status().json()["days"]
        ended = sum(day["executions_completed"] + day["executions_failed"] for day in days)
        if ended or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    steps = sum(day["steps_completed"] for day in days)
    say(f"{'✓' if ended else '✗'} counted from the hub's events: {ended} execution, {steps} steps\n")


def by_hand(host: hosting.Host, final: dict[str, Any]) -> str:
    """How to go on: lines to paste, for the same data."""
    data = host.data.relative_to(hosting.ROOT) if host.data.is_relative_to(hosting.ROOT) else host.data
    python, quantum = ".venv/bin/python -m localhost", ".venv/bin/quantum"
    ready = "http://127.0.0.1:7071/api/v1/health/ready"
    address = deployed_at(final)
    asked = f"\n  curl -s {address}" if address else ""
    return f"""
Everything above was stored in {data}. To go on by hand (what was deployed runs again, at its address):

  {python} serve --data {data} &
  until curl -sf {ready} >/dev/null; do sleep 0.1; done
  export QUANTUM_TOKEN=$({python} token --data {data} --tenant acme --user ada --role admin)
  {quantum} executions get {final["execution_id"]}
  {quantum} executions events {final["execution_id"]}
  {quantum} intents get {final["intent_id"]}{asked}

The first line says how to look at it in a browser, too. docs/quickstart.md begins anew, and shows all of it.
"""


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
