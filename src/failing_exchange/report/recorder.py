"""A recording of a run: all that its report shows, as plain data of bounded size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from failing_exchange.core import events as e
from failing_exchange.core.order import BUY
from failing_exchange.core.queries import FetchCandles
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.settlement import settlement_of
from failing_exchange.core.units import ATOMS, DAY_S, HOUR_S, MILLISECOND, SECOND
from failing_exchange.journal.trip import MARKET, faults_of
from failing_exchange.judge.products import product_of
from failing_exchange.report.text import asked_text, happened_text, told_text

if TYPE_CHECKING:
    from failing_exchange.core.market import Market
    from failing_exchange.journal.trip import Trip
    from failing_exchange.judge.verdict import Verdict
    from failing_exchange.venue.venue import RunningVenue

TRIPS_MAX = 100_000  # requests and pushes that are kept; the page says how many more there were
FILLS_MAX = 20_000  # of the market that is shown; later ones are not drawn
SAMPLES_MAX = 5_000  # of what is owned; then every second one goes, and fewer come
SAMPLE_S = 30  # seconds between two of them
CANDLES_MAX = 1_000  # of one chart; a longer run has longer candles
AROUND = 3  # trips before and after those that show a breach
FRAMES = (60, 300, 900, HOUR_S, 4 * HOUR_S, DAY_S)  # seconds of a candle: the first that fits
WAITS = (Reason.RATE_LIMITED, Reason.BANNED, Reason.MAINTENANCE)
ENDS = (e.OrderCanceled, e.OrderExpired)
OK, REFUSED, UNHEARD = 0, 1, 2


class Recorder:
    """Watches one client of a venue, and keeps what a report needs.

    `symbol`: the market that is shown; None: that of the client's first order. Nothing was gained
    before it, so what was sampled until then holds for any market.
    """

    def __init__(
        self, venue: RunningVenue, *, account: str = "main", symbol: str | None = None
    ) -> None:
        self.venue = venue
        self.account = account
        self.symbol = symbol or next(iter(venue.markets))
        self._is_chosen = symbol is not None
        self.believed: Any = None  # a function: what the bot believes to have gained, by asset
        self._orders: dict[int, list[float]] = {}  # [when, price, amount, side, its end, id]
        self.left_out = 0
        self._began = 0
        self._opened: dict[str, int] = {}
        self._lanes: dict[str, int] = {}
        self._faults: dict[str, int] = {}
        self._trips: list[tuple[int, int, int, int, int, int]] = []
        self._fills: list[tuple[int, float, float, int, int]] = []
        self._waits: list[tuple[int, int, str]] = []
        self._samples: list[tuple[int, float | None, float, float, float | None]] = []
        self._every = SAMPLE_S

    def attach(self) -> None:
        """From now on; the venue must have started."""
        gateway = self.venue.gateway
        self._began = gateway.clock.now()
        self._opened = gateway.engine.state.ledger.owned(self.account)
        gateway.listeners.append(self._on_events)
        self.venue.journal.readers.append(self._on_trip)
        self._sample()

    def _ms(self, at: int) -> int:
        return (at - self._began) // MILLISECOND

    def _on_trip(self, trip: Trip) -> None:
        told = trip.told
        if isinstance(told, Reject) and told.until is not None and told.reason in WAITS:
            self._waits.append((self._ms(trip.ended_at), self._ms(told.until), str(told.reason)))
            del self._waits[:-SAMPLES_MAX]
        if len(self._trips) >= TRIPS_MAX:
            self.left_out += 1
            return
        outcome = UNHEARD if told is None or trip.gave_up_at else OK
        if outcome == OK and isinstance(told, Reject):
            outcome = REFUSED
        label = next(iter(faults_of(trip)), "")
        ended = trip.gave_up_at or trip.ended_at
        self._trips.append((
            trip.number, self._ms(trip.born_at), (ended - trip.born_at) // MILLISECOND,
            self._lanes.setdefault(trip.operation, len(self._lanes)), outcome,
            self._faults.setdefault(label, len(self._faults)) if label else -1,
        ))  # fmt: skip

    def _on_events(self, events: Sequence[Any], at: int) -> None:
        for event in events:
            self._on_order(event, at)
            if event.__class__ is e.OrderFilled and event.fill.account == self.account:
                fill = event.fill
                if fill.symbol == self.symbol and len(self._fills) < FILLS_MAX:
                    market = self.venue.market_of(fill.symbol)
                    price, amount = market.price_text(fill.ticks), market.amount_text(fill.lots)
                    side = 1 if fill.side == "buy" else -1
                    self._fills.append(
                        (self._ms(at), float(price), float(amount), side, fill.order_id)
                    )

    def _on_order(self, event: Any, at: int) -> None:
        """When an order with a price came, and when it went."""
        if event.__class__ is e.OrderAccepted:
            account = self.venue.gateway.engine.state.accounts[event.account]
            order = account.find(event.order_id) if event.account == self.account else None
            if order is not None and not self._is_chosen:
                self._is_chosen, self.symbol = True, order.symbol
            if order is not None and order.ticks and order.symbol == self.symbol:
                market = self.venue.market_of(self.symbol)
                if len(self._orders) < FILLS_MAX:
                    self._orders[order.id] = [
                        self._ms(at), float(market.price_text(order.ticks)),
                        float(market.amount_text(order.lots)), 1 if order.side == "buy" else -1, -1,
                        order.id,
                    ]  # fmt: skip
        elif event.__class__ in ENDS and event.order_id in self._orders:
            self._orders[event.order_id][4] = self._ms(at)

    def _sample(self) -> None:
        gateway = self.venue.gateway
        now = gateway.clock.now()
        self._take(now)
        gateway.later(now + self._every * SECOND, self._sample, keeps_running=False)

    def _take(self, now: int) -> None:
        """What is owned now, and what the bot believes."""
        state = self.venue.gateway.engine.state
        ms, account = state.markets[self.symbol], state.accounts[self.account]
        settlement = settlement_of(ms)
        held, cash = product_of(ms.market).held(ms.market), settlement.held_asset(ms.market, BUY)
        owned = (
            (held, settlement.position(state, ms, account)),
            (cash, state.ledger.owned(self.account).get(cash, 0)),
        )
        began = self._opened
        gained, paid = ((atoms - began.get(name, 0)) / ATOMS for name, atoms in owned)
        ask = self.believed
        believed = (None, None) if ask is None else (float(ask(held)), float(ask(cash)))
        self._samples.append((self._ms(now), believed[0], gained, paid, believed[1]))
        if len(self._samples) > SAMPLES_MAX:
            del self._samples[1::2]
            self._every *= 2

    def recording(self, verdict: Verdict | None) -> dict[str, Any]:
        """All of it, at the end of the run; of each broken rule the first breach."""
        now = self.venue.clock.now()
        self._take(now)  # a bot that died has traded since the last one
        return {
            "symbol": self.symbol,
            "began": self._began // MILLISECOND,
            "ended": self._ms(now),
            "lanes": list(self._lanes),
            "faults": list(self._faults),
            "trips": [list(column) for column in zip(*self._trips, strict=True)],
            "left_out": self.left_out,
            "fills": self._fills,
            "orders": list(self._orders.values()),
            "waits": self._waits,
            "samples": self._samples,
            "candles": self._candles(now),
            "findings": [] if verdict is None else self._findings(verdict),
        }

    def _candles(self, now: int) -> list[tuple[int, float, float, float, float]]:
        engine, spent = self.venue.gateway.engine, (now - self._began) // SECOND
        frame = next((f for f in FRAMES if spent // f < CANDLES_MAX), FRAMES[-1])
        since = self._began // SECOND // frame * frame * SECOND
        asked = FetchCandles(self.account, self.symbol, frame, since, CANDLES_MAX)
        market = self.venue.market_of(self.symbol)
        bars = engine.execute(asked, now)[1].bars
        return [
            (
                bar.at,
                *(float(market.price_text(t)) for t in (bar.open, bar.high, bar.low, bar.close)),
            )
            for bar in bars
        ]

    def _findings(self, verdict: Verdict) -> list[dict[str, Any]]:
        trips = {trip.number: trip for trip in self.venue.journal.trips}
        return [
            {
                "rule": breach.rule,
                "text": breach.text,
                "money": breach.money or 0.0,
                "times": result.times,
                "at": self._ms(breach.at),
                "row": breach.row,
                "columns": self._columns(breach.trips, trips),
            }
            for result in verdict.failures
            for breach in result.breaches[:1]
        ]

    def _columns(self, numbers: Sequence[int], trips: Mapping[int, Trip]) -> list[dict[str, Any]]:
        return trip_rows(numbers, trips, self.venue.markets, self._began)


def trip_rows(
    numbers: Sequence[int], trips: Mapping[int, Trip], markets: Mapping[str, Market], began: int
) -> list[dict[str, Any]]:
    """The trips that show a breach and those around them, in both columns; `at` in milliseconds."""
    near = {n + more for n in numbers for more in range(-AROUND, AROUND + 1)}
    shown = [trips[n] for n in sorted(near) if n in trips and trips[n].operation != MARKET]
    return [
        {
            "number": trip.number, "at": (trip.born_at - began) // MILLISECOND,
            "asked": asked_text(trip, markets.get(trip.symbol)),
            "happened": happened_text(trip, markets), "told": told_text(trip, markets),
            "faults": faults_of(trip),
            "named": trip.number in numbers,
        }
        for trip in shown[: 4 * AROUND]
    ]  # fmt: skip
