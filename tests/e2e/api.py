"""The platform's routes as a test drives them."""

import itertools
import json
import os
from collections.abc import Iterator
from typing import Any, Self

import httpx

from examples import hosting
from localhost.identity.token import issue_token, settings_of_host

_names = itertools.count()


def token_of(host: hosting.Host, *, tenant: str, user: str, role: str) -> str:
    """Made in this process: the command would take a second to start."""
    settings = settings_of_host(host.data, os.environ | host.settings)
    return issue_token(settings, tenant=tenant, user=user, role=role)


class Api:
    """A signed-in client of one host."""

    def __init__(
        self,
        host: hosting.Host,
        *,
        tenant: str = "acme",
        user: str = "ada",
        role: str = "admin",
        token: str | None = None,
    ) -> None:
        signed_in = token or token_of(host, tenant=tenant, user=user, role=role)
        self.client = httpx.Client(
            base_url=f"{host.url}/api/v1", headers={"Authorization": f"Bearer {signed_in}"}, timeout=60
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def create(self, steps: list[dict[str, Any]], **definition: Any) -> str:
        name = f"intent-{next(_names)}"
        body = {"name": name, "definition": {"steps": steps, **definition}}
        response = self.client.post("/intents", json=body)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def execute(self, intent: str, **parameters: Any) -> str:
        response = self.client.post(f"/intents/{intent}/execute", json={"parameters": parameters})
        assert response.status_code == 202, response.text
        return str(response.json()["execution_id"])

    def run(self, steps: list[dict[str, Any]], **parameters: Any) -> dict[str, Any]:
        """Create and execute; the execution as it is after its terminal event."""
        execution = self.execute(self.create(steps), **parameters)
        list(self.events(execution))
        return self.get(execution)

    def get(self, execution: str) -> dict[str, Any]:
        response = self.client.get(f"/executions/{execution}")
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def events(self, execution: str, *, after: str | None = None) -> Iterator[dict[str, Any]]:
        """The live stream to its end: each event's data with its ``id``."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
        with self.client.stream("GET", f"/executions/{execution}/events", headers=headers) as stream:
            assert stream.status_code == 200, stream.read()
            cursor = ""
            for line in stream.iter_lines():
                if line.startswith("id:"):
                    cursor = line[3:].strip()
                if line.startswith("data:"):
                    yield json.loads(line[5:]) | {"id": cursor}
