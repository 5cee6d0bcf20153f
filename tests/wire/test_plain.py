"""Plain requests are answered without aiohttp; nobody can tell who has read them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from failing_exchange import Binance, FailingExchange, simulate
from failing_exchange.server.http_connection import AHEAD_BYTES_MAX, KEEP_ALIVE
from failing_exchange.server.request_parser import FIELDS_KEPT_MAX, HEAD_BYTES_MAX, Heads, NotPlain

T = TypeVar("T")
TIME = b"GET /api/v3/time HTTP/1.1\r\nHost: x\r\n\r\n"
PING = b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n"
ORDER = (
    b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: abc\r\n"
    b"Content-Length: 20\r\n\r\nsymbol=BTCUSDT&a=b&c"
)
CHUNKED = (
    b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: abc\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n14\r\nsymbol=BTCUSDT&a=b&c\r\n0\r\n\r\n"
)
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Raw:
    """A connection that sends bytes and reads answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self) -> tuple[bytes, bytes]:
        """The next one: head and body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return head, await self.reader.readexactly(int(length or 0))


def on_a_line(story: Callable[[Raw, Binance], Awaitable[T]], latency: object = None) -> T:
    """A story of one connection, in virtual time."""
    venue = Binance(FailingExchange(latency=latency, background=False))

    async def main() -> T:
        raw = Raw(*await asyncio.open_connection("api.binance.com", 443))
        try:
            return await story(raw, venue)
        finally:
            raw.writer.close()

    return simulate(main(), venue=venue)


@pytest.mark.parametrize("data", [TIME, ORDER, CHUNKED])
@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_request_in_pieces_is_answered_like_a_whole_one(data: bytes, size: int) -> None:
    """A client may flush where it likes, and sends head and body apart more often than not."""

    async def story(raw: Raw, _: Binance) -> tuple[bytes, bytes]:
        for start in range(0, len(data), size):
            raw.writer.write(data[start : start + size])
            await asyncio.sleep(0)
        return await raw.answer()

    async def at_once(raw: Raw, _: Binance) -> tuple[bytes, bytes]:
        raw.writer.write(data)
        return await raw.answer()

    assert on_a_line(story) == on_a_line(at_once)


def test_a_plain_request_and_another_are_answered_alike() -> None:
    """Byte for byte, whoever has read them: an order with a bad key, whole and in chunks."""

    async def story(raw: Raw, _: Binance) -> list[tuple[set[bytes], bytes]]:
        found = []
        for data in (ORDER, CHUNKED):
            raw.writer.write(data)
            head, body = await raw.answer()
            found.append(({*head.split(b"\r\n")}, body))
        return found

    plain, other = on_a_line(story)
    assert plain[1] == other[1]
    weight = {line for line in plain[0] ^ other[0] if not line.startswith(b"x-mbx-used-weight")}
    assert not weight, weight


@pytest.mark.parametrize("latency", [None, 40.0])
def test_requests_sent_ahead_are_answered_in_order(latency: object) -> None:
    """Also where they wait, and where the one in the middle is for aiohttp."""

    async def story(raw: Raw, _: Binance) -> list[bytes]:
        raw.writer.write(PING + TIME + CHUNKED + TIME)
        return [(await raw.answer())[1][:8] for _ in range(4)]

    found = on_a_line(story, latency)
    assert [body[:6] for body in found] == [b"{}", b'{"serv', b'{"code', b'{"serv']


def test_more_than_fits_is_not_read_before_its_turn() -> None:
    """Five thousand requests in one write: all are answered, and few wait in our memory."""

    async def story(raw: Raw, _: Binance) -> int:
        raw.writer.write(PING * 5_000)
        found = 0
        while found < 5_000:
            found += (await raw.answer())[1] == b"{}"
        return found

    assert on_a_line(story, 1.0) == 5_000


@pytest.mark.parametrize("fault", ["", "delay_answer", "truncate_json"])
def test_a_connection_that_sent_too_much_at_once_is_read_again(fault: str) -> None:
    """After all its answers: also when they had to wait, or were damaged."""
    count = AHEAD_BYTES_MAX // len(PING) + 100

    async def story(raw: Raw, venue: Binance) -> int:
        if fault:
            venue.exchange.arm(fault)
        raw.writer.write(PING * count)
        for _ in range(count):
            await raw.answer()
        raw.writer.write(TIME)
        async with asyncio.timeout(60):
            head, _ = await raw.answer()
        return int(head.split()[1])

    assert on_a_line(story, 1.0) == 200


@pytest.mark.parametrize("data", [PING, CHUNKED], ids=["plain", "aiohttp"])
def test_requests_sent_at_once_have_a_turn_each(data: bytes) -> None:
    """Else whoever sends a thousand keeps everybody else waiting until all are answered."""
    count = 1_000

    async def story(raw: Raw, venue: Binance) -> int:
        other = Raw(*await asyncio.open_connection("api.binance.com", 443))
        raw.writer.write(data * count)
        other.writer.write(TIME)
        await other.answer()
        other.writer.close()
        answered = len(venue.exchange.journal.trips)
        for _ in range(count):
            await raw.answer()
        return answered

    assert on_a_line(story) < count / 10


def test_who_sends_and_does_not_read_is_not_read_either() -> None:
    """Else his requests would fill our memory; when he reads, all of them are answered."""
    count = 8_000

    async def story(raw: Raw, venue: Binance) -> int:
        for _ in range(count // 100):
            raw.writer.write(PING * 100)
            await asyncio.sleep(0)
        await asyncio.sleep(1)
        most = max(len(line._data) for line in venue._front._open)
        for _ in range(count):
            await raw.answer()
        return most

    assert on_a_line(story) < 2 * AHEAD_BYTES_MAX


def test_a_connection_may_become_a_websocket_later() -> None:
    """After requests that were plain, and with one still under way."""

    async def story(raw: Raw, venue: Binance) -> tuple[bytes, int]:
        raw.writer.write(TIME)
        await raw.answer()
        raw.writer.write(PING + UPGRADE)
        await raw.answer()
        head = await raw.reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(1)
        return head, len(venue.sockets.connections)

    head, open_now = on_a_line(story, 40.0)
    assert head.startswith(b"HTTP/1.1 101")
    assert open_now == 1


def test_a_client_that_leaves_undoes_nothing() -> None:
    """Its request goes on, and the journal says that nobody has heard the answer."""

    async def story(raw: Raw, venue: Binance) -> tuple[bool, bool]:
        raw.writer.write(TIME)
        await asyncio.sleep(0.05)
        raw.writer.close()
        await asyncio.sleep(5)
        trip = venue.exchange.journal.trips[-1]
        return trip.gave_up_at > 0, trip.ended_at > trip.gave_up_at

    assert on_a_line(story, 200.0) == (True, True)


def test_an_idle_connection_is_closed_in_the_end() -> None:
    """Not before its time, and each request begins it anew."""

    async def story(raw: Raw, _: Binance) -> float:
        loop, seconds = asyncio.get_running_loop(), KEEP_ALIVE / 1e9
        await asyncio.sleep(seconds - 10)
        raw.writer.write(TIME)
        await raw.answer()
        began = loop.time()
        assert await raw.reader.read() == b""
        return loop.time() - began - seconds

    assert abs(on_a_line(story)) < 1e-3


@pytest.mark.parametrize("order", [ORDER, CHUNKED])
def test_a_body_that_is_held_back_is_asked_for(order: bytes) -> None:
    """`Expect: 100-continue`: such a client waits for a word before it sends its body."""
    head, body = order.split(b"\r\n\r\n", 1)
    head += b"\r\nExpect: 100-Continue\r\n\r\n"

    async def story(raw: Raw, venue: Binance) -> list[bytes]:
        raw.writer.write(head)
        asked = await raw.reader.readuntil(b"\r\n\r\n")
        raw.writer.write(body)
        answer, said = await raw.answer()
        assert b'"code":-1102' in said  # it is not signed
        raw.writer.write(TIME)
        return [asked, answer.split(b"\r\n")[0], (await raw.answer())[0][:15]]

    assert on_a_line(story) == [
        b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 400 Bad Request", b"HTTP/1.1 200 OK",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (ORDER.replace(b"\r\nC", b"\r\nExpect: the-worst\r\nC"), b"HTTP/1.1 417"),
        (ORDER.replace(b"1.1", b"1.0").replace(b"\r\nC", b"\r\nExpect: x\r\nC"), b"HTTP/1.0 400"),
        (TIME.replace(b"x\r\n\r", b"x\r\nExpect: 100-continue\r\n\r"), b"HTTP/1.1 200"),
    ],
    ids=["unknown", "HTTP/1.0", "no body"],
)
def test_other_expectations_are_answered_at_once(head: bytes, status: bytes) -> None:
    """An unknown one can't be met, there were none in HTTP/1.0, and no body needs no asking."""

    async def story(raw: Raw, venue: Binance) -> bytes:
        raw.writer.write(head)
        return (await raw.answer())[0][:12]

    assert on_a_line(story) == status


