"""The virtual loop as its own parts see it: what `loop.VirtualLoop` adds to asyncio's loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Callable, Iterator
    from typing import Any

    from failing_exchange.virtual.clock import VirtualClock


class LoopApi(asyncio.BaseEventLoop):
    """The base of the virtual loop; timers, transports and the network know no more of it."""

    if TYPE_CHECKING:
        clock: VirtualClock
        broken: bool
        raised: BaseException | None
        serials: Iterator[int]
        venue_context: contextvars.Context

        def time_ns(self) -> int: ...

        def call_at_ns(
            self, when_ns: int, callback: Callable[..., object], *args: Any,
            keeps_running: bool = False,
        ) -> Any: ...  # fmt: skip

        def fail(self, error: BaseException) -> None: ...

        def tasks(self) -> list[asyncio.Task[Any]]: ...

        def _forget(self, timer: Any) -> None: ...
