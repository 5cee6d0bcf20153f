"""Operator commands: lawful incidents of markets, orders and accounts."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from heapq import heapify
from typing import TypeAlias

from failing_exchange.core import commands as c
from failing_exchange.core.conditional_orders import expire_all
from failing_exchange.core.events import (
    ApiChanged,
    BalanceChanged,
    FillCapped,
    FuturesBalanceChanged,
    LiquidityPulled,
    MarketChanged,
    PriceMoved,
    TradeBusted,
    VenueRestarted,
)
from failing_exchange.core.futures_wallet import balance_of, note_change
from failing_exchange.core.joint_margin import futures_assets, withdrawable
from failing_exchange.core.ledger import WORLD, Wallet, futures_wallet
from failing_exchange.core.market import MEMORY_MAX, TRADING, MarketStatus, Prevention, Rules
from failing_exchange.core.matching import finish, trade, trim_reducing
from failing_exchange.core.order import BUY, SELL, TRIGGERED_TYPES, Order, Side, Status, Why
from failing_exchange.core.place_order import enter
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.core.settlement import assets_of, settlement_of
from failing_exchange.core.state import (
    FILLS_KEPT_MAX,
    HALTS_MAX,
    LOCKS_MAX,
    NEVER,
    Account,
    Cap,
    Halt,
    Lock,
    MarketState,
    State,
    search_again,
)
from failing_exchange.core.stop_triggers import stop_of
from failing_exchange.core.time_step import make_live
from failing_exchange.core.units import PPM, SECOND
from failing_exchange.core.venue_commands import (
    LONGEST,
    CalledOff,
    CallOff,
    ConnectionsCut,
    CutConnections,
    MaintenancePlanned,
    PlanMaintenance,
)
from failing_exchange.text.number_checks import is_whole
from failing_exchange.text.spelling import did_you_mean

DELISTED = MarketStatus.DELISTED
PPM_MAX = 1_000 * PPM  # a price moves by at most a thousand times itself at once
MOVED_MAX = 10**15  # ticks of all moves of a price together; one more is refused
NUMBER_MAX = 10**24  # atoms, lots, ticks and nanoseconds of a command; more is refused
# The least and the most of a rule that is changed while the market trades.
RANGES: dict[str, tuple[int, int]] = {
    "price_every": (1, NUMBER_MAX), "amount_every": (1, NUMBER_MAX), "amount_min": (1, NUMBER_MAX),
    "amount_max": (1, NUMBER_MAX), "market_amount_max": (1, NUMBER_MAX),
    "cost_min": (0, NUMBER_MAX), "price_min": (1, NUMBER_MAX), "price_max": (1, NUMBER_MAX),
    "orders_max": (0, NUMBER_MAX), "maker_fee": (0, PPM), "taker_fee": (0, PPM),
    "fee_discount": (0, PPM), "depth_memory": (0, MEMORY_MAX),
}  # fmt: skip
KINDS: dict[str, type] = {"prevention": Prevention, "rules": Rules}
CHANGEABLE = (*RANGES, "price_band", *KINDS)
NULLABLE = ("amount_max", "market_amount_max", "price_max", "orders_max", "price_band", "rules")
# Rules that are fixed while a market trades, and what to do instead.
FIXED = {
    "symbol": "add another market instead",
    "base": "add another market instead",
    "quote": "add another market instead",
    "price_step": "make it coarser with price_every",
    "kind": "add another market instead",
    "amount_step": "make it coarser with amount_every",
    "status": "use SetMarketStatus",
}


def change_rules(state: State, command: c.ChangeRules, at: int) -> None:
    """Change the named rules of a market; all others stay."""
    ms = state.market(command.symbol, at)
    old = ms.market
    for name, value in command.changes:
        _check_rule(old.symbol, name, value)
    ms.market = new = replace(old, **dict(command.changes))
    if new.depth_memory != old.depth_memory:
        ms.liquidity.change_memory(new.depth_memory)
        ms.has_moved()
        search_again(state, ms, at)
    state.events.append(MarketChanged(new.symbol, new.status, "rules", at))


def _check_rule(symbol: str, name: str, value: object) -> None:
    """Raise `Reject` for an unknown rule, or one that is fixed while the market trades."""
    if name in FIXED:
        raise Reject(Reason.BAD_REQUEST, f"{name} of {symbol} is fixed; {FIXED[name]}")
    if name not in CHANGEABLE:
        text = (
            f"no rule {name!r}{did_you_mean(name, CHANGEABLE)} (there are {', '.join(CHANGEABLE)})"
        )
        raise Reject(Reason.BAD_REQUEST, text)
    if value is None and name in NULLABLE:
        return
    if name in RANGES:
        _check(f"{name} of {symbol}", value, *RANGES[name], optional=False)
    elif name == "price_band":
        if not isinstance(value, tuple) or len(value) != 2:
            text = f"price_band of {symbol} is two numbers, below and above, not {value!r}"
            raise Reject(Reason.BAD_REQUEST, text)
        _check(f"price_band of {symbol}, below", value[0], 0, PPM, optional=False)
        _check(f"price_band of {symbol}, above", value[1], 0, PPM_MAX, optional=False)
    elif not isinstance(value, KINDS[name]):
        text = f"{name} of {symbol} must be a {KINDS[name].__name__}, not {value!r}"
        raise Reject(Reason.BAD_REQUEST, text)


def _check(name: str, value: object, least: int, most: int, *, optional: bool = True) -> None:
    """Raise `Reject` unless `value` is an integer in a range. `optional`: None is accepted."""
    is_valid = is_whole(value) and least <= value <= most
    if not is_valid and not (optional and value is None):
        raise Reject(Reason.BAD_REQUEST, f"{name} must be from {least} to {most}, not {value!r}")


def move_price(state: State, command: c.MovePrice, at: int) -> None:
    """Move the price of the background from its next second on, or at once."""
    ms = state.market(command.symbol, at)
    _check("ppm", command.ppm, 1 - PPM, PPM_MAX)
    _check("nanoseconds", command.nanoseconds, 1, NUMBER_MAX)
    last = ms.tape.last(at // SECOND)
    _check("ticks", command.ticks, -NUMBER_MAX, NUMBER_MAX)
    ticks = command.ticks or _part(last, command.ppm)
    moved = ms.liquidity.shifts.at(at // SECOND + 1) + ticks
    _check(f"ticks by which {command.symbol} is moved in all", moved, -MOVED_MAX, MOVED_MAX)
    ms.liquidity.move(ticks)
    ms.has_moved()
    if command.at_once and ms.market.status is TRADING:
        _jump(ms, ticks, last, at)
    search_again(state, ms, at)
    if command.nanoseconds is not None:
        back = c.MovePrice(command.symbol, ticks=-ticks)
        state.schedule(at + command.nanoseconds, back)
    state.events.append(PriceMoved(command.symbol, ticks, at))


def _jump(ms: MarketState, ticks: int, last: int, at: int) -> None:
    """Move the offers now, and record a trade of the smallest amount at the new price."""
    bid, ask = ms.book.best(BUY), ms.book.best(SELL)
    moved = ms.liquidity.jump(ticks, bid.ticks if bid else 0, ask.ticks if ask else 0)
    ms.redrawn(at)
    if last and moved:
        side = BUY if moved > 0 else SELL
        ms.tape.add(max(1, last + moved), ms.market.amount_min, side, at=at, operator=True)


def _part(ticks: int, ppm: int) -> int:
    """`ppm` of a price, rounded towards zero."""
    part = ticks * abs(ppm) // PPM
    return part if ppm > 0 else -part


def pull_liquidity(state: State, command: c.PullLiquidity, at: int) -> None:
    """Withdraw the background's offers up to a price, until its next second."""
    ms = state.market(command.symbol, at)
    _check("ppm", command.ppm, 0, PPM_MAX)
    _check("lots", command.lots, 0, NUMBER_MAX)
    best = ms.liquidity.best(command.side)
    if not best:
        return
    away = best * command.ppm // PPM
    ticks = best + away if command.side is Side.SELL else best - away
    ms.liquidity.pull(command.side, ticks, command.lots)
    ms.redrawn(at)
    state.events.append(LiquidityPulled(command.symbol, command.side, ticks, at))


