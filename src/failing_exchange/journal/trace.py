"""Where deterministic runs can be watched: each line given to `trace` reaches the listener, if any.

The journal calls `trace(line)` for each line it writes, and `tracing()` first when the line is
dear to make. `determinism` listens with `listening(sink)` and compares the lines of two runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_sink: Callable[[str], None] | None = None


def tracing() -> bool:
    """Whether anybody listens."""
    return _sink is not None


def trace(line: str) -> None:
    """Hand one line of the run's trace to the listener. Without one, nothing happens."""
    if _sink is not None:
        _sink(line)


@contextmanager
def listening(sink: Callable[[str], None]) -> Iterator[None]:
    """Hear every traced line while the block runs; the innermost listener hears alone."""
    global _sink
    outer, _sink = _sink, sink
    try:
        yield
    finally:
        _sink = outer
