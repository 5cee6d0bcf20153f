"""The tools of the venue's operator: arm faults, cause incidents, see the truth and the verdict.

They stand behind `--operator`: an agent that is tested does not have them.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from failing_exchange.agents.trader import ROWS_MAX
from failing_exchange.client.exchange import FailingExchange
from failing_exchange.errors import BadRequestError
from failing_exchange.faults.catalogue import describe, fields_of, kind_of
from failing_exchange.judge.judge import Judge
from failing_exchange.report.text import asked_text, happened_text, told_text
from failing_exchange.scenarios.scenario import describe as describe_scenarios, load, shipped
from failing_exchange.venue.operator_incidents import INCIDENTS, command_of

TEXT_MAX = 20_000  # characters of one answer; the rest is cut, which the answer says


class Operator:
    """What the operator of the venue can do."""

    def __init__(self, exchange: FailingExchange, judge: Judge) -> None:
        self._exchange = exchange
        self._judge = judge

    async def list_faults(self, name: str = "") -> str:
        """List the catalogue of faults, or explain one with its fields."""
        return _cut(describe(name or None))

    async def list_scenarios(self, name: str = "") -> str:
        """List the shipped scenarios, or show one as TOML."""
        if name and name not in shipped():
            raise BadRequestError(f"no scenario {name!r}; leave the name out to see them all")
        return _cut(describe_scenarios(name or None))

    async def list_incidents(self) -> dict[str, str]:
        """List what the operator can do on the exchange: the values of `do`, and what happens."""
        return {name: incident.says for name, incident in INCIDENTS.items()}

    async def arm_fault(
        self,
        kind: str,
        when: str = "",
        operations: list[str] | None = None,
        symbols: list[str] | None = None,
        fields: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Arm a fault. `when`: a trigger as `nth(1)` or `chance(0.1)`; left out: always."""
        armed = self._exchange.arm(
            kind, when or None, operations=operations or (), symbols=symbols or (), **(fields or {})
        )
        return {"name": armed.name}

    async def armed_faults(self) -> list[dict[str, Any]]:
        """List what is armed, and how often each has struck."""
        return [
            {
                "name": rule.name, "kind": kind_of(rule.fault).name, "when": str(rule.when),
                "fields": fields_of(rule.fault), "struck": rule.struck,
            }
            for rule in self._exchange.armed[:ROWS_MAX]
        ]  # fmt: skip

    async def disarm_fault(self, name: str = "") -> dict[str, Any]:
        """Disarm one fault by its name, or all, with bans, limits and maintenance."""
        if name:
            self._exchange.disarm(name)
        else:
            self._exchange.reset()
        return {"armed": len(self._exchange.armed)}

    async def cause_incident(
        self, do: str, parameters: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Have the exchange itself do something, as `halt` with {"symbol": "BTC/USDT"}."""
        venue = self._exchange.venue
        markets = {symbol: venue.market_of(symbol) for symbol in venue.markets}
        venue.operate(command_of(do, dict(parameters or {}), markets))
        return {"done": do}

    async def start_scenario(self, name: str) -> dict[str, Any]:
        """Arm the faults of a shipped scenario and plan its incidents, from now on."""
        if name not in shipped():
            raise BadRequestError(f"no scenario {name!r}; list_scenarios lists them")
        load(name).apply(self._exchange)
        return {"armed": len(self._exchange.armed)}

    async def truth(self) -> dict[str, Any]:
        """See what the agent's account really has: wallets, open orders, positions."""
        return await self._exchange.truth()

    async def requests(self, limit: int = 20) -> list[dict[str, Any]]:
        """See the last requests in both columns: what happened, and what the client was told."""
        if not 1 <= limit <= ROWS_MAX:
            raise BadRequestError(f"limit = {limit}; expected 1 to {ROWS_MAX}")
        kept, markets = self._exchange.journal.trips, self._exchange.venue.markets
        return [
            {
                "trip": trip.number,
                "asked": asked_text(trip, markets.get(trip.symbol)),
                "happened": happened_text(trip, markets),
                "told": told_text(trip, markets),
            }
            for trip in islice(kept, max(0, len(kept) - limit), None)
        ]

    async def verdict(self) -> dict[str, Any]:
        """Hear what the judge says of the agent so far."""
        verdict = self._judge.verdict(outside=True)
        return {"sentence": verdict.sentence, "broken": verdict.broken, "clean": verdict.clean}


def _cut(text: str) -> str:
    if len(text) <= TEXT_MAX:
        return text
    return f"{text[:TEXT_MAX]}\n(cut: {len(text) - TEXT_MAX:,} characters more)"
