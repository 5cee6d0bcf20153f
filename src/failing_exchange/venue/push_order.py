"""The order of pushes: those of one connection arrive in the order sent, and may be held up."""

from __future__ import annotations


class PushOrder:
    """When the last push of each connection arrives, and until when the next is held up; in ns."""

    def __init__(self) -> None:
        self._arrivals: dict[str, int] = {}
        self._held: dict[str, int] = {}
        self._held_until = 0  # the last of them

    def is_free(self, at: int) -> bool:
        """Whether no connection's pushes are held up at an instant."""
        return at >= self._held_until

    def held_until(self, name: str) -> int:
        """Until when a connection's pushes are held up; 0 if they never were."""
        return self._held.get(name, 0)

    def arrival(self, name: str, wanted: int) -> int:
        """When a push arrives that would arrive at `wanted`: never before the one ahead of it."""
        found = self._arrivals[name] = max(wanted, self._arrivals.get(name, 0))
        return found

    def hold(self, name: str, until: int) -> None:
        """Hold up a connection's pushes: what is sent later arrives later."""
        self._held[name] = until
        self._held_until = max(self._held_until, until)

    def forget(self, name: str) -> None:
        """Drop a connection that has ended: it has no order to keep."""
        self._arrivals.pop(name, None)
        self._held.pop(name, None)
