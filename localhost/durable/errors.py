"""What the durable engine raises.

::

    HubError
    ├── InstanceNotFoundError
    ├── InstanceExistsError
    ├── NotAllowedError           the instance's status does not allow it
    └── InvalidCursorError
    StaleTurnError                a turn that is no longer current; never leaves the engine
    WorkerLostError               a worker went away with a work item; the item is given out again

:class:`localhost.sqlite.writer.StorageUnavailableError` says that the file cannot be written now.
"""


class HubError(Exception):
    """A request the task hub cannot do."""


class InstanceNotFoundError(HubError):
    def __init__(self, instance_id: str) -> None:
        super().__init__(f"Orchestration instance '{instance_id}' not found")


class InstanceExistsError(HubError):
    def __init__(self, instance_id: str) -> None:
        super().__init__(f"Orchestration instance '{instance_id}' already exists")


class NotAllowedError(HubError):
    """The status of the instance does not allow the operation."""


class InvalidCursorError(HubError):
    def __init__(self) -> None:
        super().__init__("The continuation token is not one of this task hub")


class StaleTurnError(Exception):
    """The instance moved on (purged, restarted, rewound) while the turn ran: its outcome does not count."""


class WorkerLostError(Exception):
    """The worker gave the work item back, disconnected, or its lease ended."""
