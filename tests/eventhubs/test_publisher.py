"""What goes over the wire, and who is let in."""

import asyncio
import time
from typing import Self

import pytest
from azure.core.credentials import AccessToken

from shared.adapters.eventhubs.events import EventHubsEvents
from shared.domain.causes import REFUSED
from shared.domain.errors import UnavailableError
from tests.eventhubs import amqp
from tests.eventhubs.conftest import Stand, event, standing
from tests.eventhubs.hub import Access, Partition, first_of
from tests.managed_identity import IdentityEndpoint


class Identity:
    """A credential as azure-identity has them, with a token that it is told."""

    def __init__(self, token: str) -> None:
        self._token = token
        self.scopes: set[str] = set()

    async def get_token(self, *scopes: str, **_: object) -> AccessToken:
        self.scopes.update(scopes)
        return AccessToken(self._token, int(time.time()) + 3600)

    async def close(self) -> None:
        raise AssertionError("it is its owner's to close")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def test_a_message_is_a_cloud_event_in_structured_mode_under_its_id_and_key(stand: Stand) -> None:
    await stand.publisher().publish([event("execution/step/1/started", "acme/é")])
    (stored,) = stand.peer.hubs["quantum"].place("acme/é").events
    properties = next(value for kind, value, _ in amqp.sections(stored.bare) if kind == amqp.PROPERTIES)
    assert properties[0] == "execution/step/1/started"
    assert properties[6] == "application/cloudevents+json"
    assert stored.key == "acme/é"
    assert stored.body() == event("execution/step/1/started", "acme/é").to_json()


async def test_the_events_of_a_key_go_in_one_batch(stand: Stand) -> None:
    await stand.publisher().publish([event(str(n), f"acme/{n % 2}") for n in range(100)])
    assert [len(delivery.events) for delivery in stand.peer.deliveries] == [50, 50]


async def test_a_process_has_one_connection_per_lane_however_many_publish(stand: Stand) -> None:
    events = stand.publisher(lanes=2)
    await asyncio.gather(*(events.publish([event(str(n), f"acme/{n}")]) for n in range(30)))
    assert stand.peer.opened == 2


async def test_an_identity_is_let_in_with_a_token_for_event_hubs() -> None:
    async with standing(access=Access(tokens=frozenset({"a-token-of-entra"}))) as stand:
        identity = Identity("a-token-of-entra")
        events = EventHubsEvents(
            hub="quantum", namespace=stand.peer.address, credential=identity, lanes=1, use_tls=False
        )
        await events.publish([event("1")])
        await events.close()
        assert stand.ids() == ["1"]
        assert identity.scopes == {"https://eventhubs.azure.net//.default"}


async def test_the_managed_identity_of_a_client_id_is_used_where_no_credential_is_given(
    identity: type[IdentityEndpoint],
) -> None:
    identity.token = "a-token-of-entra"
    async with standing(access=Access(tokens=frozenset({"a-token-of-entra"}))) as stand:
        events = EventHubsEvents(
            hub="quantum", namespace=stand.peer.address, identity="client-id", lanes=1, use_tls=False
        )
        await events.publish([event("1")])
        await events.close()
        assert stand.ids() == ["1"]
    assert all("client_id=client-id" in asked for asked in identity.asked)
    assert identity.asked


async def test_an_identity_without_rights_is_said_at_once(stand: Stand) -> None:
    events = EventHubsEvents(
        hub="quantum", namespace=stand.peer.address, credential=Identity("another"), lanes=1, use_tls=False
    )
    with pytest.raises(UnavailableError, match="401"):
        await events.publish([event("1")])
    await events.close()


async def test_a_token_that_is_refused_is_asked_for_anew_without_a_restart(
    identity: type[IdentityEndpoint],
) -> None:
    identity.token = "expired"
    async with standing(access=Access(tokens=frozenset({"renewed"}))) as stand:
        events = EventHubsEvents(
            hub="quantum", namespace=stand.peer.address, identity="client-id", lanes=1, use_tls=False
        )
        with pytest.raises(UnavailableError, match="401") as refused:
            await events.publish([event("1")])
        assert refused.value.cause is REFUSED
        identity.token = "renewed"
        await events.check()
        await events.publish([event("1")])
        await events.close()
        assert stand.ids() == ["1"]


async def test_an_identity_that_gets_no_token_is_unavailable(
    stand: Stand, identity: type[IdentityEndpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "a wrong one")
    events = EventHubsEvents(
        hub="quantum", namespace=stand.peer.address, identity="client-id", lanes=1, use_tls=False
    )
    with pytest.raises(UnavailableError) as refused:
        await events.publish([event("1")])
    assert refused.value.cause is REFUSED
    await events.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "either a connection string or a namespace"),
        ({"connection": "Endpoint=sb://a;SharedAccessKey=k", "namespace": "a"}, "either a connection string"),
        ({"connection": "sb://a", "hub": "h"}, "needs an Endpoint and a SharedAccessKey"),
        ({"connection": "Endpoint=sb://a;SharedAccessKeyName=n", "hub": "h"}, "a SharedAccessKey"),
        ({"connection": "Endpoint=sb://a;SharedAccessKey=k"}, "needs the name of the hub"),
        ({"namespace": "a.servicebus.windows.net"}, "needs the name of the hub"),
    ],
)
def test_what_is_missing_is_said_when_the_adapter_is_made(options: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        EventHubsEvents(**options)  # type: ignore[arg-type] # mypy cannot tell which options these are


@pytest.mark.parametrize(
    ("position", "first"),
    [
        ("x-opt-offset > '-1'", 0),
        ("x-opt-offset > '@latest'", 5),
        ("x-opt-offset > '64'", 2),
        ("x-opt-offset >= '64'", 1),
        ("x-opt-sequence-number > '3'", 4),
        ("x-opt-sequence-number >= '3'", 3),
        ("x-opt-enqueued-time > '0'", 0),
    ],
)
def test_a_consumer_starts_where_it_says(position: str, first: int) -> None:
    partition = Partition()
    partition.append([(None, b"")] * 5)
    described = amqp.Described("apache.org:selector-filter:string", f"amqp.annotation.{position}")
    assert first_of(partition, {"apache.org:selector-filter:string": described}) == first


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        7,
        amqp.UInt(2**32 - 1),
        amqp.Long(-5),
        "é" * 300,
        b"\x00" * 300,
        [],
        ["a", [None, False]],
        {"a": amqp.Timestamp(1), "b": {}},
        amqp.Array(("0", "1")),
        amqp.Described(0x24, []),
    ],
)
def test_the_peer_reads_what_it_writes(value: object) -> None:
    read, end = amqp.decode(amqp.encode(value) + b"rest")
    assert (list(read) if isinstance(read, tuple) else read) == (
        list(value) if isinstance(value, tuple) else value
    )
    assert end == len(amqp.encode(value))
