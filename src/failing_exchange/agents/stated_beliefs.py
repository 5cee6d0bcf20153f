"""What an agent said that it holds, beside the truth at that time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from failing_exchange.client.exchange import FailingExchange
from failing_exchange.errors import BadRequestError
from failing_exchange.judge.judge import Judge
from failing_exchange.text.spelling import did_you_mean
from failing_exchange.venue.account_truth import account_view, look_at, view_of

ACCOUNT = "main"  # the agent trades for it
STATED_MAX = 1_000  # statements that are kept; a further one is refused


class Belief(NamedTuple):
    """One statement: the venue's time in nanoseconds, what was believed, and what was true."""

    at: int
    holdings: Mapping[str, float]
    true_holdings: Mapping[str, float]
    open_orders: Sequence[str] | None
    true_open_orders: Sequence[str]

    @property
    def is_true(self) -> bool:
        """Whether what was said is so, as exactly as floats tell it."""
        holds = all(_is_near(self.holdings[key], self.true_holdings[key]) for key in self.holdings)
        said = self.open_orders
        return holds and (said is None or sorted(said) == sorted(self.true_open_orders))

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {**self._asdict(), "true": self.is_true}


class Beliefs:
    """What one agent has said. The judge hears it: what the agent is wrong about costs money."""

    def __init__(self, exchange: FailingExchange) -> None:
        self.stated: list[Belief] = []
        self.judge: Judge | None = None
        self._exchange = exchange
        self._opening: dict[str, float] = {}

    def begin(self) -> None:
        """Note the holdings at the start: the judge asks for what has changed since."""
        self._opening = dict(self.truth().true_holdings)

    def state(self, holdings: Mapping[str, float], orders: Sequence[str] | None) -> None:
        """Note a statement. Raises BadRequestError for an asset or contract that is not known."""
        if len(self.stated) >= STATED_MAX:
            raise BadRequestError(f"a run keeps at most {STATED_MAX} statements")
        now = self.truth()
        true = now.true_holdings
        for name in holdings:
            if name not in true:
                known = ", ".join(true)
                raise BadRequestError(
                    f"no asset {name!r}{did_you_mean(name, true)}; known: {known}"
                )
        told = {name: true[name] for name in holdings}
        self.stated.append(
            now._replace(holdings=dict(holdings), true_holdings=told, open_orders=orders)
        )
        if self.judge is not None and self.judge.booked is None:
            self.judge.booked = self._changes

    def _changes(self) -> dict[str, float]:
        """What has changed since the start, by what was said last; what was never named is true."""
        latest = dict(self.truth().true_holdings)
        for belief in self.stated:
            latest.update(belief.holdings)
        return {name: value - self._opening.get(name, 0.0) for name, value in latest.items()}

    def truth(self) -> Belief:
        """What is true now: of all assets, in both wallets, and of all contracts."""
        venue = self._exchange.venue
        true = account_view(view_of(venue), look_at(venue, ACCOUNT))
        found: dict[str, Decimal] = {}
        for market in venue.markets.values():
            contract = [market.symbol] if ":" in market.symbol else []
            found |= dict.fromkeys((market.base, market.quote, *contract), Decimal(0)) | found
        for asset, held in true["balances"].items():
            found[asset] = found.get(asset, Decimal(0)) + sum(map(Decimal, held.values()))
        for asset, held in (true.get("futures") or {"balances": {}})["balances"].items():
            found[asset] = found.get(asset, Decimal(0)) + Decimal(held["wallet"])
        for one in true["positions"]:
            found[one["symbol"]] += Decimal(one["amount"])
        orders = [str(one["id"]) for one in true["open_orders"]]
        holdings = {name: float(value) for name, value in found.items()}
        return Belief(venue.clock.now(), {}, holdings, None, orders)


def _is_near(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-9 * max(1.0, abs(other))
