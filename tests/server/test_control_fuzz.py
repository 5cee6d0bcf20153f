"""Hostile input at the control API: each request is answered or refused, and none breaks it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from failing_exchange import FailingExchange, simulate
from failing_exchange.faults import operations as ops
from failing_exchange.faults.catalogue import CATALOGUE
from failing_exchange.faults.modes import FailureMode
from failing_exchange.server.control_api import ROUTES
from failing_exchange.server.control_server import ControlServer
from failing_exchange.server.http_reader import BODY_BYTES_MAX
from failing_exchange.venue.operator_incidents import FIELDS, INCIDENTS
from failing_exchange.venues.binance.venue import Binance

Raw = tuple[str, bytes, dict[str, bytes], bytes]  # method, target, headers, body

DEEP: Any = 1
for _ in range(500):
    DEEP = [DEEP]

NASTY = st.sampled_from([
    "", "BTC/USDT", "USDT", "main", "1e999999999", "-1", "0", "x" * 5_000, "~" * 100_000, "\x00",
    "nan", "inf", "9" * 5_000, "../../etc/passwd", "/dev/stdin", "lose_answer", "nth(1)", "é",
    "(" * 900, "10m", "nth(1)|" * 120 + "nth(1)", "http://127.0.0.1:1/", "http://[::1].evil/",
    1e308, -1e308, 1e20, 2**64, -(2**63), 10**18, 10**400, 0, 1, 0.5, True, None, [], {}, DEEP,
    {"a": DEEP}, ["x"], "buy",
    {"x": 1}, "[[faults]]\nkind = 'lose_answer'", "a." * 40_000 + "b = 1",
    "[[incidents]]\nat = 1e300\ndo = 'halt'", "markets = ['X/Y']", "maintenance = 5",
])  # fmt: skip
ANYTHING = NASTY | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(), part, max_size=4),
    max_leaves=8,
)
NAMES = sorted({name for route in ROUTES for name in route.takes} | set(FIELDS))
LIKELY: dict[str, Any] = {
    "kind": st.sampled_from(sorted(CATALOGUE)),
    "do": st.sampled_from(sorted(INCIDENTS)),
    "mode": st.sampled_from([str(mode) for mode in FailureMode]),
    "operations": st.lists(st.sampled_from(sorted(ops.ALL)), max_size=3),
    "symbol": st.just("BTC/USDT"),
    "asset": st.sampled_from(["BTC", "USDT"]),
    "fields": st.dictionaries(st.sampled_from(["seconds", "by", "lasts", "fields", "value", "fault",
                                               "self", "part", "price", "cost"]), ANYTHING),
}  # fmt: skip
BODIES = st.fixed_dictionaries(
    {}, optional={name: LIKELY.get(name, ANYTHING) | ANYTHING for name in NAMES}
)


QUERIES = st.sampled_from([
    "", "?after=1&limit=2", "?limit=" + "9" * 30, "?after=%ff&x", "?account=" + "x" * 3_000,
    "?limit=\udcff",
])  # fmt: skip
ODD_PATHS = st.sampled_from([
    "/rules/%ff%00", "/trips/9e9/explanation", "//", "/accounts/%2e", "/rules/" + "x" * 5_000,
    "/é\udcff", "/accounts/" + "9" * 999,
])  # fmt: skip
RAW_BODIES = st.binary(max_size=40) | st.sampled_from([
    b"", b"[" * 100_000, b'{"a":' * 50_000, b'"\\ud800"', b"1e999999999", b'{"do": 1e999}',
    b'{"kind": "\xff"}', b'{"name": "\\ud800"}',
])  # fmt: skip
HEADERS = st.dictionaries(
    st.sampled_from(["Authorization", "Origin", "X-Any", "Content-Encoding", "Expect", "Accept"]),
    st.sampled_from([b"", b"\xff\xfe", b"Bearer \xc3\x28", b"http://[::1].evil", b"http://[",
                     b"gzip", b"100-continue", b"null", b"x" * 4_000]),
    max_size=2,
)  # fmt: skip


@st.composite
def requests(draw: Any) -> Raw:
    """A request that is nearly right, or not at all."""
    route = draw(st.sampled_from(ROUTES))
    likely = st.just(route.path.replace("{name}", "main").replace("{number}", "1"))
    target = draw(st.one_of(likely, likely, likely, ODD_PATHS)) + draw(QUERIES)
    headers = draw(st.one_of(st.just({}), st.just({}), HEADERS))
    body = draw(BODIES.map(_json) | RAW_BODIES)
    return route.method, target.encode("utf-8", "surrogateescape"), headers, body


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


async def status_of(request: Raw) -> int:
    """The status of the answer to raw bytes; 0 where the connection ends without one."""
    method, target, headers, body = request
    reader, writer = await asyncio.open_connection("localhost", 8090)
    lines = [method.encode() + b" " + target.replace(b" ", b"%20") + b" HTTP/1.1",
             b"Host: localhost:8090", b"Connection: close",
             b"Content-Length: " + str(len(body)).encode()]  # fmt: skip
    lines += [name.encode() + b": " + value for name, value in headers.items()]
    writer.write(b"\r\n".join([*lines, b"", body]))
    answer = await reader.read()
    writer.close()
    if b"100 Continue" in answer[:30]:
        answer = answer.partition(b"\r\n\r\n")[2]
    return int(answer.split(b" ", 2)[1]) if answer else 0


async def answered(*asked: Raw) -> list[int]:
    """Ask a venue; afterwards it is sound, and its trips can be read."""
    venue = Binance(FailingExchange(latency=None))
    await venue.listen_in_simulation()
    venue.judge()
    door = ControlServer(venue)
    await door.listen("localhost", 8090)
    found = [await status_of(one) for one in asked]
    for path in (b"/health", b"/trips", b"/rules", b"/accounts/main"):
        assert await status_of(("GET", path, {}, b"")) == 200
    await asyncio.sleep(2)  # what an incident has left behind comes to light with time
    assert await status_of(("DELETE", b"/rules", {}, b"")) == 200
    ticker = await venue.exchange.fetch_ticker("BTC/USDT")
    assert ticker["symbol"] == "BTC/USDT"
    await door.close()
    await venue.close()
    return found


@settings(max_examples=25)
@given(asked=st.lists(requests(), min_size=5, max_size=20))
def test_no_input_is_answered_with_a_server_error(asked: list[Raw]) -> None:
    """Whatever is sent is the sender's mistake, or is done; the venue goes on."""
    assert all(200 <= status < 500 for status in simulate(answered(*asked)))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/rules", {"kind": "lose_answer", "when": "~" * 100_000}),
        ("/rules", {"kind": "lose_answer", "when": "~" * 900 + "always"}),
        ("/rules", {"kind": "lose_answer", "name": "x" * 5_000}),
        ("/rules", {"kind": "set_field", "fields": {"value": DEEP}}),
        ("/rules", {"kind": "x" * 100_000}),
        ("/rules", {"kind": "lose_answer", "operations": ["x" * 100_000]}),
        ("/rules", {"kind": "lose_answer", "fields": {"fault": 1}}),
        ("/incidents", {"do": "credit", "asset": "BTC", "amount": "1e999999999"}),
        ("/incidents", {"do": "credit", "asset": "BTC", "amount": 10**400}),
        ("/incidents", {"do": "change_rules", "symbol": "BTC/USDT", "cost_min": 1e308}),
        ("/incidents", {"do": "change_fees", "symbol": "BTC/USDT", "maker": 1e20}),
        ("/incidents", {"do": "move_price", "symbol": "BTC/USDT", "percent": 1e308}),
        ("/incidents", {"do": "cancel_orders", "symbol": None}),
        ("/scenario", {"name": "/dev/stdin"}),
        ("/scenario", {"name": "/etc/hostname"}),
        ("/scenario", {"name": "scenario.toml"}),
        ("/scenario", {"toml": "a." * 49_000 + "b = 1"}),
        ("/scenario", {"toml": "a = " + "[" * 50_000}),
        ("/modes", {"mode": "TIMEOUT", "probability": 1e300}),
    ],
)
def test_what_broke_it_once_is_refused(path: str, body: dict[str, Any]) -> None:
    """Each of these was a 500, opened a file, took gigabytes, or poisoned the venue."""
    asked = ("POST", path.encode(), dict[str, bytes](), _json(body))
    assert simulate(answered(asked)) == [400]


def test_a_body_that_is_too_long_is_refused() -> None:
    """By its length, before it is read."""
    body = b" " * (BODY_BYTES_MAX + 1)
    assert simulate(answered(("POST", b"/rules", {}, body))) == [413]
