"""Listener for TCP and TLS: faults of connecting act here, before a byte is read."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from failing_exchange.faults.connection import ConnectionDamage
from failing_exchange.server.closing import close_with_reset, reset
from failing_exchange.venue.connection_events import connection_fault

if TYPE_CHECKING:
    from failing_exchange.journal.trip import Damage
    from failing_exchange.venue.venue import RunningVenue
    from failing_exchange.virtual.network import Step

BACKLOG_MAX = 1_024  # connections that wait to be accepted; the kernel refuses one more
HELLO_BYTES_MAX = 16_384  # of a handshake that is to fail; no more is read
BACK_OFF_MAX = 1.0  # seconds between two tries to accept, when file descriptors have run out
LOG_EVERY = 60.0  # seconds between two warnings that say so
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
CHECK_EVERY = 0.1  # seconds until a closed port checks whether it still has to be
ALERT = b"\x15\x03\x03\x00\x02\x02\x50"  # TLS: fatal, internal error
MISSING_FAMILY = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)

logger = logging.getLogger("failing_exchange.http")


class Listener:
    """Listens on one host and port, on the loop that it is opened in.

    On a real port the kernel has accepted a connection before a fault can refuse it: it is reset.
    A refusal that lasts closes the port until its time is over or the fault is disarmed.
    """

    def __init__(
        self,
        venue: RunningVenue,
        server: Callable[[], asyncio.Protocol],
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.port = port
        self._venue = venue
        self._server = server
        self._host = host
        self._tls = tls
        self._silent_until = float("-inf")  # no warning is logged before
        self._expired: ssl.SSLContext | None = None
        self._listeners: list[Any] = []
        self._tasks: dict[asyncio.Task[None], None] = {}

    async def open(self) -> None:
        """Listen. Raises OSError for an address that is taken or not of this machine."""
        loop = asyncio.get_running_loop()
        if hasattr(loop, "network"):
            listener: Any = await loop.create_server(self, self._host, self.port)
            listener.guard = self.guard
            self._listeners.append(listener)
            self.port = int(listener.sockets[0].getsockname()[1])
            return
        for sock in await _bound(self._host, self.port):
            self.port = int(sock.getsockname()[1])
            self._listeners.append(_TaskOf(self._begin(self._accept(sock))))

    def close(self) -> None:
        """Stop listening; open connections go on."""
        for task in list(self._tasks):
            task.cancel()
        self._shut()

    def _shut(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    def _begin(self, work: Any) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        return task

    # ---- new connections

    def __call__(self) -> asyncio.Protocol:
        """The protocol of a new connection."""
        if self._fault() is None:
            return self._server()
        return _Reset()

    def guard(self, step: Step) -> BaseException | None:
        """The error that a client of the simulation is raised when it connects."""
        damage = connection_fault(self._venue.gateway, step.value)
        return None if damage is None else _error(damage)

    def _fault(self) -> Damage | None:
        """The fault that strikes a connection that was accepted."""
        gateway, real = self._venue.gateway, not self._venue.clock.is_virtual
        if real and (damage := connection_fault(gateway, "connect")) is not None:
            if damage.kind is ConnectionDamage.REFUSE and damage.seconds:
                self._begin(self._stay_closed(damage.seconds))
            return damage
        return connection_fault(gateway, "accept")

    async def _stay_closed(self, seconds: float) -> None:
        """Close the port for some seconds."""
        loop, plan = asyncio.get_running_loop(), self._venue.plan
        if not self._listeners:
            return
        self._shut()
        until = loop.time() + seconds
        while loop.time() < until and plan.concerns("connect"):
            await asyncio.sleep(CHECK_EVERY)
        while not self._listeners:
            try:
                await self.open()
            except OSError:  # another process has taken it meanwhile
                await asyncio.sleep(CHECK_EVERY)

    # ---- accepting

    async def _accept(self, sock: socket.socket) -> None:
        """Accept connections; without free descriptors they wait in the backlog."""
        loop, wait = asyncio.get_running_loop(), CHECK_EVERY
        sock.setblocking(False)
        with sock:
            while True:
                try:
                    connection, _ = await loop.sock_accept(sock)
                except OSError as error:
                    if error.errno not in EXHAUSTED:  # a client that has left already
                        continue
                    self._log_exhaustion(error, loop.time())
                    await asyncio.sleep(wait)
                    wait = min(2 * wait, BACK_OFF_MAX)
                    continue
                wait = CHECK_EVERY
                self._begin(self._connect(connection))

    def _log_exhaustion(self, error: OSError, at: float) -> None:
        """Warn that connections have to wait, once a minute."""
        if at < self._silent_until:
            return
        self._silent_until = at + LOG_EVERY
        logger.warning(
            "no new connection can be accepted (%s): clients wait until others have left; "
            "raise the limit of open files (ulimit -n), or use fewer connections",
            error.strerror,
        )

    async def _connect(self, sock: socket.socket) -> None:
        if self._tls is not None:
            await self._handshake(sock, self._tls)
            return
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self, sock)
        except OSError:  # the client has left
            sock.close()

    async def _handshake(self, sock: socket.socket, tls: ssl.SSLContext) -> None:
        """Do the TLS handshake, or fail it as a fault says."""
        loop = asyncio.get_running_loop()
        try:
            if self._fault() is not None:
                close_with_reset(sock)
                sock.close()
                return
            damage = connection_fault(self._venue.gateway, "handshake")
            if damage is not None and damage.text != "certificate":
                await loop.sock_recv(sock, HELLO_BYTES_MAX)
                if damage.text == "alert":
                    await loop.sock_sendall(sock, ALERT)
                sock.close()
                return
            if damage is not None:
                from failing_exchange.server.certificate import context

                tls = self._expired = self._expired or context(expired=True)
            await loop.connect_accepted_socket(self._server, sock, ssl=tls)
        except OSError:  # the client does not accept the certificate, or has left
            sock.close()


class _TaskOf:
    """A listener that is a task."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task

    def close(self) -> None:
        """Stop listening."""
        self._task.cancel()


