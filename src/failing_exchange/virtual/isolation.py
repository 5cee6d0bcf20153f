"""IsolatedLoop: an event loop cut off from the real world: no sockets, threads or processes."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, TypeVarTuple
from weakref import WeakKeyDictionary

from failing_exchange.virtual.errors import Escape
from failing_exchange.virtual.loop_api import LoopApi
from failing_exchange.virtual.thread_registry import current

if TYPE_CHECKING:
    from failing_exchange.virtual.network import Network

Args = TypeVarTuple("Args")
T = TypeVar("T")
AnyLoop = TypeVar("AnyLoop", bound=LoopApi)


class IsolatedLoop(LoopApi):
    """What VirtualLoop does about everything but time.

    Connections go to `network`, executor jobs run at once on the loop's own thread, signal
    handlers are accepted and kept in `signal_handlers`, and the rest raises Escape.
    """

    if TYPE_CHECKING:
        _asyncgens: Any
        _thread_id: int | None
        _default_executor: Any
        _executor_shutdown_called: bool

    def __init__(self) -> None:
        super().__init__()
        self.signal_handlers: dict[int, tuple[Callable[..., object], tuple[Any, ...]]] = {}
        self._asyncgens = _InOrder()
        self._network: Network | None = None

    # Network

    @property
    def network(self) -> Network:
        """The network of this loop, in memory: hosts, listeners, hooks."""
        if self._network is None:
            from failing_exchange.virtual.network import Network

            self._network = Network(self)
        return self._network

    async def create_connection(self, protocol_factory: Any, *args: Any, **options: Any) -> Any:
        """As in asyncio, to a server of this simulation; `ssl` is accepted and not performed."""
        return await self.network.create_connection(protocol_factory, *args, **options)

    async def create_server(self, protocol_factory: Any, *args: Any, **options: Any) -> Any:
        """As in asyncio, reachable from this loop only."""
        return await self.network.create_server(protocol_factory, *args, **options)

    async def start_tls(  # type: ignore[override]
        self,
        transport: asyncio.WriteTransport,
        protocol: asyncio.BaseProtocol,
        sslcontext: Any,
        **_: Any,
    ) -> Any:
        """TLS is elided: the same transport goes on, with the new protocol."""
        transport.set_protocol(protocol)
        return transport

    async def sock_connect(self, sock: Any, address: Any) -> None:
        """Remember where the socket would go; it stays unconnected (see Network.sock_connect)."""
        await self.network.sock_connect(sock, address)

    async def getaddrinfo(self, host: Any, port: Any, **_: Any) -> Any:
        """One address of the host table; an unknown name raises UnknownHost."""
        return self.network.resolve(host, port)

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """The name that belongs to an address of the host table."""
        return self.network.name_of(sockaddr[0]), str(sockaddr[1])

    # Threads and processes

    def call_soon_threadsafe(
        self,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """As `call_soon`, from the loop's own thread only."""
        if self._thread_id not in (None, threading.get_ident()) and current() is None:
            raise Escape(
                f"{callback!r} comes from another thread ({threading.current_thread().name}): "
                "threads run in real time and make a simulation unrepeatable; use a task, or "
                "loop.run_in_executor, which the simulation runs at once"
            )
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(
        self, executor: Any, func: Callable[[*Args], T], *args: *Args
    ) -> asyncio.Future[T]:
        """Run the job at the next turn of the loop, on the loop's thread."""
        future = self.create_future()
        self.call_soon(_run_job, future, func, args)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Skip waiting: this loop has no pool, unless the program set one of its own."""
        self._executor_shutdown_called = True
        if self._default_executor is not None:
            self._default_executor.shutdown(wait=False)

    # Signals

    def add_signal_handler(
        self, sig: int, callback: Callable[[*Args], object], *args: *Args
    ) -> None:
        """Accepted; Ctrl-C keeps its own way through asyncio.Runner."""
        self.signal_handlers[sig] = (callback, args)

    def remove_signal_handler(self, sig: int) -> bool:
        """Whether there was one."""
        return self.signal_handlers.pop(sig, None) is not None

    # What BaseEventLoop asks of its selector

    def _process_events(self, event_list: Any) -> None:
        """No selector, no events."""

    def _write_to_self(self) -> None:
        """Do nothing: this loop has no selector to wake."""

    def remove_reader(self, fd: Any) -> bool:
        """There is never one."""
        return False

    def remove_writer(self, fd: Any) -> bool:
        """There is never one."""
        return False


def in_this_thread(new_loop: Callable[[], AnyLoop]) -> Callable[[], AnyLoop]:
    """Makes loops for the thread that asks now, and for simulated threads; refuses others."""
    owner = threading.get_ident()

    def make() -> AnyLoop:
        if (me := current()) is not None:
            guest: AnyLoop = me.program.new_loop()
            return guest
        if threading.get_ident() != owner:
            raise Escape(
                f"an event loop in another thread ({threading.current_thread().name}): threads run "
                "in real time, and this one would move the simulation's clock; use a task"
            )
        return new_loop()

    return make


def _run_job(future: asyncio.Future[Any], func: Callable[..., Any], args: tuple[Any, ...]) -> None:
    if future.cancelled():
        return
    try:
        result = func(*args)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


class _InOrder(WeakKeyDictionary[Any, None]):
    """A weak set that iterates in order of insertion (asyncio's own goes by address)."""

    def add(self, item: Any) -> None:
        self[item] = None

    def discard(self, item: Any) -> None:
        self.pop(item, None)


_REAL_WORLD = (
    "add_reader",
    "add_writer",
    "connect_accepted_socket",
    "connect_read_pipe",
    "connect_write_pipe",
    "create_datagram_endpoint",
    "create_unix_connection",
    "create_unix_server",
    "sock_accept",
    "sock_recv",
    "sock_recv_into",
    "sock_recvfrom",
    "sock_recvfrom_into",
    "sock_sendall",
    "sock_sendfile",
    "sock_sendto",
    "subprocess_exec",
    "subprocess_shell",
)


def _refusal(name: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise Escape(
            f"loop.{name} reaches for the real world, which a simulation has no part in; "
            "run this program in real time, or replace that part of it by a stand-in"
        )

    refuse.__name__ = name
    refuse.__doc__ = "Raises Escape."
    return refuse


for _name in _REAL_WORLD:
    setattr(IsolatedLoop, _name, _refusal(_name))
