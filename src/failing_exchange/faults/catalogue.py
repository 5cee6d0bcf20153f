"""The catalogue: every fault by name, whom it concerns, and the incidents that it reproduces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple

from failing_exchange.errors import ConfigurationError
from failing_exchange.faults import (
    answer,
    body,
    fills,
    incident,
    lag,
    prices,
    races,
    refusals,
    request,
    restart,
    stream,
    told,
    wire,
    wire_connection,
    wire_socket,
)
from failing_exchange.faults import operations as ops
from failing_exchange.faults.fields import kind_name, spec_of
from failing_exchange.faults.modes import FailureMode
from failing_exchange.faults.plan import Fault
from failing_exchange.faults.rows import incidents_of
from failing_exchange.spelling import meant


class Entry(NamedTuple):
    """A row of the catalogue."""

    name: str
    kind: type[Any]
    group: str
    operations: tuple[str, ...]  # what it strikes when nobody says
    door: str = "process"  # from which door on it exists

    @property
    def says(self) -> str:
        """Its one sentence."""
        return (self.kind.__doc__ or "").strip()

    @property
    def incidents(self) -> list[str]:
        """The real incidents in which it has a part."""
        return incidents_of(self.name)


def _group(
    group: str, rows: dict[type[Any], tuple[str, ...]], door: str = "process"
) -> list[Entry]:
    return [
        Entry(kind_name(kind), kind, group, operations, door) for kind, operations in rows.items()
    ]


ROWS: list[Entry] = [
    *_group("the request", {
        request.LoseRequest: ops.CALLS,
        request.DelayRequest: ops.CALLS,
        request.RepeatRequest: ops.CHANGE,
        request.TimeOut: ops.CALLS,
        request.BreakConnection: ops.CALLS,
        request.UnknownOutcome: ops.CHANGE,
    }),
    *_group("refusals", {
        refusals.RejectRequest: ops.CALLS,
        refusals.RefuseReplacement: ("edit_order",),
        refusals.RateLimited: ops.CALLS,
        refusals.Ban: ops.CALLS,
        refusals.Maintenance: ops.CALLS,
        refusals.ClockSkew: (*ops.PRIVATE_CALLS, *ops.TIME),
    }),
    *_group("the answer", {
        answer.LoseAnswer: ops.CALLS,
        answer.DelayAnswer: ops.CALLS,
    }),
    *_group("false answers", {
        told.FalseReject: ops.CHANGE,
        told.PhantomSuccess: ops.PLACE,
        told.PhantomCancel: ops.CANCEL,
        told.PhantomId: ops.PLACE,
        told.ErrorInSuccess: ops.PLACE,
        told.ContradictoryOrder: (*ops.PLACE, *ops.CANCEL, *ops.ORDER_READS),
    }),
    *_group("damaged answers", {
        body.GarbleAnswer: ops.CALLS,
        body.NullAnswer: ops.CALLS,
        body.ReplyWithoutId: ops.PLACE,
        body.BareReply: ops.CANCEL,
        body.DropFields: (*ops.PLACE, *ops.CANCEL, *ops.ORDER_READS),
        body.NullFields: (*ops.PLACE, *ops.CANCEL, *ops.ORDER_READS),
        body.SetField: (*ops.PLACE, *ops.CANCEL, *ops.ORDER_READS),
    }),
    *_group("lagging views", {
        lag.StaleRead: ops.READS,
        lag.HideNewOrders: ops.ORDER_READS,
        lag.HideOrders: ops.ORDER_LISTS,
        lag.ListTwice: ops.ORDER_LISTS,
        lag.ZeroWallet: ops.BALANCE,
    }),
    *_group("cancels that meet fills", {
        races.FillBeatsCancel: ops.CANCEL,
        races.PartialFillBeatsCancel: ops.CANCEL,
        races.CanceledButFilled: ops.CANCEL,
        races.HoldAfterCancel: ops.CANCEL,
    }),
    *_group("incidents of orders", {
        fills.PartialFill: ops.PLACE,
        fills.SlipPrice: ops.PLACE,
        fills.FillAtOnce: ops.PLACE,
        fills.FillOrder: ops.CALLS,
        fills.ExpireOrder: ops.CALLS,
        fills.CancelByHand: ops.CALLS,
    }),
    *_group("the venue itself", {restart.VenueRestart: ops.ALL}),
    *_group("incidents of markets and accounts", {
        incident.HaltMarket: ops.CALLS,
        incident.JumpPrice: ops.CALLS,
        incident.ThinBook: ops.PLACE,
        incident.ChangeSteps: ops.PLACE,
        incident.RaiseMinimum: ops.PLACE,
        incident.NarrowBand: ops.PLACE,
        incident.LimitOrders: ops.PLACE,
        incident.ChangeFees: ops.PLACE,
        incident.LockFunds: ops.CALLS,
        incident.TakeFunds: ops.CALLS,
        incident.BustLastTrade: ops.CALLS,
    }),
    *_group("market data", {
        prices.NullTicker: ("fetch_ticker", "watch_ticker"),
        prices.ZeroPrice: ("fetch_ticker", "watch_ticker"),
        prices.CrossTicker: ("fetch_ticker", "watch_ticker"),
        prices.HideTickers: (*ops.TICKER_LISTS, "watch_tickers", "watch_bids_asks"),
        prices.FreezeMarketData: (*ops.MARKET_DATA, *ops.MARKET_FEEDS),
        prices.CrossBook: (*ops.BOOK, "watch_order_book"),
        prices.EmptyBook: (*ops.BOOK, "watch_order_book"),
        prices.GhostLevels: (*ops.BOOK, "watch_order_book"),
        prices.HideCandles: ops.CANDLES,
        prices.LateCandle: ops.CANDLES,
    }),
    *_group("feeds", {
        stream.LosePush: ops.FEEDS,
        stream.DelayPush: ops.FEEDS,
        stream.RepeatPush: ops.FEEDS,
        stream.MergePushes: ops.ACCOUNT_FEEDS,
        stream.SilenceFeed: ops.FEEDS,
        stream.EndSubscription: ops.ACCOUNT_FEEDS,
        stream.BreakFeed: ops.FEEDS,
    }),
    *_group("connections (on the wire only)", {
        wire_connection.FailLookup: ("resolve",),
        wire_connection.RefuseConnection: ("connect",),
        wire_connection.ResetOnAccept: ("accept",),
        wire_connection.FailHandshake: ("handshake",),
        wire_connection.RefuseUpgrade: ops.OPENING,
    }, door="wire"),
    *_group("the bytes of an answer (HTTP only)", dict.fromkeys((
        wire.ResetConnection, wire.CloseConnection, wire.HalfClose, wire.StallHead, wire.CutBody,
        wire.WrongLength, wire.BadChunk, wire.DripBody, wire.SendGarbage, wire.HtmlPage,
        wire.EmptyAnswer, wire.BrokenGzip, wire.TruncateJson,
    ), ops.CALLS), door="wire"),
    *_group("the frames of a feed (WebSocket only)", dict.fromkeys((
        wire_socket.BreakFrame, wire_socket.GarbleFrame, wire_socket.CloseSocket,
        wire_socket.StallSocket, wire_socket.CompressFrames, wire_socket.AnnounceShutdown,
    ), ops.FEEDS), door="wire"),
    *_group("the life of a WebSocket", {
        wire_socket.LosePings: ("send_ping", "answer_ping"),
        wire_socket.IgnorePongs: ("hear_pong",),
        wire_socket.AckWithoutData: ops.SUBSCRIBING,
        wire_socket.ReplayOnSubscribe: ("subscribe_account",),
    }, door="wire"),
]  # fmt: skip
OWN: dict[str, Entry] = {}  # faults of a user that this process has loaded, by path.py:Name
OWN_MAX = 100  # of them; one more is refused
CATALOGUE: dict[str, Entry] = {entry.name: entry for entry in ROWS}
_BY_KIND = {entry.kind: entry for entry in ROWS}


def make(name: str, **given: Any) -> Fault:
    """A fault by its name in the catalogue; raises ConfigurationError for what it doesn't know.

    >>> make("lose_answer")
    LoseAnswer()
    """
    return made_of(entry_of(name).kind, given, name)


def made_of(kind: type[Any], given: Mapping[str, Any], name: str = "") -> Fault:
    """A fault of a class, with values for its fields; raises ConfigurationError for others."""
    known = [one.name for one in fields(kind)] if is_dataclass(kind) else []
    for field in given:
        if field not in known:
            takes = ", ".join(known) or "no fields"
            raise ConfigurationError(
                f"{name or kind.__name__} has no field {field!r}{meant(field, known) or '.'} "
                f"It takes {takes}"
            )
    made: Fault = kind(**given)
    return made


def entry_of(name: str) -> Entry:
    """A row by its name; raises ConfigurationError with the nearest one for an unknown name."""
    entry = CATALOGUE.get(name) or OWN.get(name)
    if entry is None and is_own(str(name)):
        raise ConfigurationError(f"the fault {name!r} is not loaded: name it with --fault {name}")
    if entry is None:
        way_out = f"{meant(name, CATALOGUE) or '.'} `failing-exchange faults` lists them"
        if str(name).upper() in FailureMode.__members__:
            way_out = "; it is a failure mode: give it to set_failure_mode or add_failure_mode"
        raise ConfigurationError(f"no fault {str(name)!r} in the catalogue{way_out}")
    return entry


def is_own(name: str) -> bool:
    """Whether a name is that of a user's class, as path.py:Name."""
    return ":" in name


