"""The trace of a deterministic run: each line given to `trace` reaches the listener, if any.

The journal calls `trace(line)` for each line it writes, and `tracing()` first, since a line is
costly to make. `testing.determinism` listens with `listening(sink)` and compares two runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_sink: Callable[[str], None] | None = None


def tracing() -> bool:
    """Whether there is a listener."""
    return _sink is not None


def trace(line: str) -> None:
    """Hand one line of the run's trace to the listener. Without one, nothing happens."""
    if _sink is not None:
        _sink(line)


@contextmanager
def listening(sink: Callable[[str], None]) -> Iterator[None]:
    """Receive every traced line while the block runs; only the innermost listener does."""
    global _sink
    outer, _sink = _sink, sink
    try:
        yield
    finally:
        _sink = outer
