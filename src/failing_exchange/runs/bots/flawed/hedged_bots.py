"""Bots with one bug each that hold a long and a short position in one contract."""

from __future__ import annotations

from typing import Any

from failing_exchange.runs.bots.flawed.base import SURVIVES, flawed
from failing_exchange.runs.bots.hedged import LONG, SHORT, Hedged
from failing_exchange.runs.bots.long_position import CONTRACT, STEP


class SteadyHedged(Hedged):
    """The careful bot of two legs; it survives what an exchange raises, and no error of its own."""

    survives = SURVIVES


@flawed(SteadyHedged, "nets-its-legs-on-restart")
class NetsItsLegsOnRestart(SteadyHedged):
    """`legs_netted_on_restart`: after a restart it reads both legs as one net position."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.is_restarted = bool(self.notebook.booked)

    def read(self, positions: list[Any]) -> None:
        super().read(positions)
        if self.is_restarted:
            net = self.legs[LONG] - self.legs[SHORT]
            self.legs = {LONG: max(0.0, net), SHORT: max(0.0, -net)}


@flawed(SteadyHedged, "throws-away-a-fill-that-turns-it")
class ThrowsAwayAFillThatTurnsIt(SteadyHedged):
    """`reduce_only_fill_thrown_away`: it holds legs net, where an exit can't turn a position."""

    def enter_trade(self, trade: Any) -> None:
        held = self.notebook.holds(CONTRACT)
        change = trade["amount"] * (1 if trade["side"] == "buy" else -1)
        if abs(held) >= STEP / 2 and (held + change) * held < -((STEP / 2) ** 2):
            self.notebook.booked[trade["id"]] = None
        else:
            super().enter_trade(trade)
