"""Failure modes: everyday failures by name, and the faults that each of them is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple

from failing_exchange.core.reject import Reason
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults import operations as ops
from failing_exchange.faults.damaged_answers import GarbleAnswer
from failing_exchange.faults.delivery import BreakConnection, DelayAnswer, TimeOut
from failing_exchange.faults.fields import DRAWS_OF_TRIGGERS, number_within
from failing_exchange.faults.fills import PartialFill, SlipPrice
from failing_exchange.faults.plan import Fault, Match, Scope, Verdict
from failing_exchange.faults.rejections import Ban, Maintenance, RateLimited, RejectRequest
from failing_exchange.faults.stale_reads import StaleRead
from failing_exchange.journal.trip import Stage
from failing_exchange.text.spelling import did_you_mean

PICK = DRAWS_OF_TRIGGERS + 1_000  # the draw by which a mixture chooses
WEIGHT_UNIT = 1_000_000  # weights are compared in millionths


class FailureMode(StrEnum):
    """The ways to fail, each a fault with its usual trigger.

    `params` of each are the fields of its preset; see docs/faults.md.

    >>> from failing_exchange import FailingExchange
    >>> exchange = FailingExchange()
    >>> exchange.set_failure_mode(FailureMode.RATE_LIMIT)
    >>> FailureMode("rate_limit")
    <FailureMode.RATE_LIMIT: 'RATE_LIMIT'>
    """

    NONE = "NONE"
    RANDOM = "RANDOM"
    MIXED = "MIXED"
    RATE_LIMIT = "RATE_LIMIT"
    BAN = "BAN"
    CONNECTION_ERROR = "CONNECTION_ERROR"
    TIMEOUT = "TIMEOUT"
    SLOW_RESPONSE = "SLOW_RESPONSE"
    UNAVAILABLE = "UNAVAILABLE"
    INVALID_ORDER = "INVALID_ORDER"
    INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"
    INVALID_SYMBOL = "INVALID_SYMBOL"
    PARTIAL_FILL = "PARTIAL_FILL"
    PRICE_SLIPPAGE = "PRICE_SLIPPAGE"
    INVALID_RESPONSE = "INVALID_RESPONSE"
    STALE_DATA = "STALE_DATA"
    MAINTENANCE = "MAINTENANCE"

    @classmethod
    def _missing_(cls, value: object) -> FailureMode | None:
        return cls.__members__.get(str(value).upper())


class Preset(NamedTuple):
    """A mode, ready to be armed."""

    fault: Fault
    scope: Scope


class Mode(NamedTuple):
    """A mode's fault, the params that it lets through, and the calls it concerns."""

    says: str
    make: Callable[..., Fault]
    defaults: Mapping[str, Any]
    operations: tuple[str, ...]


WITH_SYMBOL = (*ops.CHANGE, *ops.ORDER_READS, *ops.FILL_READS, "fetch_ticker", *ops.BOOK,
               *ops.TRADES, *ops.CANDLES)  # fmt: skip


def _refusing(why: Reason) -> Callable[..., Fault]:
    def make(**params: Any) -> Fault:
        return RejectRequest(why=why, **params)

    return make


def _ban(**params: Any) -> Fault:
    return Ban(sticky=False, **params)  # a mode is replaced with all that it has begun


