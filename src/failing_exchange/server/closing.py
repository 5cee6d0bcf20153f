"""How a connection ends: FIN, RST, or FIN from one side only."""

from __future__ import annotations

import socket
import struct
from typing import Any


def close(transport: Any) -> None:
    """FIN, after what was written."""
    transport.close()


def reset(transport: Any) -> None:
    """RST at once; nothing where the connection has ended already."""
    found = transport.get_extra_info("socket")
    if found is not None and found.fileno() >= 0:
        close_with_reset(found)
    transport.abort()


def close_with_reset(sock: Any) -> None:
    """Let a socket end with RST when it is closed."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def half_close(transport: Any) -> None:
    """FIN from this side only; TLS knows no such thing, and ends."""
    try:
        if transport.can_write_eof():
            transport.write_eof()
        else:
            transport.close()
    except OSError:  # the client has reset the connection meanwhile
        transport.abort()