def test_a_closing_venue_waits_a_moment_for_its_answers() -> None:
    """One that is nearly there arrives; one that is not does not hold it up."""

    async def story(raw: Raw, venue: Binance) -> tuple[bytes, float]:
        raw.writer.write(TIME)
        await asyncio.sleep(0.03)
        began = asyncio.get_running_loop().time()
        await venue.close()
        spent = asyncio.get_running_loop().time() - began
        return (await raw.reader.read())[:15], spent

    assert on_a_line(story, 100.0)[0] == b"HTTP/1.1 200 OK"
    answer, spent = on_a_line(story, 10_000.0)
    assert (answer, round(spent, 3)) == (b"", 0.1)


def test_a_bug_of_ours_is_a_500_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """In real time there is no run to end: the client must not wait for ever."""

    async def main() -> bytes:
        venue = Binance(FailingExchange(background=False))
        port = await venue.listen("127.0.0.1", 0)
        venue.exchange.venue.gateway.gates.append(broken)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(TIME)
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        with contextlib.suppress(Exception):
            await venue.close()
        return answer

    def broken(trip: object, at: int) -> None:
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR, "failing_exchange.http"):
        answer = asyncio.run(main())
    assert answer.startswith(b"HTTP/1.1 500")
    assert "Connection: close" in answer.decode()
    assert any(record.exc_info for record in caplog.records)


