"""A Functions app that is fed: by a container's changes and by an event hub."""

import typing

import azure.functions as func

app = func.FunctionApp()


@app.cosmos_db_trigger(arg_name="docs", container_name="things", database_name="db", connection="Cosmos")
def from_container(docs: func.DocumentList) -> None: ...


@app.event_hub_message_trigger(arg_name="events", event_hub_name="facts", connection="Hub")
def from_hub(events: typing.List[func.EventHubEvent]) -> None: ...  # noqa: UP006 - the worker refuses list[...]
