"""Golden conversations: played anew they are the same, and their JSON has the documents' shape.

`pytest tests/venues/binance/test_transcripts.py --update-transcripts` records them again; look at
the diff before you commit it.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from failing_exchange.venues.binance.endpoints import BY_SOCKET, ENDPOINTS
from failing_exchange.venues.binance.stream_names import Kind, parse
from failing_exchange.venues.binance_common.ws_session import SESSION
from tests.venues.binance.documents import MANY, ROW, Unreadable, parse as parse_example, shape
from tests.venues.binance.transcript import HERE, Play, Said

FILES = sorted(HERE.glob("*.txt"))
SHAPES: dict[str, dict[str, Any]] = json.loads((HERE.parent / "shapes.json").read_text())
# rest-api.md, "Conditional fields in Order Responses"; user-data-stream.md, "Conditional Fields in
# Execution Report"; 2026-07-21: there when their condition is met
ORDER_FIELDS = {
    "icebergQty": "str", "preventedMatchId": "int", "preventedQuantity": "str",
    "stopPrice": "str", "strategyId": "int", "strategyType": "int", "trailingDelta": "int",
    "trailingTime": "int", "expiryReason": "str", "pegPriceType": "str", "pegOffsetType": "str",
    "pegOffsetValue": "int", "peggedPrice": "str",
}  # fmt: skip
# faqs/stp_faq.md: whom a new order has met, and whose amount it was that expired
MATCH_FIELDS: dict[str, Any] = {
    "preventedMatches": {
        MANY: [
            {"preventedMatchId": "int", "makerSymbol": "str", "makerOrderId": "int", "price": "str"}
        ]
    },
    "takerPreventedQuantity": "str", "makerPreventedQuantity": "str",
}  # fmt: skip
EVENT_FIELDS = {
    "d": "int", "D": "int", "j": "int", "J": "int", "v": "int", "W": "int",
    "gP": "str", "gOT": "str", "gOV": "int", "gp": "str",
}  # fmt: skip
CONDITIONAL = ORDER_FIELDS | MATCH_FIELDS | EVENT_FIELDS
NOT_HERE = ("sors",)  # there is no smart order routing, and production leaves it out then
NEVER = ("sor/", "sor.")  # what no market of this venue has
STREAMS = {  # those whose events have no type, by their section
    Kind.BOOK_TICKER: "Individual Symbol Book Ticker Streams",
    Kind.PARTIAL_DEPTH: "Partial Book Depth Streams",
}


@cache
def played(path: Path) -> Play:
    """A transcript, played once."""
    return Play(path.read_text(encoding="utf-8")).run()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_conversation_is_as_it_was_recorded(path: Path, pytestconfig: pytest.Config) -> None:
    """What a client is told changes only when somebody means it."""
    text = played(path).text
    if pytestconfig.getoption("--update-transcripts"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_a_play_finds_what_has_changed() -> None:
    """A transcript that says something else is not what is played."""
    text = (HERE / "general.txt").read_text(encoding="utf-8").replace('"UTC"', '"CET"', 1)
    assert played(HERE / "general.txt").text != text


# ---- nothing is forgotten


def said() -> list[Said]:
    """All that was said in all of them."""
    return [one for path in FILES for one in played(path).said]


def test_every_endpoint_appears() -> None:
    """A new endpoint needs a conversation."""
    met = {one.what for one in said() if one.status == 200}
    refused = {one.what for one in said()}
    for endpoint in ENDPOINTS:
        for name in filter(None, (endpoint.http, endpoint.socket)):
            never = any(part in name for part in NEVER)
            assert name in (refused if never else met), f"no transcript has {name}"
    assert SESSION.keys() <= refused | {"session.logon"}


def test_every_kind_of_stream_and_of_event_appears() -> None:
    """And each event that an account hears."""
    names = {name for path in FILES for name in _streams(path.read_text(encoding="utf-8"))}
    kinds = {found.kind for name in names if (found := parse(name)) is not None}
    assert kinds == set(Kind) - {Kind.SILENT}
    events = {one.body["e"] for one in said() if one.what == "event"}
    assert events == set(SHAPES["events"])


def _streams(text: str) -> list[str]:
    return [
        name
        for line in text.splitlines()
        if "?streams=" in line
        for name in line.partition("?streams=")[2].split("/")
    ]


# ---- shapes


def wrong(value: Any, shape: Any, where: str = "") -> str:
    """Where a value differs from a shape, or an empty text."""
    if shape == "null" or (value is None and shape in ("str", "int")):
        return ""  # the documents show one of the two
    if isinstance(shape, str):
        return "" if type(value).__name__ == shape else f"{where} is {value!r}, not a {shape}"
    if isinstance(value, list):
        return _wrong_list(value, shape, where)
    if not isinstance(value, dict) or MANY in shape or ROW in shape:
        return f"{where} is {value!r}"
    if "filterType" in value:
        shape = SHAPES["filters"][value["filterType"]]["shapes"][0]
    for name in [*value, *shape]:
        if name not in value and name not in CONDITIONAL and name not in NOT_HERE:
            return f"{where}.{name} is missing"
        if name not in shape and name not in CONDITIONAL:
            return f"{where}.{name} is in no example"
    for name, one in value.items():
        found = wrong(one, shape.get(name, CONDITIONAL.get(name)), f"{where}.{name}")
        if found:
            return found
    return ""


def _wrong_list(value: list[Any], shape: dict[str, Any], where: str) -> str:
    if ROW in shape:
        places = shape[ROW]
        if len(value) != len(places):
            return f"{where} has {len(value)} places, not {len(places)}"
        pairs = enumerate(zip(value, places, strict=True))
        found = [wrong(one, place, f"{where}[{n}]") for n, (one, place) in pairs]
        return next(filter(None, found), "")
    if MANY not in shape:
        return f"{where} is a list"
    known = [one for one in shape[MANY] if one != {}]  # {}: the example leaves it out
    for one in value if known else []:
        found = [wrong(one, each, f"{where}[]") for each in known]
        if all(found):
            return found[0]
    return ""


def shapes_of(one: Said) -> list[Any] | None:
    """The documented shapes of what was said; None where the documents show none."""
    if one.what in ("event", "stream", "control"):
        return None
    if one.what in SHAPES["rest"]:
        return list(SHAPES["rest"][one.what]["shapes"])
    row = SHAPES["socket"].get(one.what)
    if row is None:
        return None
    # the examples there leave out some forms; a result is what the REST API answers
    twin = SHAPES["rest"][BY_SOCKET[one.what].http]["shapes"] if one.what in BY_SOCKET else ()
    return [*row["shapes"], *twin]


def test_the_shape_of_each_answer_is_that_of_an_example() -> None:
    """Every key, and no other; every value of the documents' type."""
    checked = set()
    for one in said():
        shapes = shapes_of(one) if one.status == 200 else None
        if shapes is None:
            continue
        checked.add(one.what)
        found = [wrong(one.body, shape, one.what) for shape in shapes]
        assert not all(found), "\n".join(found)
    documented = SHAPES["rest"].keys() | SHAPES["socket"].keys()
    ours = {e.http for e in ENDPOINTS} | BY_SOCKET.keys()
    never = {name for name in documented if any(part in name for part in NEVER)}
    assert checked >= (documented & ours) - never, documented & ours - never - checked


