"""What trading means in a market of each kind: the only module of the judge that knows kinds.

A kind that `PRODUCTS` does not list is judged as a market with positions. So rules of conduct work
for products that they have never seen.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import NamedTuple

from failing_exchange.core.conditional_order import ConditionalOrder
from failing_exchange.core.contract_prices import mark_of
from failing_exchange.core.ledger import Wallet
from failing_exchange.core.market import Market
from failing_exchange.core.order import TRIGGERED_TYPES, Fill, Order, OrderType, PositionSide, Side
from failing_exchange.core.settlement import SETTLEMENTS, settlement_of
from failing_exchange.core.state import Account, MarketState, State

LATE_KEPT_MAX = 1_000  # newest fills; a bot that trades faster is compared with these only
USDT = "USDT"  # the currency of verdicts wherever a market deals in it
ALL = 1 << 62  # lots that a stop covers which closes the position, whatever that is
STOPS = frozenset({OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TRAILING_STOP})


class Product:
    """A market with positions, long or short, that settle in cash: contracts, and any new kind."""

    opens_shorts = True  # whether a sale of more than is held opens a position

    def held(self, market: Market) -> str:
        """The name under which gains are counted: that of the market, or of an asset."""
        return market.symbol

    def gained(self, market: Market, fill: Fill) -> int:
        """Atoms that a fill adds to what is held, after a fee that is taken from it."""
        return sign(fill.side) * fill.lots * market.amount_step

    def changes(self, market: Market, fill: Fill) -> dict[str, int]:
        """All that a fill changes for its account and that follows from the fill alone, in atoms.

        Profit and funding of a position do not: see `cash`.
        """
        return {market.symbol: self.gained(market, fill)}

    def cash(self, market: Market) -> tuple[str, ...]:
        """Assets of which only the ledger knows what trading in this market changed."""
        return SETTLEMENTS[market.kind].assets(market)

    def protectable(self, state: State, ms: MarketState, account: Account) -> int:
        """Atoms of what is held for which a stop can be placed."""
        return abs(settlement_of(ms).position(state, ms, account))

    def priced_in(self, market: Market) -> str:
        """The asset in which costs and profits are counted."""
        return market.settle

    def worth(self, ms: MarketState, lots: int, at: int) -> tuple[str, int]:
        """(asset, atoms) that lots stand for: the whole of a position, not only its margin."""
        return ms.market.settle, ms.market.worth(mark_of(ms, at), lots)

    def protected(
        self, ms: MarketState, account: Account, closing: Side, side: PositionSide
    ) -> int:
        """Lots of a position that stops and reduce-only orders of the closing side cover."""
        orders = sum(
            order.remaining
            for order in _of(account.open.values(), ms, closing, side)
            if order.reduce_only or order.conditional_id or order.kind in STOPS
        )
        return orders + sum(
            ALL if one.command.close_position else one.command.lots
            for one in account.conditionals.values()
            if _is_stop(one, ms, closing, side)
        )

    def sides(self, ms: MarketState, account: Account) -> Iterator[tuple[PositionSide, int]]:
        """Each position side that an account holds here, with its lots."""
        for (name, side), position in ms.positions.items():
            if name == account.name and position.lots:
                yield side, position.lots


class SpotProduct(Product):
    """Coins that are held, and can be sold only while they are."""

    opens_shorts = False

    def held(self, market: Market) -> str:
        return market.base

    def gained(self, market: Market, fill: Fill) -> int:
        fee = fill.fee if fill.fee_asset == market.base else 0
        return super().gained(market, fill) - fee

    def changes(self, market: Market, fill: Fill) -> dict[str, int]:
        changes = {market.base: super().gained(market, fill)}
        changes[market.quote] = -sign(fill.side) * fill.cost
        changes[fill.fee_asset] = changes.get(fill.fee_asset, 0) - fill.fee
        return changes

    def cash(self, market: Market) -> tuple[str, ...]:
        return ()

    def protectable(self, state: State, ms: MarketState, account: Account) -> int:
        locked = account.locked(Wallet.SPOT, ms.market.base)
        return settlement_of(ms).position(state, ms, account) - locked

    def priced_in(self, market: Market) -> str:
        return market.quote

    def worth(self, ms: MarketState, lots: int, at: int) -> tuple[str, int]:
        return ms.market.base, lots * ms.market.amount_step

    def protected(
        self, ms: MarketState, account: Account, closing: Side, side: PositionSide
    ) -> int:
        orders = _of(account.open.values(), ms, closing, side)
        return sum(order.remaining for order in orders if order.kind in TRIGGERED_TYPES)

    def sides(self, ms: MarketState, account: Account) -> Iterator[tuple[PositionSide, int]]:
        """Coins have no sides: none."""
        yield from ()


def _of(
    orders: Iterable[Order], ms: MarketState, closing: Side, side: PositionSide
) -> Iterator[Order]:
    """The orders of a market that trade one side of a position."""
    for order in orders:
        is_here = order.symbol == ms.market.symbol and order.side is closing
        if is_here and order.position_side is side:
            yield order


def _is_stop(one: ConditionalOrder, ms: MarketState, closing: Side, side: PositionSide) -> bool:
    """Whether a conditional order waits to end a position at a loss."""
    command = one.command
    is_here = command.symbol == ms.market.symbol and command.position_side is side
    return one.is_waiting and is_here and command.side is closing and command.kind in STOPS


PRODUCTS: dict[str, Product] = {"spot": SpotProduct()}  # by `Market.kind`
POSITIONS = Product()


def product_of(market: Market) -> Product:
    """The product that a market trades."""
    return PRODUCTS.get(market.kind, POSITIONS)


class Gain(NamedTuple):
    """What a fill has gained, in atoms: of what is held in its market, and of each asset."""

    fill: Fill
    held: int
    changes: dict[str, int]


class Traded:
    """What an account's trades have gained, in atoms, after fees."""

    def __init__(self) -> None:
        self.total: dict[str, int] = {}  # by asset
        self.held: dict[str, int] = {}  # by market: of what is held there
        self.lots: dict[tuple[str, Side], int] = {}  # by market and side: bought, or sold
        self.cash: dict[str, None] = {}  # assets of which the ledger alone knows what was gained
        self._late: deque[Gain] = deque(maxlen=LATE_KEPT_MAX)

    def add(self, fill: Fill, market: Market) -> None:
        """Note one fill of the account."""
        product = product_of(market)
        self.cash.update(dict.fromkeys(product.cash(market)))
        held, changes = product.gained(market, fill), product.changes(market, fill)
        self.held[fill.symbol] = self.held.get(fill.symbol, 0) + held
        key = (fill.symbol, fill.side)
        self.lots[key] = self.lots.get(key, 0) + fill.lots
        for asset, atoms in changes.items():
            self.total[asset] = self.total.get(asset, 0) + atoms
        self._late.append(Gain(fill, held, changes))

    def newest(self, since: int) -> list[Gain]:
        """What was gained since an instant, oldest first."""
        return [*takewhile(lambda gain: gain.fill.at > since, reversed(self._late))][::-1]


def currency_of(state: State) -> str:
    """The currency of a verdict: USDT where a market deals in it, else what most settle in."""
    markets = [ms.market for ms in state.markets.values()]
    priced = [product_of(market).priced_in(market) for market in markets]
    if not markets or USDT in priced or any(market.base == USDT for market in markets):
        return USDT
    return Counter(priced).most_common(1)[0][0]


def sign(side: Side) -> int:
    """+1 for a buy, -1 for a sell."""
    return 1 if side is Side.BUY else -1
