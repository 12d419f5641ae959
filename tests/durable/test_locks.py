"""The lock table by itself."""

from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf.wrappers_pb2 import StringValue

from localhost.durable.locks import LockTable
from localhost.durable.model import LockRequest, Message


def call(message_id: int, entity: str, caller: str) -> Message:
    called = pb.EntityOperationCalledEvent(parentInstanceId=StringValue(value=caller))
    return Message(message_id, entity, None, (pb.HistoryEvent(entityOperationCalled=called),))


def request(request_id: int, instance_id: str, *lock_set: str) -> LockRequest:
    return LockRequest(request_id, f"section-{request_id}", instance_id, "g", lock_set)


def nothing(_: str) -> int | None:
    return None


def test_only_the_holder_is_let_through() -> None:
    table = LockTable()
    table.request(request(1, "a", "@e@1"))
    assert [r.instance_id for r in table.take(nothing)] == ["a"]
    messages = [call(2, "@e@1", "b"), call(3, "@e@1", "a")]
    assert table.admit("@e@1", messages) == messages[1:]
    assert table.release("@e@1", "section-1") == ["@e@1"]
    assert table.admit("@e@1", messages) == messages


def test_a_set_is_granted_as_a_whole_or_not_at_all() -> None:
    table = LockTable()
    table.request(request(1, "a", "@e@1"))
    table.take(nothing)
    table.request(request(2, "b", "@e@1", "@e@2"))
    assert table.take(nothing) == []
    assert table.holder("@e@2") is None
    table.release("@e@1", "section-1")
    assert [r.instance_id for r in table.take(nothing)] == ["b"]


def test_a_later_request_does_not_overtake_an_earlier_one() -> None:
    table = LockTable()
    table.request(request(1, "a", "@e@1"))
    table.take(nothing)
    table.request(request(2, "b", "@e@1", "@e@2"))
    table.request(request(3, "c", "@e@2"))
    assert table.take(nothing) == []


def test_operations_that_were_there_first_run_first_and_later_ones_wait() -> None:
    table = LockTable()
    table.request(request(5, "a", "@e@1"))
    assert table.take(lambda _: 4) == []
    messages = [call(4, "@e@1", "b"), call(6, "@e@1", "b")]
    assert table.admit("@e@1", messages) == messages[:1]
    assert [r.instance_id for r in table.take(lambda _: 6)] == ["a"]


def test_a_request_that_waits_for_a_holder_holds_nobody_back_elsewhere() -> None:
    table = LockTable()
    table.request(request(1, "a", "@e@1"))
    table.take(nothing)
    table.request(request(2, "b", "@e@1", "@e@2"))
    messages = [call(3, "@e@2", "c")]
    assert table.admit("@e@2", messages) == messages


def test_all_that_an_instance_holds_and_wants_goes_with_it() -> None:
    table = LockTable()
    table.request(request(1, "a", "@e@1", "@e@2"))
    table.take(nothing)
    table.request(request(2, "a", "@e@3"))
    assert sorted(table.release_all("a")) == ["@e@1", "@e@2", "@e@3"]
    assert table.idle
