"""A place where the venue is reached: who comes may be turned away before a word is read."""

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
    from failing_exchange.venue.venue import Venue
    from failing_exchange.virtual.network import Step

BACKLOG_MAX = 1_024  # connections that wait to be let in; the kernel refuses one more
HELLO_BYTES_MAX = 16_384  # of a handshake that is to fail; no more is read
BACK_OFF_MAX = 1.0  # seconds between two tries to accept, where there are no descriptors left
COMPLAIN_EVERY = 60.0  # seconds between two lines of the log that say so
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
LOOK_EVERY = 0.1  # seconds until a place that is deaf looks whether it still has to be
ALERT = b"\x15\x03\x03\x00\x02\x02\x50"  # TLS: fatal, internal error
MISSING_FAMILY = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)

logger = logging.getLogger("failing_exchange.http")


class Entrance:
    """One host and port. Bound to the loop that it is opened in.

    On a real port a refused connection has been let in by the kernel already: it is reset. When
    the fault lasts, nobody listens from then on, until its time is over or it is disarmed.
    """

    def __init__(
        self,
        venue: Venue,
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
        self._silent_until = float("-inf")  # no complaint is logged before
        self._expired: ssl.SSLContext | None = None
        self._listeners: list[Any] = []
        self._tasks: dict[asyncio.Task[None], None] = {}

    async def open(self) -> None:
        """Listen. Raises OSError for a place that is taken or not ours."""
        loop = asyncio.get_running_loop()
        if hasattr(loop, "network"):
            listener: Any = await loop.create_server(self, self._host, self.port)
            listener.guard = self.guard
            self._listeners.append(listener)
            self.port = int(listener.sockets[0].getsockname()[1])
            return
        for sock in await _bound(self._host, self.port):
            self.port = int(sock.getsockname()[1])
            self._listeners.append(_TaskOf(self._begin(self._let_in(sock))))

    def close(self) -> None:
        """Listen no more; open connections go on."""
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

    # ---- who comes

    def __call__(self) -> asyncio.Protocol:
        """What speaks with a new connection."""
        if self._harm() is None:
            return self._server()
        return _Reset()

    def guard(self, step: Step) -> BaseException | None:
        """What a client of the simulation is raised on its way here."""
        damage = connection_fault(self._venue.gateway, step.value)
        return None if damage is None else _error(damage)

    def _harm(self) -> Damage | None:
        """What becomes of a connection that is there."""
        gateway, real = self._venue.gateway, not self._venue.clock.is_virtual
        if real and (damage := connection_fault(gateway, "connect")) is not None:
            if damage.kind is ConnectionDamage.REFUSE and damage.seconds:
                self._begin(self._deaf(damage.seconds))
            return damage
        return connection_fault(gateway, "accept")

    async def _deaf(self, seconds: float) -> None:
        """Let nobody listen for a while."""
        loop, plan = asyncio.get_running_loop(), self._venue.plan
        if not self._listeners:
            return
        self._shut()
        until = loop.time() + seconds
        while loop.time() < until and plan.concerns("connect"):
            await asyncio.sleep(LOOK_EVERY)
        while not self._listeners:
            try:
                await self.open()
            except OSError:  # somebody else has taken it meanwhile
                await asyncio.sleep(LOOK_EVERY)

    # ---- letting in

    async def _let_in(self, sock: socket.socket) -> None:
        """Accept connections; where there are no descriptors left, they wait in the backlog."""
        loop, wait = asyncio.get_running_loop(), LOOK_EVERY
        sock.setblocking(False)
        with sock:
            while True:
                try:
                    connection, _ = await loop.sock_accept(sock)
                except OSError as error:
                    if error.errno not in EXHAUSTED:  # a client that has left already
                        continue
                    self._complain(error, loop.time())
                    await asyncio.sleep(wait)
                    wait = min(2 * wait, BACK_OFF_MAX)
                    continue
                wait = LOOK_EVERY
                self._begin(self._met(connection))

    def _complain(self, error: OSError, at: float) -> None:
        """Say once a minute that connections have to wait."""
        if at < self._silent_until:
            return
        self._silent_until = at + COMPLAIN_EVERY
        logger.warning(
            "no new connection can be accepted (%s): clients wait until others have left; "
            "raise the limit of open files (ulimit -n), or use fewer connections",
            error.strerror,
        )

    async def _met(self, sock: socket.socket) -> None:
        if self._tls is not None:
            await self._greet(sock, self._tls)
            return
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self, sock)
        except OSError:  # the client has left
            sock.close()

    async def _greet(self, sock: socket.socket, tls: ssl.SSLContext) -> None:
        """Shake hands, or not."""
        loop = asyncio.get_running_loop()
        try:
            if self._harm() is not None:
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
        except OSError:  # the client does not like what it was shown, or has left
            sock.close()


class _TaskOf:
    """A listener that is a task."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task

    def close(self) -> None:
        """Listen no more."""
        self._task.cancel()


class _Reset(asyncio.Protocol):
    """A connection that ends as soon as it is there."""

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


# ---- what clients of a simulation are raised, as the libraries of the real world do


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