# ---- heads


@pytest.mark.parametrize(
    "data",
    [
        TIME.replace(b"GET", b"HEAD"),
        TIME.replace(b"1.1", b"1.0"),
        TIME.replace(b"/api", b"http://x/api"),
        TIME.replace(b"Host: x\r\n", b""),
        TIME.replace(b"x\r\n\r", b"x\r\nHost: y\r\n\r"),
        TIME.replace(b"x\r\n\r", b"x\r\n folded: y\r\n\r"),
        TIME.replace(b"x\r\n\r", b"x\r\nConnection: close\r\n\r"),
        TIME.replace(b"x\r\n\r", b"x\r\nA: \xff\r\n\r"),
        TIME.replace(b"x\r\n\r", b"x\nA: b\r\n\r"),
        TIME.replace(b"x\r\n\r", b"x\r\nExpect: 100-continue\r\n\r"),
        TIME.replace(b"Host", b"Host "),
        ORDER.replace(b"20\r", b"+20\r"),
        ORDER.replace(b"20\r", b"1048577\r"),
        b"\r\n" + TIME,
        b"GET /" + b"x" * HEAD_BYTES_MAX,
        b"GEX",
        b"\x16\x03\x01",
        b"GET / HTTP/2",
        CHUNKED,
        UPGRADE,
    ],
)
def test_what_is_not_plain_is_left_to_aiohttp(data: bytes) -> None:
    """Whatever could be read in two ways is read by a parser that is made for it."""
    with pytest.raises(NotPlain):
        Heads().read(data)


def test_what_is_plain_is_read_as_it_was_sent() -> None:
    """With names in lower case, and the body behind it."""
    head = Heads().read(
        b"DELETE /api/v3/order?a=%20b&c HTTP/1.1\r\nhost:x\r\nConnection: Keep-Alive\r\n"
        b"User-Agent:  a b\t \r\nX-Empty:\r\nContent-Length: 3\r\n\r\nabcGET"
    )
    assert head is not None
    assert (head.method, head.path, head.query) == ("DELETE", "/api/v3/order", "a=%20b&c")
    assert head.headers == {
        "host": "x", "connection": "Keep-Alive", "user-agent": "a b", "x-empty": "",
        "content-length": "3",
    }  # fmt: skip
    assert head.end - head.start == 3


def test_heads_remember_a_bounded_number_of_fields() -> None:
    """A client whose fields differ in each request must not fill the memory."""
    heads = Heads()
    for number in range(3 * FIELDS_KEPT_MAX):
        data = b"GET / HTTP/1.1\r\nHost: x\r\nX-Request: %d\r\n\r\n" % number
        found = heads.read(data)
        assert found is not None
        assert found.headers["x-request"] == str(number)
    assert len(heads._known) <= FIELDS_KEPT_MAX