def test_the_shape_of_each_event_is_that_of_an_example() -> None:
    """Market streams by their event type, or by their section; the account's by type."""
    checked = set()
    for one in said():
        if one.what == "event":
            name, table = one.body["e"], SHAPES["events"]
        elif one.what == "stream" and isinstance(one.body, dict):
            name, table = _section(one.body), SHAPES["streams"]
        else:
            continue
        checked.add(name)
        found = [wrong(one.body, shape, name) for shape in table[name]["shapes"]]
        assert not all(found), "\n".join(found)
    assert len(checked) > 14


def _section(body: dict[str, Any]) -> str:
    if "e" not in body:
        return STREAMS[Kind.BOOK_TICKER if "u" in body else Kind.PARTIAL_DEPTH]
    return "1hTicker" if body["e"] in ("4hTicker", "1dTicker") else str(body["e"])


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"serverTime": "1"}, "not a int"),
        ({}, "serverTime is missing"),
        ({"serverTime": 1, "zone": "UTC"}, "zone is in no example"),
        ([1], "is a list"),
        ({"serverTime": True}, "not a int"),
    ],
)
def test_a_wrong_shape_is_found(value: Any, says: str) -> None:
    """A comparison that can't fail compares nothing."""
    assert says in wrong(value, SHAPES["rest"]["GET /api/v3/time"]["shapes"][0])


def test_examples_are_read_kindly() -> None:
    """The documents' JSON has comments, trailing commas and omissions."""
    text = '{ // one\n "a": [ {"b": 1,}, ... ], /* two */ "c": null, "d": ["x", 1, 2.5] }'
    assert shape(parse_example(text)) == {
        "a": {MANY: [{"b": "int"}]}, "c": "null", "d": {ROW: ["str", "int", "float"]},
    }  # fmt: skip
    with pytest.raises(Unreadable):
        parse_example("if (x) {}")
