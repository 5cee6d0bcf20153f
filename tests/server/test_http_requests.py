"""HTTP requests over a connection: in pieces, sent ahead, chunked, held back, never whole."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import gzip
import logging
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from failing_exchange import Binance, FailingExchange, simulate
from failing_exchange.server.http_connection import KEEP_ALIVE, READ_AHEAD_BYTES_MAX
from failing_exchange.server.http_reader import (
    BODY_BYTES_MAX,
    HEAD_BYTES_MAX,
    HEADS,
    HEADS_KEPT_MAX,
    LINE_BYTES_MAX,
    PARSED_BYTES_MAX,
    QUERY_BYTES_MAX,
    RequestReader,
    Terms,
)
from failing_exchange.server.messages import Request
from tests.sources import modules, tree

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


def test_a_body_of_known_length_and_one_in_chunks_are_answered_alike() -> None:
    """Byte for byte: an order with a bad key, whole and in chunks."""

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
    """Also where they wait, and where the one in the middle comes in chunks."""

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
    count = READ_AHEAD_BYTES_MAX // len(PING) + 100

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


@pytest.mark.parametrize("data", [PING, CHUNKED], ids=["plain", "chunked"])
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
        most = max(len(line._data) for line in venue._http.open)
        for _ in range(count):
            await raw.answer()
        return most

    assert on_a_line(story) < 2 * READ_AHEAD_BYTES_MAX


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


# ---- the reader


def read(*parts: bytes, upgrades: bool = True) -> list[tuple[Request, Terms]]:
    """The requests that are read of bytes that arrive in these parts."""
    reader = RequestReader("127.0.0.1", upgrades=upgrades)
    for part in parts:
        for start in range(0, len(part), PARSED_BYTES_MAX):
            reader.feed(part[start : start + PARSED_BYTES_MAX])
    found = list(reader.received)
    reader.close()
    return found


def terms(*parts: bytes, upgrades: bool = True) -> list[Terms]:
    """On which terms they are answered."""
    return [found for _, found in read(*parts, upgrades=upgrades)]


def bodies(*parts: bytes, upgrades: bool = True) -> list[bytes]:
    """What they carry."""
    return [request.body for request, _ in read(*parts, upgrades=upgrades)]


def test_a_request_is_read_as_it_was_sent() -> None:
    """With names in lower case, values without the space around them, and its body."""
    ((request, how),) = read(
        b"DELETE /api/v3/order?a=%20b&c HTTP/1.1\r\nhost:x\r\nConnection: Keep-Alive\r\n"
        b"User-Agent:  a b\t \r\nX-Empty:\r\nX-Bytes: \xff\r\nContent-Length: 3\r\n\r\nabcGET"
    )
    assert (request.method, request.path, request.query) == ("DELETE", "/api/v3/order", "a=%20b&c")
    assert request.headers == {
        "host": "x", "connection": "Keep-Alive", "user-agent": "a b", "x-empty": "",
        "x-bytes": "\udcff", "content-length": "3",
    }  # fmt: skip
    assert (request.body, request.host, how) == (b"abc", "x", Terms())


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (TIME.replace(b"x\r\n\r", b"x\r\n folded: y\r\n\r"), 400),
        (TIME.replace(b"x\r\n\r", b"x\nA: b\r\n\r"), 400),
        (TIME.replace(b"Host", b"Host "), 400),
        (TIME.replace(b"x\r\n\r", b"x\r\nHost: y\r\n\r"), 400),
        (TIME.replace(b"1.1", b"2.0"), 400),
        (TIME.replace(b"GET", b"CONNECT").replace(b"/api/v3/time", b"x:443"), 400),
        (ORDER.replace(b"20\r", b"+20\r"), 400),
        (b"GET /" + b"x" * LINE_BYTES_MAX + b" HTTP/1.1\r\n\r\n", 400),
        (TIME[:-2] + (b"A: " + b"b" * 8_000 + b"\r\n") * 9 + b"\r\n", 400),
        (ORDER.replace(b"20\r", b"%d\r" % (BODY_BYTES_MAX + 1)), 413),
        (b"GEX", 400),
        (b"\x16\x03\x01", 400),
        (UPGRADE.replace(b"1.1", b"1.0"), 400),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(data: bytes, status: int) -> None:
    """And nothing behind it is read: it may be half of something else."""
    (found,) = terms(data, TIME)
    assert found.status == status
    assert found.reason


def test_a_body_that_grows_too_long_in_chunks_or_unpacked_is_refused() -> None:
    """Its length is not known before; no more than the limit is kept."""
    head = CHUNKED[: CHUNKED.index(b"14\r\n")]
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    assert [one.status for one in terms(head, *[chunk] * 17)] == [413]
    for pack in (zlib.compress, gzip.compress):
        packed = pack(b"x" * (BODY_BYTES_MAX + 1))
        encoding = b"gzip" if pack is gzip.compress else b"deflate"
        head = b"POST / HTTP/1.1\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n"
        found = terms(head % (encoding, len(packed)) + packed)
        assert [one.status for one in found] == [413]
        packed = pack(b"side=BUY")
        assert bodies(head % (encoding, len(packed)) + packed) == [b"side=BUY"]


@pytest.mark.parametrize("start", [b"GET /", TIME[:-2] + b"A: "])
def test_a_head_that_does_not_end_is_refused(start: bytes) -> None:
    """In many small parts, too: else it would fill the memory."""
    found = terms(start, *[b"x" * 1_024] * (HEAD_BYTES_MAX // 1_024 + 1))
    assert [one.status for one in found] == [400]


def test_fields_behind_a_chunked_body_are_not_taken_for_fields_of_a_request() -> None:
    """A trailer could give a request, or the next one, another key."""
    order = CHUNKED[:-2] + b"X-MBX-APIKEY: evil\r\n\r\n"
    found = [one.headers.get("x-mbx-apikey") for one, _ in read(order + TIME)]
    assert found == ["abc", None]


@pytest.mark.parametrize("upgrades", [True, False])
def test_other_protocols_than_websocket_are_not_upgraded_to(upgrades: bool) -> None:
    """Some clients ask for HTTP/2 with each request; its body and what follows are HTTP/1.1."""
    order = ORDER.replace(b"\r\nC", b"\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nC")
    sent, body = order + TIME + order, b"symbol=BTCUSDT&a=b&c"
    assert bodies(sent, upgrades=upgrades) == [body, b"", body]
    assert terms(sent, upgrades=upgrades) == [Terms()] * 3
    assert [one.upgrade for one in terms(UPGRADE, upgrades=upgrades)] == [upgrades]


def test_the_last_request_of_a_connection_is_the_last() -> None:
    """`Connection: close`, and HTTP/1.0 unless it says otherwise."""
    closing = TIME.replace(b"x\r\n\r", b"x\r\nConnection: close\r\n\r")
    old = TIME.replace(b"1.1", b"1.0")
    kept = old.replace(b"x\r\n\r", b"x\r\nConnection: keep-alive\r\n\r")
    assert [one.keep_alive for one in terms(kept + TIME + closing + TIME, TIME)] == [
        True, True, False,
    ]  # fmt: skip
    assert [one.keep_alive for one in terms(old + TIME)] == [False]


@pytest.mark.parametrize(
    ("data", "start", "end"),
    [
        (TIME.replace(b"x\r\n\r", b"x\r\nConnection: close\r\n\r"), b"HTTP/1.1 200", b"}"),
        (TIME.replace(b"1.1", b"1.0"), b"HTTP/1.0 200", b"}"),
        (TIME.replace(b"GET", b"HEAD"), b"HTTP/1.1 404", b"\r\n\r\n"),
        (ORDER.replace(b"20\r", b"1048577\r"), b"HTTP/1.1 413", b'"Bad request."}'),
    ],
)
def test_a_connection_is_closed_behind_its_last_reply(
    data: bytes, start: bytes, end: bytes
) -> None:
    """The client reads to the end, and is not left waiting."""

    async def story(raw: Raw, _: Binance) -> bytes:
        raw.writer.write(
            data + (TIME if b"HEAD" not in data else data.replace(b"Host: x", b"Connection: close"))
        )
        async with asyncio.timeout(60):
            return await raw.reader.read()

    found = on_a_line(story)
    assert found.startswith(start)
    assert found.endswith(end)
    assert (b"\r\nConnection: close\r\n" in found) is found.startswith(b"HTTP/1.1")


def test_a_held_back_body_behind_another_request_is_asked_for_in_its_turn() -> None:
    """The word for it must not come before the reply to the request in front."""
    head, body = ORDER.split(b"\r\n\r\n", 1)

    async def story(raw: Raw, _: Binance) -> list[bytes]:
        raw.writer.write(TIME + head + b"\r\nExpect: 100-continue\r\n\r\n")
        found = [(await raw.answer())[0][:15]]
        found.append(await raw.reader.readuntil(b"\r\n\r\n"))
        raw.writer.write(body)
        return [*found, (await raw.answer())[0][:12]]

    assert on_a_line(story, 40.0) == [
        b"HTTP/1.1 200 OK", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 400",
    ]  # fmt: skip


# ---- heads that came before


def taken(*parts: bytes, upgrades: bool = True) -> list[tuple[Request, Terms]]:
    """The requests of a connection that is answered one at a time, as `read` gives them."""
    reader = RequestReader("127.0.0.1", upgrades=upgrades)
    found, waiting = [], b""
    for part in parts:
        waiting += part
        for _ in range(len(waiting) + 1):
            waiting = reader.read(waiting)
            if not reader.received:
                break
            found.append(reader.received.popleft())
    reader.close()
    return found


ZIPPED = gzip.compress(b"symbol=BTCUSDT&a=b&c", mtime=0)
REPEATED = [
    TIME, ORDER, CHUNKED, UPGRADE, TIME.replace(b"GET", b"HEAD"), TIME.replace(b"1.1", b"1.0"),
    TIME.replace(b"Host: x", b"Host: x\r\nConnection: close"), TIME.replace(b"Host: x", b"Host"),
    UPGRADE.replace(b"websocket", b"h2c"), ORDER.replace(b": 20", b": -1"),
    ORDER.replace(b"Content", b"Expect: 100-continue\r\nContent"),
    TIME.replace(b"Host: x", b"Host: x\r\nContent-Encoding: gzip\r\nContent-Length: %d"
                 % len(ZIPPED)) + ZIPPED,
]  # fmt: skip


@pytest.mark.parametrize("data", REPEATED)
def test_a_request_is_read_the_second_time_as_it_was_the_first_time(data: bytes) -> None:
    """Its head is not parsed again; the client must not notice, whatever it sends how."""
    HEADS.clear()
    first = taken(data, upgrades=False)
    assert taken(data) == read(data)  # also where another server has read it before
    for parts in (
        [data],
        [data[:-1], data[-1:]],
        [data[:9], data[9:]],
        [data[i : i + 1] for i in range(len(data))],
    ):
        assert taken(*parts, upgrades=False) == first
    if first[0][1] == Terms():
        assert taken(TIME, data, data, upgrades=False) == [*taken(TIME), *first, *first]
        assert taken(data + data + TIME + data, upgrades=False)[3:] == first


def test_a_body_that_looks_like_a_known_request_is_a_body() -> None:
    """Else one client could send requests in the name of another that a proxy lets in."""
    HEADS.clear()
    assert len(taken(TIME, PING)) == len(HEADS) == 2
    head = b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(TIME)
    for parts in ([head, TIME, PING], [head[:30], head[30:] + TIME, PING], [head + TIME + PING]):
        assert [request.body for request, _ in taken(*parts)] == [TIME, b""]
    assert [how.status for _, how in taken(b"X", TIME)] == [400]
    assert [how.status for _, how in taken(TIME, b"\r\nX", TIME)] == [0, 400]


def test_of_the_heads_that_came_only_the_last_are_remembered() -> None:
    """A client that never repeats itself would fill the memory."""
    HEADS.clear()
    for number in range(HEADS_KEPT_MAX + 3):
        assert len(taken(TIME.replace(b"time", b"%d" % number))) == 1
    assert len(HEADS) == HEADS_KEPT_MAX
    assert TIME.replace(b"time", b"2") not in HEADS
    assert TIME.replace(b"time", b"3") in HEADS
    HEADS.clear()
    taken(TIME.replace(b"Host", b"A: " + b"a" * PARSED_BYTES_MAX + b"\r\nHost"))
    taken(TIME.replace(b"time", b"time?" + b"a" * (QUERY_BYTES_MAX + 1)))
    assert not HEADS


def test_one_library_reads_http_and_aiohttp_is_a_client_only() -> None:
    """Two servers would differ in what they accept; `aiohttp.web` also takes long to load."""

    def imports(path: Path) -> set[str]:
        found = set()
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
        return found

    found = {name: imports(path) for name, path in modules().items()}
    web = [name for name, names in found.items() if "aiohttp.web" in names]
    reading = {name for name, names in found.items()
               if any(one.startswith("httptools") for one in names)}  # fmt: skip
    serving = {name for name, names in found.items()
               if name.startswith("server.") and "aiohttp" in names}  # fmt: skip
    assert web == []
    assert reading == {"server.http_reader"}
    assert serving == {"server.belief_poller"}
