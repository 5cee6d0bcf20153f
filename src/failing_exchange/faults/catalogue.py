"""The catalogue: every fault by name, its operations, and the real incidents it reproduces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import ModuleType
from typing import Any, NamedTuple

from failing_exchange.errors import ConfigurationError
from failing_exchange.faults import (
    cancel_races,
    connection,
    contract_faults,
    damaged_answers,
    delivery,
    false_answers,
    feeds,
    fills,
    http,
    incidents,
    market_data_faults,
    operations as ops,
    rejections,
    stale_reads,
    websocket_faults,
)
from failing_exchange.faults.fields import kind_name, spec_of
from failing_exchange.faults.known_incidents import incidents_of
from failing_exchange.faults.modes import FailureMode
from failing_exchange.faults.plan import Fault
from failing_exchange.text.spelling import did_you_mean


class Entry(NamedTuple):
    """A row of the catalogue."""

    name: str
    kind: type[Any]
    group: str
    operations: tuple[str, ...]  # what it strikes unless it is armed on others
    scope: str = "process"  # "wire": it exists on the wire only; "process": everywhere

    @property
    def says(self) -> str:
        """The sentence of its docstring."""
        return (self.kind.__doc__ or "").strip()

    @property
    def incidents(self) -> list[str]:
        """The real incidents in which it has a part."""
        return incidents_of(self.name)


def _group(
    group: str, rows: dict[type[Any], tuple[str, ...]], scope: str = "process"
) -> list[Entry]:
    return [
        Entry(kind_name(kind), kind, group, operations, scope) for kind, operations in rows.items()
    ]


def _in(module: ModuleType) -> list[type[Any]]:
    """The faults of a module, in its order."""
    own = [
        one for one in vars(module).values() if getattr(one, "__module__", "") == module.__name__
    ]
    return [one for one in own if isinstance(one, type) and is_dataclass(one)]


LIFE: dict[type[Any], tuple[str, ...]] = {
    websocket_faults.LosePings: ("send_ping", "answer_ping"),
    websocket_faults.IgnorePongs: ("hear_pong",),
    websocket_faults.AckWithoutData: ops.SUBSCRIBING,
    websocket_faults.ReplayOnSubscribe: ("subscribe_account",),
}
ROWS: list[Entry] = [
    *_group("the request", {
        delivery.LoseRequest: ops.CALLS,
        delivery.DelayRequest: ops.CALLS,
        delivery.RepeatRequest: (*ops.CHANGE, *ops.SETTINGS),
        delivery.TimeOut: ops.CALLS,
        delivery.BreakConnection: ops.CALLS,
        delivery.UnknownOutcome: (*ops.CHANGE, *ops.SETTINGS),
    }),
    *_group("refusals", {
        rejections.RejectRequest: ops.CALLS,
        rejections.RefuseReplacement: ("edit_order",),
        rejections.RateLimited: ops.CALLS,
        rejections.Ban: ops.CALLS,
        rejections.Maintenance: ops.CALLS,
        rejections.ClockSkew: (*ops.PRIVATE_CALLS, *ops.TIME),
    }),
    *_group("the answer", {
        delivery.LoseAnswer: ops.CALLS,
        delivery.DelayAnswer: ops.CALLS,
    }),
    *_group("false answers", {
        false_answers.FalseReject: (*ops.CHANGE, *ops.SETTINGS),
        false_answers.PhantomSuccess: ops.PLACE,
        false_answers.PhantomCancel: ops.CANCEL,
        false_answers.PhantomId: ops.PLACE,
        false_answers.ErrorInSuccess: ops.PLACE,
        false_answers.ContradictoryOrder: (*ops.PLACE, *ops.CANCEL, *ops.ORDER_READS),
    }),
    *_group("damaged answers", {
        damaged_answers.GarbleAnswer: ops.CALLS,
        damaged_answers.NullAnswer: ops.CALLS,
        damaged_answers.ReplyWithoutId: ops.PLACE,
        damaged_answers.BareReply: ops.CANCEL,
        damaged_answers.DropFields: (*ops.PLACE, *ops.CANCEL, *ops.ORDER_READS),
        damaged_answers.NullFields: (*ops.PLACE, *ops.CANCEL, *ops.ORDER_READS),
        damaged_answers.SetField: (*ops.PLACE, *ops.CANCEL, *ops.ORDER_READS),
    }),
    *_group("lagging views", {
        stale_reads.StaleRead: ops.READS,
        stale_reads.HideNewOrders: ops.ORDER_READS,
        stale_reads.HideOrders: ops.ORDER_LISTS,
        stale_reads.ListTwice: ops.ORDER_LISTS,
        stale_reads.ZeroWallet: ops.BALANCE,
    }),
    *_group("cancels that meet fills", {
        cancel_races.FillBeatsCancel: ops.CANCEL,
        cancel_races.PartialFillBeatsCancel: ops.CANCEL,
        cancel_races.CanceledButFilled: ops.CANCEL,
        cancel_races.HoldAfterCancel: ops.CANCEL,
    }),
    *_group("incidents of orders", {
        fills.PartialFill: ops.PLACE,
        fills.SlipPrice: ops.PLACE,
        fills.FillAtOnce: ops.PLACE,
        fills.FillOrder: ops.CALLS,
        fills.ExpireOrder: ops.CALLS,
        fills.CancelByHand: ops.CALLS,
    }),
    *_group("the venue itself", {incidents.VenueRestart: ops.ALL}),
    *_group("incidents of markets and accounts", {
        incidents.HaltMarket: ops.CALLS,
        incidents.JumpPrice: ops.CALLS,
        incidents.ThinBook: ops.PLACE,
        incidents.ChangeSteps: ops.PLACE,
        incidents.RaiseMinimum: ops.PLACE,
        incidents.NarrowBand: ops.PLACE,
        incidents.LimitOrders: ops.PLACE,
        incidents.ChangeFees: ops.PLACE,
        incidents.LockFunds: ops.CALLS,
        incidents.TakeFunds: ops.CALLS,
        incidents.BustLastTrade: ops.CALLS,
    }),
    *_group("contracts", {
        contract_faults.ForceClose: ops.CALLS,
        contract_faults.HideForcedClose: ops.ACCOUNT_FEEDS,
        contract_faults.LoseTrigger: ops.ACCOUNT_FEEDS,
        contract_faults.PayFundingNow: ops.CALLS,
        contract_faults.DelayFunding: (*ops.ACCOUNT_FEEDS, *ops.INCOME_READS),
        contract_faults.RepeatFunding: (*ops.ACCOUNT_FEEDS, *ops.INCOME_READS),
        contract_faults.SpikeMark: ops.CALLS,
        contract_faults.CacheReads: (*ops.POSITION_READS, *ops.BALANCE),
        contract_faults.ListPositionTwice: ops.POSITION_READS,
        contract_faults.RefuseLeverage: ops.SETTINGS,
        contract_faults.RefuseStop: ops.PLACE,
        contract_faults.RefuseReduceOnly: ops.PLACE,
        contract_faults.Overload: ops.PLACE,
    }),
    *_group("market data", {
        market_data_faults.NullTicker: ("fetch_ticker", "watch_ticker"),
        market_data_faults.ZeroPrice: ("fetch_ticker", "watch_ticker"),
        market_data_faults.CrossTicker: ("fetch_ticker", "watch_ticker"),
        market_data_faults.HideTickers: (*ops.TICKER_LISTS, "watch_tickers", "watch_bids_asks"),
        market_data_faults.FreezeMarketData: (*ops.MARKET_DATA, *ops.MARKET_FEEDS),
        market_data_faults.CrossBook: (*ops.BOOK, "watch_order_book"),
        market_data_faults.EmptyBook: (*ops.BOOK, "watch_order_book"),
        market_data_faults.GhostLevels: (*ops.BOOK, "watch_order_book"),
        market_data_faults.HideCandles: ops.CANDLES,
        market_data_faults.LateCandle: ops.CANDLES,
    }),
    *_group("feeds", {
        feeds.LosePush: ops.FEEDS,
        feeds.DelayPush: ops.FEEDS,
        feeds.RepeatPush: ops.FEEDS,
        feeds.MergePushes: ops.ACCOUNT_FEEDS,
        feeds.SilenceFeed: ops.FEEDS,
        feeds.EndSubscription: ops.ACCOUNT_FEEDS,
        feeds.BreakFeed: ops.FEEDS,
    }),
    *_group("connections (on the wire only)", {
        connection.FailLookup: ("resolve",),
        connection.RefuseConnection: ("connect",),
        connection.ResetOnAccept: ("accept",),
        connection.FailHandshake: ("handshake",),
        connection.RefuseUpgrade: ops.OPENING,
    }, scope="wire"),
    *_group(
        "the bytes of an answer (HTTP only)", dict.fromkeys(_in(http), ops.CALLS), scope="wire"
    ),
    *_group("the frames of a feed (WebSocket only)", dict.fromkeys(
        [kind for kind in _in(websocket_faults) if kind not in LIFE], ops.FEEDS
    ), scope="wire"),
    *_group("the life of a WebSocket", LIFE, scope="wire"),
]  # fmt: skip
OWN: dict[str, Entry] = {}  # faults of a user that this process has loaded, by path.py:Name
OWN_MAX = 100  # of them; one more is refused
CATALOGUE: dict[str, Entry] = {entry.name: entry for entry in ROWS}
_BY_KIND = {entry.kind: entry for entry in ROWS}


def make(name: str, **given: Any) -> Fault:
    """Make a fault by its name; raise ConfigurationError for an unknown name or field.

    >>> make("lose_answer")
    LoseAnswer()
    """
    return made_of(entry_of(name).kind, given, name)


def made_of(kind: type[Any], given: Mapping[str, Any], name: str = "") -> Fault:
    """A fault of a class, with values for its fields; raises ConfigurationError for others."""
    known = [one.name for one in fields(kind)] if is_dataclass(kind) else []
    for field in given:
        if field not in known:
            near, takes = did_you_mean(field, known) or ".", ", ".join(known) or "no fields"
            raise ConfigurationError(
                f"{name or kind.__name__} has no field {field!r}{near} It takes {takes}"
            )
    made: Fault = kind(**given)
    return made


def entry_of(name: str) -> Entry:
    """A row by its name; raises ConfigurationError with the nearest one for an unknown name."""
    entry = CATALOGUE.get(name) or OWN.get(name)
    if entry is None and is_own(str(name)):
        raise ConfigurationError(f"the fault {name!r} is not loaded: name it with --fault {name}")
    if entry is None:
        way_out = f"{did_you_mean(name, CATALOGUE) or '.'} `failing-exchange faults` lists them"
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
    yield f"  strikes by default: {', '.join(entry.operations)}"
    if entry.incidents:
        yield f"  seen as: {', '.join(entry.incidents)}"


__all__ = ["CATALOGUE", "Entry", "describe", "entry_of", "fields_of", "kind_of", "make"]
