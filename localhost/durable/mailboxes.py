"""What waits in memory for instances and entities."""

from collections.abc import Iterable

from localhost.durable.model import Message


class Mailboxes:
    """Visible messages by target, until the transaction that consumes them is durable."""

    def __init__(self) -> None:
        self._boxes: dict[str, list[Message]] = {}

    def put(self, message: Message) -> None:
        box = self._boxes.setdefault(message.target, [])
        if box and message.starts:
            # Events that came before the start (or during the turn that continued as new) follow it.
            box.insert(0, message)
        else:
            box.append(message)

    def get(self, target: str) -> list[Message]:
        """The messages of ``target``: the list itself, to hand to :meth:`remove`."""
        return self._boxes.get(target, [])

    def remove(self, target: str, messages: Iterable[Message]) -> None:
        box = self._boxes.get(target)
        if box is None:
            return
        gone = {id(message) for message in messages}
        left = [message for message in box if id(message) not in gone]
        if left:
            self._boxes[target] = left
        else:
            del self._boxes[target]

    def forget(self, target: str) -> None:
        self._boxes.pop(target, None)

    def results(self) -> list[Message]:
        """Activity results that exist in memory only."""
        return [m for box in self._boxes.values() for m in box if m.activity_id]
