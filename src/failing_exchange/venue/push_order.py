"""The lines to the clients: pushes on one line keep their order, and may be held up."""

from __future__ import annotations


class Lines:
    """When the last push of each line arrives, and until when it is held up; in nanoseconds."""

    def __init__(self) -> None:
        self._arrivals: dict[str, int] = {}
        self._held: dict[str, int] = {}
        self._held_until = 0  # the last of them

    def are_free(self, at: int) -> bool:
        """Whether no line at all is held up."""
        return at >= self._held_until

    def held_until(self, name: str) -> int:
        """Until when a line is held up."""
        return self._held.get(name, 0)

    def arrival(self, name: str, wanted: int) -> int:
        """When a push arrives that would at `wanted`: never before the one ahead of it."""
        found = self._arrivals[name] = max(wanted, self._arrivals.get(name, 0))
        return found

    def hold(self, name: str, until: int) -> None:
        """Hold up a line: what is sent later arrives later."""
        self._held[name] = until
        self._held_until = max(self._held_until, until)

    def forget(self, name: str) -> None:
        """A line is gone for good: a connection that has ended has no order to keep."""
        self._arrivals.pop(name, None)
        self._held.pop(name, None)
