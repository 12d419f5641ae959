"""What a host uses of the machine: the same whoever else is busy on it, which wall time is not."""

import psutil

from examples import hosting


class Usage:
    """The processor time and the memory of one host's process."""

    def __init__(self, host: hosting.Host) -> None:
        self._process = psutil.Process(host.process.pid)

    def cpu_seconds(self) -> float:
        """Since its start, of all of its threads."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def megabytes(self) -> float:
        """Resident now."""
        return float(self._process.memory_info().rss) / 1e6
