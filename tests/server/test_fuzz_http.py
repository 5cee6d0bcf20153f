"""Bytes that are no HTTP: a status or a closed connection, never a 500, a traceback or a hang."""

from __future__ import annotations

import asyncio
import logging

import pytest
from hypothesis import HealthCheck, given, strategies as st

from failing_exchange import Binance, FailingExchange, simulate
from failing_exchange.core.auditor import audit
from tests.examples import examples

PATIENCE = 60.0  # virtual seconds for an answer
ORDER = (
    b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: abc\r\n"
    b"Content-Length: 20\r\n\r\nsymbol=BTCUSDT&a=b&c"
)
POST = b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\n"
SOCKET = b" /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
KEY = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
MALFORMED = {
    "no method": b"\x00\x01\x02\r\n\r\n",
    "no path": b"GET\r\n\r\n",
    "version": b"GET / HTTP/9.9\r\n\r\n",
    "header without a colon": b"GET /api/v3/time HTTP/1.1\r\nHost x\r\n\r\n",
    "long header": b"GET /api/v3/time HTTP/1.1\r\nA: " + b"b" * 20_000 + b"\r\n\r\n",
    "long path": b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
    "negative length": POST + b"Content-Length: -1\r\n\r\n",
    "huge length": POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "smuggled": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad chunk": POST + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n0\r\n\r\n",
    "no gzip": POST + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nabcde",
    "socket without a key": b"GET" + SOCKET + b"\r\n",
    "socket with a bad key": b"GET" + SOCKET + KEY.replace(b"dGhl", b"\xff\xfe"),
    "socket by POST": b"POST" + SOCKET + KEY,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_is_a_400(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """And one line in the log at most, without our frames and without what was sent."""
    with caplog.at_level(logging.DEBUG):
        (answer,) = answers([MALFORMED[name]])
    assert answer.split(b" ")[1] == b"400", answer
    assert b"\r\nServer: nginx\r\n" in answer
    assert answer.endswith(b'{"code":-1000,"msg":"Bad request."}')
    assert not [record for record in caplog.records if record.exc_info]


@examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(
    st.tuples(st.integers(0, len(ORDER) - 1), st.integers(0, 9), st.binary(max_size=5)),
    min_size=1, max_size=4,
))  # fmt: skip
def test_no_bytes_break_the_venue(
    caplog: pytest.LogCaptureFixture, changes: list[tuple[int, int, bytes]]
) -> None:
    """An order with bytes put in and left out, and the same connection's next request."""
    data = ORDER
    for at, left_out, put_in in changes:
        data = data[:at] + put_in + data[at + left_out :]
    for answer in answers([data, data + ORDER]):
        assert not answer.startswith(b"HTTP/1.1 500"), answer
        assert b"Traceback" not in answer
    assert not [record for record in caplog.records if record.exc_info]


def answers(sent: list[bytes]) -> list[bytes]:
    """What comes back for each, on a connection of its own; the ledger balances after all."""
    exchange = FailingExchange(latency=None)

    async def main() -> list[bytes]:
        found = [await ask(data) for data in sent]
        assert exchange.venue.engine is not None
        audit(exchange.venue.engine)
        return found

    return simulate(main(), venue=Binance(exchange))


async def ask(data: bytes) -> bytes:
    """The first that is answered; nothing where the connection ends, or the venue waits."""
    reader, writer = await asyncio.open_connection("api.binance.com", 443)
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(4_096), PATIENCE)
    except (ConnectionError, TimeoutError):  # a request that is not complete is waited for
        return b""
    finally:
        writer.close()