MODES: dict[FailureMode, Mode] = {
    FailureMode.RATE_LIMIT: Mode(
        "The request is turned away with a time to wait.",
        RateLimited, {"retry_after": 1.0, "hidden": False}, ops.CALLS,
    ),
    FailureMode.BAN: Mode(
        "The request is turned away; who does not wait is banned, each time for longer.",
        _ban, {"retry_after": 10.0, "refusals": 3, "shortest": 120.0, "longest": 259_200.0},
        ops.CALLS,
    ),
    FailureMode.CONNECTION_ERROR: Mode(
        "The connection breaks; whether the exchange acted before, `executed` says.",
        BreakConnection, {"executed": "either"}, ops.CALLS,
    ),
    FailureMode.TIMEOUT: Mode(
        "No answer comes; whether the exchange acted before, `executed` says.",
        TimeOut, {"executed": "either"}, ops.CALLS,
    ),
    FailureMode.SLOW_RESPONSE: Mode(
        "The answer arrives late.", DelayAnswer, {"seconds": 5.0, "spread": 0.0}, ops.CALLS
    ),
    FailureMode.UNAVAILABLE: Mode(
        "The venue is overloaded and refuses without acting.",
        _refusing(Reason.UNAVAILABLE), {"message": "", "lasts": 0}, ops.CALLS,
    ),
    FailureMode.INVALID_ORDER: Mode(
        "The venue refuses the order for its price.",
        _refusing(Reason.INVALID_PRICE), {"message": "", "lasts": 0}, ops.PLACE,
    ),
    FailureMode.INSUFFICIENT_BALANCE: Mode(
        "The venue refuses the order for lack of funds.",
        _refusing(Reason.INSUFFICIENT_FUNDS), {"message": "", "lasts": 0}, ops.PLACE,
    ),
    FailureMode.INVALID_SYMBOL: Mode(
        "The venue says that it does not trade the symbol.",
        _refusing(Reason.UNKNOWN_SYMBOL), {"message": "", "lasts": 0}, WITH_SYMBOL,
    ),
    FailureMode.PARTIAL_FILL: Mode(
        "The order is filled in part at once, and the rest later.",
        PartialFill, {"fill_ratio": 0.3, "complete_after": 30.0}, ops.PLACE,
    ),
    FailureMode.PRICE_SLIPPAGE: Mode(
        "A market order trades at a worse price than was offered.",
        SlipPrice, {"max_slippage": 0.02, "least": 0.0}, ops.PLACE,
    ),
    FailureMode.INVALID_RESPONSE: Mode(
        "The exchange acts, and its answer can't be read.",
        GarbleAnswer, {"how": "truncated"}, ops.CALLS,
    ),
    FailureMode.STALE_DATA: Mode(
        "The answer shows the state of some time ago.",
        StaleRead, {"seconds": 10.0}, ops.READS,
    ),
    FailureMode.MAINTENANCE: Mode(
        "The venue is in maintenance, for this request or for `duration` seconds.",
        Maintenance, {"duration": 0.0, "message": "System maintenance"}, ops.CALLS,
    ),
}  # fmt: skip

RANDOM_WEIGHTS: dict[FailureMode, float] = dict.fromkeys(
    (
        FailureMode.RATE_LIMIT,
        FailureMode.CONNECTION_ERROR,
        FailureMode.TIMEOUT,
        FailureMode.INVALID_ORDER,
        FailureMode.INSUFFICIENT_BALANCE,
        FailureMode.INVALID_SYMBOL,
        FailureMode.PARTIAL_FILL,
        FailureMode.PRICE_SLIPPAGE,
        FailureMode.INVALID_RESPONSE,
        FailureMode.MAINTENANCE,
    ),
    1.0,
)
MIXED_WEIGHTS: dict[FailureMode, float] = {
    FailureMode.RATE_LIMIT: 0.05,
    FailureMode.CONNECTION_ERROR: 0.02,
    FailureMode.TIMEOUT: 0.01,
    FailureMode.INVALID_ORDER: 0.01,
    FailureMode.PARTIAL_FILL: 0.1,
    FailureMode.PRICE_SLIPPAGE: 0.05,
}
MIXTURES = {FailureMode.RANDOM: RANDOM_WEIGHTS, FailureMode.MIXED: MIXED_WEIGHTS}


