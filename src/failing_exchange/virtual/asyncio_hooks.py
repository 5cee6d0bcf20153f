"""Patch asyncio so that `asyncio.run`, Runner and new_event_loop make virtual loops."""

from __future__ import annotations

import asyncio
import asyncio.events
import asyncio.runners
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from failing_exchange.virtual.asyncio_private import CANCEL_ALL, GatheringFuture, cancel_all
from failing_exchange.virtual.handles import serial_hash
from failing_exchange.virtual.isolation import in_this_thread
from failing_exchange.virtual.loop import VirtualLoop
from failing_exchange.virtual.patching import put


@contextmanager
def routed(new_loop: Callable[[], VirtualLoop]) -> Iterator[None]:
    """Every loop that asyncio makes while the block runs is one of `new_loop`.

    That covers `asyncio.run` and `asyncio.Runner`, also with another loop factory (a bot's uvloop
    would run in real time), and `asyncio.new_event_loop` and `get_event_loop` by way of the policy,
    which the program's own does not replace.
    """
    new_loop = in_this_thread(new_loop)
    with ExitStack() as undo:
        put(undo, asyncio.Runner, "__init__", _runner_init(new_loop))
        put(undo, asyncio.runners, CANCEL_ALL, _cancel_in_order)
        put(undo, GatheringFuture, "__hash__", serial_hash)
        undo.enter_context(_resolver_of_the_loop())
        undo.callback(asyncio.set_event_loop_policy, asyncio.get_event_loop_policy())
        asyncio.set_event_loop_policy(_Policy(new_loop))
        for module in (asyncio, asyncio.events):
            put(undo, module, "set_event_loop_policy", _keep_ours)
        yield


def _runner_init(new_loop: Callable[[], VirtualLoop]) -> Callable[..., None]:
    real: Callable[..., None] = asyncio.Runner.__init__

    def init(self: asyncio.Runner, *, debug: bool | None = None, loop_factory: Any = None) -> None:
        real(self, debug=debug, loop_factory=new_loop)

    return init


def _keep_ours(policy: asyncio.AbstractEventLoopPolicy | None) -> None:
    """Accept a policy, such as uvloop's, and keep the virtual one: its loops know no real time."""


def _cancel_in_order(loop: asyncio.AbstractEventLoop) -> None:
    """asyncio cancels the tasks left over in the order of a set."""
    if isinstance(loop, VirtualLoop):
        loop.cancel_leftovers()
    else:
        cancel_all(loop)


class _Policy(asyncio.DefaultEventLoopPolicy):
    def __init__(self, new_loop: Callable[[], VirtualLoop]) -> None:
        super().__init__()
        self._new_loop = new_loop

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return self._new_loop()


@contextmanager
def _resolver_of_the_loop() -> Iterator[None]:
    """aiohttp asks aiodns for names, if that is installed, and so goes round the loop."""
    with ExitStack() as undo:
        if "aiodns" not in sys.modules:
            undo.callback(sys.modules.pop, "aiodns", None)
            # importing it fails then, and aiohttp asks the loop
            sys.modules["aiodns"] = None  # type: ignore[assignment]
        for name in ("aiohttp.resolver", "aiohttp.connector"):
            module: Any = sys.modules.get(name)
            if module is not None:
                threaded = sys.modules["aiohttp.resolver"].ThreadedResolver
                put(undo, module, "DefaultResolver", threaded)
        yield