class _Reset(asyncio.Protocol):
    """A connection that is reset at once."""

    def connection_made(self, transport: Any) -> None:
        """Send RST."""
        reset(transport)


async def _bound(host: str, port: int) -> list[socket.socket]:
    """A socket for each address of a host, all at the same port."""
    loop, found = asyncio.get_running_loop(), list[socket.socket]()
    infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, address in dict.fromkeys((info[0], info[4][0]) for info in infos):
        try:
            sock = socket.create_server((str(address), port), family=family, backlog=BACKLOG_MAX)
        except OSError as error:
            if error.errno in MISSING_FAMILY and (found or len(infos) > 1):
                continue
            for other in found:
                other.close()
            raise
        port = int(sock.getsockname()[1])
        found.append(sock)
    if not found:
        raise OSError(errno.EADDRNOTAVAIL, "no such address here")
    return found


# ---- errors of clients in a simulation, as real libraries raise them


def _error(damage: Damage) -> BaseException:
    if damage.kind is ConnectionDamage.LOOKUP:
        return LOOKUP[damage.text]()
    if damage.kind is ConnectionDamage.HANDSHAKE:
        return HANDSHAKE[damage.text]()
    return ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed: Connection refused")


def _certificate() -> ssl.SSLError:
    error = ssl.SSLCertVerificationError(
        1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired"
    )
    error.reason, error.library = "CERTIFICATE_VERIFY_FAILED", "SSL"
    error.verify_code, error.verify_message = 10, "certificate has expired"
    return error


def _alert() -> ssl.SSLError:
    text = "[SSL: TLSV1_ALERT_INTERNAL_ERROR] tlsv1 alert internal error"
    error = ssl.SSLError(1, text)
    error.reason, error.library = "TLSV1_ALERT_INTERNAL_ERROR", "SSL"
    return error


LOOKUP: dict[str, Callable[[], BaseException]] = {
    "again": lambda: socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
    "unknown": lambda: socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
}
HANDSHAKE: dict[str, Callable[[], BaseException]] = {
    "alert": _alert,
    "eof": lambda: ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
    "certificate": _certificate,
}