class Part(NamedTuple):
    """One way of a mixture."""

    label: str
    fault: Fault
    operations: tuple[str, ...]
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """One of several faults strikes, drawn by weight among those that concern the request."""

    parts: tuple[Part, ...] = field(default=())
    stages: ClassVar[tuple[Stage, ...]] = tuple(Stage)

    def decide(self, match: Match, hit: bool) -> bool:
        """Let parts that have begun continue; otherwise the part that is drawn decides."""
        if not hit and not match.memory:
            return False
        picked = self._pick(match) if hit else None
        struck = None
        for part in self.parts:
            if (part is picked or _goes_on(part, match)) and _decide(part, match, picked):
                struck = struck or part
        match.chosen = struck
        return struck is not None

    def strike(self, stage: Stage, match: Match) -> Verdict | None:
        """The verdict of the part that was chosen when the request was matched."""
        part: Part | None = match.chosen
        if part is None or stage not in part.fault.stages:
            return None
        return part.fault.strike(stage, match.within(part.label))

    def label(self, match: Match) -> str:
        """The name of the part that struck."""
        return match.chosen.label if match.chosen is not None else ""

    def _pick(self, match: Match) -> Part | None:
        fit = [part for part in self.parts if _concerns(part, match)]
        total = sum(part.weight for part in fit)
        point = (match.draw(PICK) * total) >> 64
        for part in fit:
            if point < part.weight:
                return part
            point -= part.weight
        return None


def _goes_on(part: Part, match: Match) -> bool:
    """Whether a part may have begun something: one that has never struck has no memory."""
    return match.remembers(part.label) and match.trip.operation in part.operations


def _decide(part: Part, match: Match, picked: Part | None) -> bool:
    decide = getattr(part.fault, "decide", None)
    if decide is None:
        return part is picked
    return bool(decide(match.within(part.label), part is picked))


def _concerns(part: Part, match: Match) -> bool:
    if match.trip.operation not in part.operations:
        return False
    concerns = getattr(part.fault, "concerns", None)
    return concerns is None or concerns(match)


def preset(mode: FailureMode, params: Mapping[str, Any] | None = None) -> Preset:
    """The fault of a mode and its scope; raises ConfigurationError for wrong params."""
    params = params or {}
    if mode in MIXTURES:
        return _mixture(mode, params)
    found = MODES.get(mode)
    if found is None:
        raise ConfigurationError(f"mode {mode.value} stands for no failure: it can't be armed")
    for name in params:
        if name not in found.defaults:
            raise ConfigurationError(_unknown_param(mode, name, found.defaults))
    return Preset(found.make(**{**found.defaults, **params}), Scope(operations=found.operations))


def _mixture(mode: FailureMode, params: Mapping[str, Any]) -> Preset:
    """RANDOM and MIXED: `weights` by mode, and `params` by mode."""
    known = {"weights": MIXTURES[mode], "params": {}}
    for name in params:
        if name not in known:
            raise ConfigurationError(_unknown_param(mode, name, known))
    weights = _by_mode(mode, "weights", params.get("weights", known["weights"]))
    inner = _by_mode(mode, "params", params.get("params", {}))
    parts = []
    for one, weight in weights.items():
        made = preset(one, inner.pop(one, {}))
        parts.append(Part(one.value, made.fault, made.scope.operations, _weight(one, weight)))
    if inner:
        raise ConfigurationError(f"{mode}: params for {', '.join(inner)}, which is not in weights")
    return Preset(OneOf(parts=tuple(parts)), Scope(operations=ops.CALLS))


def _by_mode(mode: FailureMode, name: str, given: Any) -> dict[FailureMode, Any]:
    if not isinstance(given, Mapping) or (name == "weights" and not given):
        raise ConfigurationError(
            f'{mode}: {name} must be a mapping by mode, like {{"TIMEOUT": …}}, not {given!r}'
        )
    found = {}
    for key, value in given.items():
        try:
            one = FailureMode(key)
        except ValueError:
            one = FailureMode.NONE
        if one not in MODES:
            known = ", ".join(MODES)
            raise ConfigurationError(
                f"{mode}: {name} has {key!r}{did_you_mean(key, map(str, MODES)) or '.'} "
                f"A mixture is made of {known}"
            )
        found[one] = value
    return found


def _weight(mode: FailureMode, value: Any) -> int:
    try:
        found = float(number_within(value, 0, 1_000_000))
    except ValueError:
        found = 0
    if not found:
        raise ConfigurationError(f"the weight of {mode} must be a number above 0, not {value!r}")
    return max(1, round(found * WEIGHT_UNIT))


def _unknown_param(mode: FailureMode, name: str, known: Mapping[str, Any]) -> str:
    near = did_you_mean(name, known) or "."
    return f"{mode} has no param {name!r}{near} It takes {', '.join(known)}"
