"""The platform from Python: ``from quantum.client import Client``. The guide is docs/sdk.md."""

from quantum.client.client import Client
from quantum.client.errors import ApiError, ExecutionFailedError, QuantumError
from quantum.client.retries import Retries

__all__ = ["ApiError", "Client", "ExecutionFailedError", "QuantumError", "Retries"]
