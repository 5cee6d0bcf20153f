"""The faults that worlds are drawn from: real incidents that the venue can have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from failing_exchange.core.reject import Reason
from failing_exchange.faults import operations as ops
from failing_exchange.faults.known_incidents import KNOWN_INCIDENTS, Recipe
from failing_exchange.venue.default_world import BASE
from failing_exchange.venues.base import venue_of


class FaultSpec(NamedTuple):
    """A fault that is armed: kind, trigger as text, operations, fields.

    >>> FaultSpec("reject_request", "nth(2)", operations=("create_order",)).kind
    'reject_request'
    """

    kind: str
    when: str
    operations: tuple[str, ...] = ()
    fields: Mapping[str, Any] = {}


NO_NONCE = "a nonce does not exist there"
# Incidents that the exchange in process can't have, and why. Venues say so themselves.
IMPOSSIBLE = {"nonce_reordered": NO_NONCE, "nonce_high_water": NO_NONCE}
# Refusals that the engine gives by itself where they fit: at random they hit orders that can't have
# them, such as a market order that "would immediately match".
OWN_REFUSALS = (Reason.WOULD_MATCH, Reason.WOULD_TRIGGER)

CREATE = ("create_order",)
CANCEL = ("cancel_order",)
UNDER_WAY = (*CANCEL, *ops.ORDER_READS)
# What happens to orders on any day, and breaks most bots that have a bug: drawn in every other
# world, in addition. A part that is filled comes with what ends the rest of the order.
PART = FaultSpec("partial_fill", "", CREATE, {"complete_after": None})
ENDS = (
    FaultSpec("expire_order", "", UNDER_WAY),
    FaultSpec("cancel_by_hand", "", UNDER_WAY),
    FaultSpec("partial_fill_beats_cancel", "", CANCEL),
)
COMMON: tuple[tuple[FaultSpec, ...], ...] = (
    *((PART, end) for end in ENDS),
    (FaultSpec("partial_fill", "", CREATE),),
    (FaultSpec("fill_beats_cancel", "", CANCEL),),
    (FaultSpec("expire_order", "", UNDER_WAY),),
    (FaultSpec("thin_book", "", CREATE, {"side": "sell", "reach": 0.9}),),  # nothing to buy
    (FaultSpec("thin_book", "", CREATE, {"side": "buy", "reach": 0.9}),),  # nobody to sell to
)
# A small account runs short where what is free of it is locked for a minute.
SHORTAGE = FaultSpec("lock_funds", "", CREATE, {"asset": BASE, "part": 1.0})
# A clock that is wrong stays so until it is set: more than one order is refused for it.
WRONG_CLOCK = FaultSpec("reject_request", "", CREATE, {"why": "clock_skew", "lasts": 20})
# An answer that comes before the fill: it has no average price yet. Binance's shows all fills.
UNFILLED = (FaultSpec("null_fields", "", ("create_order", "fetch_order"), {"fields": ["average"]}),)

# What goes wrong with contracts alone: with changes of leverage and modes, and with exits.
SETTINGS_CALLS = ("set_leverage", "set_margin_mode", "set_position_mode")
ANY_CALL = (*ops.ACCOUNT_READS, *ops.POSITION_READS, *ops.TICKER, *CREATE)
CONTRACT_RECIPES = (
    FaultSpec("lose_answer", "", SETTINGS_CALLS),
    FaultSpec("lose_request", "", SETTINGS_CALLS),
    FaultSpec("false_reject", "", SETTINGS_CALLS),
    FaultSpec("reject_request", "", SETTINGS_CALLS, {"why": "unavailable", "lasts": 120}),
    FaultSpec("reject_request", "", ("set_leverage",), {"why": "leverage"}),
    FaultSpec("reject_request", "", CREATE, {"why": "position_limit"}),
    FaultSpec("reject_request", "", CREATE, {"why": "insufficient_funds"}),
    FaultSpec("time_out", "", ops.POSITION_READS),
    FaultSpec("null_answer", "", ops.POSITION_READS),
    FaultSpec("delay_answer", "", (*ops.POSITION_READS, *CREATE), {"seconds": 20.0}),
    FaultSpec("force_close", "nth(1)", ANY_CALL),
    FaultSpec("force_close", "nth(1)", ANY_CALL, {"how": "adl"}),
    FaultSpec("hide_forced_close", ""),
    FaultSpec("lose_trigger", ""),
    FaultSpec("pay_funding_now", "nth(1)", ANY_CALL),
    FaultSpec("delay_funding", ""),
    FaultSpec("repeat_funding", ""),
    FaultSpec("spike_mark", "nth(1)", ANY_CALL, {"by": -0.1}),
    FaultSpec("spike_mark", "nth(1)", ANY_CALL, {"by": 0.1, "lasts": 30.0}),
    FaultSpec("cache_reads", "", ops.POSITION_READS),
    FaultSpec("list_position_twice", ""),
    FaultSpec("refuse_leverage", "nth(1)", (), {"lasts": 120.0}),
    FaultSpec("refuse_stop", "nth(1)", (), {"lasts": 120.0}),
    FaultSpec("refuse_reduce_only", "nth(1)", (), {"lasts": 60.0}),
    FaultSpec("overload", "", CREATE),
)


class Kinds(NamedTuple):
    """From what the worlds of a venue are drawn: recipes of incidents, and common ones by sets."""

    recipes: tuple[FaultSpec, ...]
    common: tuple[tuple[FaultSpec, ...], ...]


@cache
def kinds_of(venue: str) -> Kinds:
    """What can go wrong: without bytes in process, with them on a served venue."""
    found: dict[str, FaultSpec] = {}
    impossible = venue_of(venue).impossible if venue else IMPOSSIBLE
    for row in KNOWN_INCIDENTS:
        if row.name not in impossible:
            for recipe in (*row.recipes, *(row.wire if venue else ())):
                for arm in _arms(recipe):
                    found.setdefault(repr(arm), arm)
    return Kinds(tuple(found.values()), COMMON if venue else (*COMMON, UNFILLED))


def _arms(recipe: Recipe) -> Iterator[FaultSpec]:
    """A recipe as a world has it: in the words of the venue, not in those of where it was seen."""
    fields: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in recipe.fields.items()
        if name != "message"
    }
    if fields.get("why") not in OWN_REFUSALS:
        yield FaultSpec(recipe.fault, recipe.when, recipe.on, fields)