def cross_order(state: State, command: c.CrossOrder, at: int) -> None:
    """Trade against an order at its own price; raise `Reject` for one that can't trade now.

    An order that waits for its trigger is triggered first, by a print at its stop price. What is
    left of it is kept off the book until the next second, so that a cancel can come between.
    """
    _check("lots", command.lots, 0, NUMBER_MAX)
    order = _open_order(state, command.order_id)
    if not own_price(order):
        text = f"order {order.id} ({order.status}) has no price at which it could trade now"
        raise Reject(Reason.BAD_REQUEST, text)
    ms, waits = state.market(order.symbol, at), order.status is Status.WAITING
    if waits:
        if not make_live(state, ms, order, stop_of(order), at):
            return
        order.held = True
    lots = min(command.lots or order.remaining, order.remaining)
    trade(state, ms, None, order, own_price(order), lots, at, operator=True)
    if waits and order.held:
        state.schedule((at // SECOND + 1) * SECOND, c.ReleaseOrder(order.id))


def _open_order(state: State, order_id: int) -> Order:
    order = state.orders.get(order_id)
    if order is None:
        known = 0 < order_id < state.next_order_id
        if known:
            raise Reject(Reason.ORDER_NOT_FOUND, ended=order_id)
        raise Reject(Reason.ORDER_NOT_FOUND, never=order_id)
    return order


def own_price(order: Order) -> int:
    """The price at which somebody could trade against an order now, in ticks; 0 for none."""
    if order.status is Status.OPEN or order.status is Status.WAITING:
        return order.ticks or (stop_of(order) if order.kind in TRIGGERED_TYPES else 0)
    return 0


def release_order(state: State, command: c.ReleaseOrder, at: int) -> None:
    """Let a held order match."""
    order = _open_order(state, command.order_id)
    if order.held:
        order.held = False
        enter(state, state.market(order.symbol, at), order, at)


def cap_next_fill(state: State, command: c.CapNextFill, at: int) -> None:
    """Limit how far the account's next order fills at once."""
    _check("ppm", command.ppm, 0, PPM)
    _check("rest_after", command.rest_after, 0, NUMBER_MAX)
    state.account(command.account).cap = Cap(command.ppm, command.rest_after)
    state.events.append(FillCapped(command.account, command.ppm, at))


def cancel_orders(state: State, command: c.OperatorCancel, at: int) -> None:
    """Cancel or expire one order, or every open order of a market or of all."""
    orders: list[Order]
    if command.order_id:
        orders = [_open_order(state, command.order_id)]
    else:
        if command.symbol:
            state.market(command.symbol, at)
        every = state.orders.values()
        orders = [o for o in every if not command.symbol or o.symbol == command.symbol]
    status = Status.EXPIRED if command.expire else Status.CANCELED
    for order in orders:
        if order.is_open:
            state.begin_transaction(at)
            finish(state, state.market(order.symbol, at), order, status, at, why=Why.BY_VENUE)


def restart(state: State, command: c.Restart, at: int) -> None:
    """Restart the venue, with or without the open orders."""
    if command.lose_orders:
        cancel_orders(state, c.OperatorCancel(), at)
        expire_all(state, "", Why.BY_VENUE, at)
    state.events.append(VenueRestarted(command.lose_orders, at))


def change_api(state: State, command: c.ChangeApi, at: int) -> None:
    """Record that a change of the venue's API is in force, now or later."""
    if command.after:
        state.schedule(at + command.after, c.ChangeApi(command.change))
        return
    state.api_changes[command.change] = None
    state.events.append(ApiChanged(command.change, at))


def plan_maintenance(state: State, command: PlanMaintenance, at: int) -> None:
    """Record a maintenance, or the end of all."""
    for name in ("nanoseconds", "after"):
        value = getattr(command, name)
        if not 0 <= value <= LONGEST:
            raise Reject(Reason.BAD_REQUEST, f"{name} is from 0 to {LONGEST}, not {value}")
    start = at + command.after
    told = MaintenancePlanned(start, command.nanoseconds, command.message, at)
    state.events.append(told)


def cut_connections(state: State, command: CutConnections, at: int) -> None:
    """Record that connections break."""
    state.events.append(ConnectionsCut(command.kind, at))


def call_off(state: State, command: CallOff, at: int) -> None:
    """Forget planned commands; those of the exchange itself, such as ends of halts, stay."""
    kept = [item for item in state.agenda if not item.planned]
    count = len(state.agenda) - len(kept)
    heapify(kept)
    state.agenda = kept
    state.events.append(CalledOff(count, command.why, at))


def credit(state: State, command: c.Credit, at: int) -> None:
    """Credit a wallet of an account from outside."""
    _check_wallet(state, command)
    _check("atoms", command.atoms, 1, NUMBER_MAX)
    state.ledger.transfer(WORLD, _name_of(command), command.asset, command.atoms, at=at)
    _note_paid(state, command, command.atoms, at, "credit")


def debit(state: State, command: c.Debit, at: int) -> None:
    """Debit what a wallet of an account has free, at most all of it."""
    _check_wallet(state, command)
    _check("atoms", command.atoms, 1, NUMBER_MAX)
    atoms = min(command.atoms, _free(state, command, at))
    state.ledger.transfer(_name_of(command), WORLD, command.asset, atoms, at=at)
    _note_paid(state, command, -atoms, at, "debit")


OfWallet: TypeAlias = c.Credit | c.Debit | c.Freeze | c.EndFreezes


def _check_wallet(state: State, command: OfWallet) -> None:
    """Raise `Reject` for an account, an asset or a wallet that there is not."""
    state.account(command.account)
    if command.wallet is Wallet.SPOT:
        check_asset(state, command.asset)
        return
    settling = futures_assets(state)
    if command.asset not in settling:
        text = (
            f"no asset {command.asset!r} in futures wallets"
            f"{did_you_mean(command.asset, settling)} (there are {', '.join(settling)})"
            if settling
            else "no futures wallets here: no market is a contract (there are spot wallets)"
        )
        raise Reject(Reason.BAD_REQUEST, text)


def _name_of(command: OfWallet) -> str:
    """The name in the ledger of the wallet that a command is about."""
    name = command.account
    return name if command.wallet is Wallet.SPOT else futures_wallet(name)


def _free(state: State, command: OfWallet, at: int) -> int:
    """What the wallet has free."""
    if command.wallet is Wallet.SPOT:
        return state.ledger.free(command.account, command.asset)
    return withdrawable(state, state.account(command.account), command.asset, at)


def _note_paid(state: State, command: OfWallet, atoms: int, at: int, why: str) -> None:
    if command.wallet is Wallet.SPOT:
        note_balance(state, command.account, command.asset, atoms, 0, at, why)
    elif atoms:
        note_change(state, command.account, command.asset, atoms, at, why)


def check_asset(state: State, asset: str) -> None:
    """Raise `Reject` for an asset that is neither traded nor held here."""
    known = assets_of(state)
    if asset not in known:
        raise Reject(
            Reason.BAD_REQUEST,
            f"no asset {asset!r} here{did_you_mean(asset, known)} (there are {', '.join(known)})",
        )


def note_balance(
    state: State, account: str, asset: str, free: int, used: int, at: int, why: str
) -> None:
    """Record that a balance has changed without a trade."""
    state.events.append(BalanceChanged(account, asset, free, used, at, why))


def bust_trade(state: State, command: c.BustTrade, at: int) -> None:
    """Undo a trade: each side gets back what it gave, as far as the other still has it free.

    What is missing is paid by the background. Fees are returned; the orders keep their fills.
    """
    ms = state.market(command.symbol, at)
    if command.trade_id in ms.busted:
        raise Reject(Reason.BAD_REQUEST, f"trade {command.trade_id} was undone already")
    fills = [
        fill
        for account in state.accounts.values()
        for fill in account.fills
        if fill.trade_id == command.trade_id and fill.symbol == command.symbol
    ]
    if not fills:
        raise Reject(Reason.BAD_REQUEST, f"no client's trade {command.trade_id} is on record")
    ms.busted[command.trade_id] = None
    if len(ms.busted) > FILLS_KEPT_MAX:
        del ms.busted[next(iter(ms.busted))]
    for fill in fills:
        settlement_of(ms).undo(state, ms, fill, at)
        if ms.market.contract is not None:
            trim_reducing(state, ms, fill.account, at)
    state.events.append(TradeBusted(command.symbol, command.trade_id, at))


def settle_due(state: State, command: c.SettleDue, at: int) -> None:
    """Have a market's settlement do what falls due now."""
    ms = state.market(command.symbol, at)
    if at != ms.due_at:
        return  # it has been put off, or moved up
    ms.due_at = 0
    settlement_of(ms).due(state, ms, at)


def open_account(state: State, command: c.OpenAccount, at: int) -> None:
    """Open an account and pay in its first balances; opening it again only pays in."""
    if command.account not in state.accounts:
        account = Account(command.account, fee_asset=command.fee_asset)
        account.opened_at = at
        state.accounts[command.account] = account
    state.ledger.open(command.account)
    if state.contracts:
        state.ledger.open(futures_wallet(command.account))
    for asset, atoms in command.balances:
        state.ledger.transfer(WORLD, command.account, asset, atoms, at=at)
        note_balance(state, command.account, asset, atoms, 0, at, "deposit")
    for asset, atoms in command.futures:
        wallet = futures_wallet(command.account)
        state.ledger.transfer(WORLD, wallet, asset, atoms, at=at)
        if not command.balances:
            note_change(state, command.account, asset, atoms, at, "deposit")
            continue
        # Not an event beside a spot wallet: clients of Spot are told the numbers of events, and
        # must not see that there are contracts.
        held = balance_of(state, wallet, asset)
        change = FuturesBalanceChanged(command.account, asset, atoms, held, at, "deposit")
        state.accounts[command.account].changes.append(change)


# ---- halts of markets and locks of funds: they may overlap, and each ends by itself


def set_status(state: State, command: c.SetMarketStatus, at: int) -> None:
    """Halt a market, let it only cancel, or end all that holds it up."""
    ms, until = state.market(command.symbol, at), _end(command.nanoseconds, at)
    if DELISTED in (command.status, ms.market.status) and command.status is not TRADING:
        told = f"{command.symbol} is delisted" if ms.market.status is DELISTED else "use Delist"
        raise Reject(Reason.BAD_REQUEST, f"{told}; SetMarketStatus TRADING lists a market again")
    if command.status is not TRADING:
        _halt(state, ms, Halt(command.status, until))
    elif command.nanoseconds is None:
        ms.halts.clear()
    else:
        raise Reject(
            Reason.BAD_REQUEST, f"{command.symbol} trades until it is halted: leave out nanoseconds"
        )
    _become(state, ms, command.status, at)


def delist(state: State, command: c.Delist, at: int) -> None:
    """Expire all orders of a spot market, and stop trading.

    Binance, enums.md, 2026-07-21: `EXPIRED` is an order that the exchange has canceled, `CANCELED`
    one that its user has.
    """
    ms = state.market(command.symbol, at)
    if ms.market.contract is not None:
        told = f"{command.symbol} is a contract: SettleContract delists it"
        raise Reject(Reason.BAD_REQUEST, told)
    cancel_orders(state, c.OperatorCancel(symbol=command.symbol, expire=True), at)
    ms.halts = [Halt(DELISTED, NEVER)]
    _become(state, ms, DELISTED, at)


def _halt(state: State, ms: MarketState, new: Halt) -> None:
    """Let a halt hold before the others; those that end with it or sooner are forgotten."""
    longer = [halt for halt in ms.halts if halt.until > new.until]
    if len(longer) >= HALTS_MAX:
        raise Reject(
            Reason.BAD_REQUEST, f"{ms.market.symbol} has {HALTS_MAX} halts already: resume it first"
        )
    if new.until < NEVER:
        state.schedule(new.until, c.EndHalts(ms.market.symbol))
    ms.halts = [*longer, new]


def end_halts(state: State, command: c.EndHalts, at: int) -> None:
    """End the halts whose time is over; the market has the status of the last one left."""
    ms = state.market(command.symbol, at)
    ms.halts = [halt for halt in ms.halts if halt.until > at]
    status = ms.halts[-1].status if ms.halts else TRADING
    if status is not ms.market.status:
        _become(state, ms, status, at)


def _become(state: State, ms: MarketState, status: MarketStatus, at: int) -> None:
    ms.market = replace(ms.market, status=status)
    ms.halted_at = (ms.halted_at or at) if status is not TRADING else 0
    ms.watch_all()
    if status is TRADING:  # prices that moved meanwhile may cross resting orders
        ms.hold_off()
        ms.redrawn(at)
    search_again(state, ms, at)
    state.events.append(MarketChanged(ms.market.symbol, status, "status", at))


def freeze(state: State, command: c.Freeze, at: int) -> None:
    """Lock a part of a free balance without an order, or (negative) release it."""
    _check_wallet(state, command)
    until = _end(command.nanoseconds, at)
    if command.atoms < 0:
        _release(state, command, -command.atoms, at)
        return
    atoms = min(command.atoms, _free(state, command, at))
    if atoms:
        _lock(state, command, Lock(until, atoms))
    _note_locked(state, command, atoms, at)


def _note_locked(state: State, command: OfWallet, atoms: int, at: int) -> None:
    """Lock atoms, or release them (below 0), and record it.

    The ledger holds what is locked in a spot wallet. A futures wallet keeps it: it is margin.
    """
    account, asset, ledger = command.account, command.asset, state.ledger
    if command.wallet is Wallet.FUTURES:
        balance = balance_of(state, futures_wallet(account), asset)
        state.events.append(FuturesBalanceChanged(account, asset, 0, balance, at, "lock"))
        return
    if atoms > 0:
        ledger.reserve(account, asset, atoms, at)
    else:
        ledger.release(account, asset, -atoms, at=at)
    note_balance(state, account, asset, -atoms, atoms, at, "lock")


def _lock(state: State, command: c.Freeze, new: Lock) -> None:
    """Note a lock among the others, by its end; those that end together are one."""
    wallet, asset = command.wallet, command.asset
    locks = state.account(command.account).locks.setdefault((wallet, asset), [])
    place = bisect_left(locks, (new.until, 0))
    if place < len(locks) and locks[place].until == new.until:
        locks[place] = Lock(new.until, locks[place].atoms + new.atoms)
        return
    if len(locks) >= LOCKS_MAX:
        raise Reject(
            Reason.BAD_REQUEST,
            f"{asset} of {command.account} has {LOCKS_MAX} locks already: release some first",
        )
    if new.until < NEVER:
        state.schedule(new.until, c.EndFreezes(command.account, asset, wallet))
    locks.insert(place, new)


def end_freezes(state: State, command: c.EndFreezes, at: int) -> None:
    """Release the locks whose time is over."""
    locks = state.account(command.account).locks.get((command.wallet, command.asset), [])
    over = sum(lock.atoms for lock in locks if lock.until <= at)
    if over:
        _release(state, command, over, at)


def _release(state: State, command: c.Freeze | c.EndFreezes, most: int, at: int) -> None:
    """Release up to `most` atoms, of the lock that ends first before the others."""
    locks = state.account(command.account).locks.get((command.wallet, command.asset), [])
    released = 0
    while locks and released < most:
        until, atoms = locks.pop(0)
        taken = min(atoms, most - released)
        released += taken
        if taken < atoms:
            locks.insert(0, Lock(until, atoms - taken))
    _note_locked(state, command, -released, at)


def _end(nanoseconds: int | None, at: int) -> int:
    """When something ends that begins now and lasts so long; None: `NEVER`."""
    if nanoseconds is None:
        return NEVER
    if nanoseconds < 1:
        raise Reject(
            Reason.BAD_REQUEST,
            f"it must last at least 1 ns, not {nanoseconds}; leave nanoseconds out for good",
        )
    return at + nanoseconds