def adopt(name: str, kind: type[Any]) -> None:
    """Have a user's fault known by its path.py:Name, so that it can be armed and recorded."""
    OWN[name] = _BY_KIND[kind] = Entry(name, kind, "own", ops.CALLS)


def kind_of(fault: Fault) -> Entry:
    """The catalogue's row of a fault; one that is not in it concerns every operation."""
    kind = type(fault)
    return _BY_KIND.get(kind) or Entry(kind_name(kind), kind, "own", ())


def fields_of(fault: Fault) -> dict[str, Any]:
    """The fields of a fault as plain values, so that `make(name, **fields)` makes it again."""
    return {one.name: getattr(fault, one.name) for one in fields(fault)}  # type: ignore[arg-type]


def describe(name: str | None = None) -> str:
    """The catalogue as text: all of it by groups, or one fault with its fields."""
    return "\n".join(_list() if name is None else _explain(entry_of(name)))


def _list() -> Iterator[str]:
    group, width = "", max(len(entry.name) for entry in ROWS)
    for entry in ROWS:
        if entry.group != group:
            yield f"{'' if not group else chr(10)}{entry.group}"
            group = entry.group
        yield f"  {entry.name:<{width}}  {entry.says}"


def _explain(entry: Entry) -> Iterator[str]:
    yield f"{entry.name} ({entry.group})\n  {entry.says}"
    for one in fields(entry.kind):
        spec, default = spec_of(one), one.default
        shown = str(default) if isinstance(default, str) else default
        yield f"  {one.name} = {shown!r}: {spec.says} ({spec.unit})"
    yield f"  strikes, unless told otherwise: {', '.join(entry.operations)}"
    if entry.incidents:
        yield f"  seen as: {', '.join(entry.incidents)}"


__all__ = ["CATALOGUE", "Entry", "describe", "entry_of", "fields_of", "kind_of", "make"]
