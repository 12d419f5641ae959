"""Items of a feed as the arguments of a function: documents and events in the types of azure.functions.

Shapes of the trigger metadata: Azure documentation, "Event Hubs trigger", event metadata, and
``azure.functions.eventhub``.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import azure.functions as func
import orjson
from azure.functions.meta import Datum

from localhost.app.functions import Function
from localhost.triggers.feeds import Event

type Arguments = dict[str, Any]


def encode(function: Function, partition: str, items: Sequence[Any]) -> list[Arguments]:
    """The arguments of each call that delivers ``items``: one call, or one per event with cardinality one."""
    name = function.trigger.name
    wanted = function.parameter_types.get(name)
    if function.trigger.type == "cosmosDBTrigger":
        if wanted is str:
            return [{name: json.dumps(list(items))}]
        return [{name: func.DocumentList(map(_document, items))}]
    if str(function.trigger.properties.get("cardinality") or "many").lower() == "one":
        return [{name: _single(event, partition, wanted)} for event in items]
    if wanted in {str, bytes}:
        return [{name: json.dumps([event.body.decode() for event in items])}]
    metadata = _Metadata(items, partition)
    return [{name: [_event(event, metadata) for event in items]}]


def decode_input(function: Function, text: str) -> list[Any]:
    """The items that a manual run's input stands for: JSON documents, or the body of one event."""
    if function.trigger.type != "cosmosDBTrigger":
        return [Event(body=text.encode(), sequence_number=0, offset="0", enqueued_at=datetime.now(UTC))]
    documents = json.loads(text or "[]")
    return documents if isinstance(documents, list) else [documents]


def _document(item: Mapping[str, Any]) -> func.Document:
    """As ``from_dict`` makes it, without copying field by field: thousands come by in a second."""
    document = func.Document()
    document.data = dict(item)
    return document


def _single(event: Event, partition: str, wanted: Any) -> Any:
    if wanted is str:
        return event.body.decode()
    if wanted is bytes:
        return event.body
    metadata = {
        "PartitionContext": _partition_context(partition),
        "SystemProperties": _json(_system(event)),
        "Properties": _json(dict(event.properties)),
        "EnqueuedTimeUtc": _json(event.enqueued_at.isoformat()),
    }
    return _event(event, metadata)


def _event(event: Event, metadata: Mapping[str, Datum]) -> func.EventHubEvent:
    return func.EventHubEvent(
        body=event.body,
        trigger_metadata=metadata,
        enqueued_time=event.enqueued_at,
        partition_key=event.partition_key,
        sequence_number=event.sequence_number,
        offset=event.offset,
        iothub_metadata={},
    )


class _Metadata(Mapping[str, Datum]):
    """The metadata of a batch, made when somebody looks at it: hardly any function does."""

    def __init__(self, events: Sequence[Event], partition: str) -> None:
        self._events = events
        self._partition = partition

    @cached_property
    def _made(self) -> Mapping[str, Datum]:
        return {
            "PartitionContext": _partition_context(self._partition),
            "SystemPropertiesArray": _json([_system(event) for event in self._events]),
            "PropertiesArray": _json([dict(event.properties) for event in self._events]),
        }

    def __getitem__(self, name: str) -> Datum:
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


def _partition_context(partition: str) -> Datum:
    return _json({"PartitionId": partition})


def _system(event: Event) -> dict[str, Any]:
    return {
        "EnqueuedTimeUtc": event.enqueued_at.isoformat(),
        "Offset": event.offset,
        "PartitionKey": event.partition_key,
        "SequenceNumber": event.sequence_number,
    }


def _json(value: Any) -> Datum:
    return Datum(orjson.dumps(value).decode(), "json")
