"""A run as text: trips in words, and the tables and lines that a terminal shows."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from failing_exchange.core import events as e, queries as q
from failing_exchange.core.commands import BatchDone, PlaceConditional, PlaceOrder
from failing_exchange.core.conditional_order import Conditionals, ConditionalSnapshot
from failing_exchange.core.contract_queries import (
    CollateralRows,
    ContractHistory,
    Funding,
    FundingRates,
    Incomes,
    Insurance,
    OpenInterest,
    PriceCandles,
)
from failing_exchange.core.market import Market, parse_symbol
from failing_exchange.core.order import Fill, OrderSnapshot
from failing_exchange.core.queries import Ticker
from failing_exchange.core.reject import Reject
from failing_exchange.core.units import atoms_text
from failing_exchange.journal.trip import Damaged, Edited, Trip
from failing_exchange.judge.products import product_of
from failing_exchange.judge.verdict import Verdict
from failing_exchange.report.operator_text import OF_OPERATOR
from failing_exchange.text.durations import span
from failing_exchange.venue.venue_clock import instant_text
from failing_exchange.virtual.wallclock import REAL

if TYPE_CHECKING:
    from rich.console import Console

NAMED_MAX = 6  # items of a list that are named; the others are counted
RULES_SHOWN = 5  # broken rules that a summary explains; the others are named
TROUBLE_SHOWN = 3  # trips of which the two columns are shown
WIDTH_PIPED = 10_000  # columns where no terminal limits them: nothing is cut or wrapped


# ---- a trip in words

ORDERS = (PlaceOrder, PlaceConditional)


def request_text(trip: Trip, market: Market | None) -> str:
    """What was asked for: an order in words, else the market."""
    command = trip.command
    if not isinstance(command, ORDERS) or market is None:
        return trip.symbol
    if isinstance(command, PlaceConditional):
        amount = market.amount_text(command.lots) if command.lots else "the position of"
        stop = f" at {market.price_text(command.stop_ticks)}" if command.stop_ticks else ""
        return f"{command.side} {amount} {market.base}, {command.kind.replace('_', ' ')}{stop}"
    amount = market.amount_text(command.lots) if command.lots else "for its cost"
    price = f" at {market.price_text(command.ticks)}" if command.ticks else ""
    return f"{command.side} {amount} {market.base}{price}"


def asked_text(trip: Trip, market: Market | None) -> str:
    """The operation, and what was asked for."""
    colon = ":" if isinstance(trip.command, ORDERS) and market is not None else ""
    return f"{trip.operation}{colon} {request_text(trip, market)}".strip()


def happened_text(trip: Trip, markets: Mapping[str, Market]) -> str:
    """The first column."""
    return "; ".join(event_text(event, markets) for event in trip.happened) or "nothing"


def event_text(event: Any, markets: Mapping[str, Market]) -> str:
    """One event."""
    if isinstance(event, e.OrderFilled) and event.fill.symbol in markets:
        return _fill(event.fill, markets)
    say = OF_CONTRACTS.get(type(event)) or OF_OPERATOR.get(type(event))
    symbol = getattr(event, "symbol", "")
    if say is not None and (not symbol or symbol in markets):
        return say(event, markets.get(symbol))
    words = _words(type(event).__name__.removeprefix("Order"))
    order_id = getattr(event, "order_id", None)
    return words if order_id is None else f"order {order_id} {words}"


def told_text(trip: Trip, markets: Mapping[str, Market]) -> str:
    """The second column: what the client received; "nothing" if the answer was lost or too late."""
    if trip.hung_up:
        return "connection lost"
    if trip.told is None or trip.gave_up_at:
        return "nothing"
    if isinstance(trip.told, Reject):
        return f"no: {trip.words(trip.told)}"
    return answer_text(trip.told, markets.get(trip.symbol), markets)


def answer_text(told: Any, market: Market | None, markets: Mapping[str, Market] = {}) -> str:
    """What an answer says, as short as it tells one from another."""
    if isinstance(told, Reject):
        return f"no: {told.text}"
    if isinstance(told, Damaged):
        return "bytes that can't be read"
    if isinstance(told, Edited):
        edits = ", ".join(map(_edit, told.edits))
        return f"{answer_text(told.answer, market, markets)}; with {edits}"
    if isinstance(told, OrderSnapshot):
        return _order(told, markets)
    if isinstance(told, q.Orders):
        return _some("orders", told.orders, lambda one: _order(one, markets))
    if isinstance(told, q.Fills):
        return _some("fills", told.fills, lambda one: _fill(one, markets))
    if isinstance(told, BatchDone):
        return answer_text(told.results, market, markets)
    if isinstance(told, tuple) and type(told) is tuple:  # of answers, as for several markets
        return _some("answers", told, lambda one: answer_text(one, market, markets))
    say = SAYS.get(type(told))
    return say(told) if say is not None else _words(type(told).__name__)


def _edit(edit: tuple[str, Any]) -> str:
    """A field that says something else; "*" is the whole answer."""
    name, value = edit
    text = json.dumps(value, default=str)
    return f"{text} in its place" if name == "*" else f"{name} = {text}"


def _some(what: str, found: Sequence[Any], say: Callable[[Any], str]) -> str:
    """How many, and the first of them."""
    if not found:
        return f"no {what}"
    if len(found) == 1:
        return say(found[0])
    more = "; …" if len(found) > NAMED_MAX else ""
    return f"{len(found)} {what}: {'; '.join(map(say, found[:NAMED_MAX]))}{more}"


def _order(told: OrderSnapshot, markets: Mapping[str, Market]) -> str:
    market = markets.get(told.order.symbol)
    if market is None:
        return f"order {told.order.id} {told.status.value}"
    filled, amount = market.amount_text(told.filled), market.amount_text(told.lots)
    return f"order {told.order.id} {told.status.value}: {filled} of {amount} filled"


def _fill(fill: Fill, markets: Mapping[str, Market]) -> str:
    market = markets[fill.symbol]
    amount, price = market.amount_text(fill.lots), market.price_text(fill.ticks)
    return f"order {fill.order_id}: {fill.side} {amount} at {price}"


def _prices(market: Market, **ticks: int | None) -> str:
    said = ((name, "none" if t is None else market.price_text(t)) for name, t in ticks.items())
    return ", ".join(f"{name} {text}" for name, text in said)


def _best(side: Sequence[tuple[int, int]] | None) -> int | None:
    return side[0][0] if side else None


def _balances(told: q.Balances) -> str:
    held = [(asset, free, used) for asset, (free, used) in told.assets.items() if free or used]
    some = (
        f"{asset} {atoms_text(free)} free, {atoms_text(used)} used"
        for asset, free, used in held[:NAMED_MAX]
    )
    return "; ".join(some) + ("; …" if len(held) > NAMED_MAX else "") if held else "no balances"


def _position(told: q.PositionReport) -> str:
    held = _held(told.lots, told.market)
    if not told.lots:
        return held
    entry, profit = atoms_text(told.entry), signed_text(told.unrealised)
    return f"{held} at {entry}, unrealised {profit}"


def _held(lots: int, market: Market) -> str:
    """How large a position is."""
    if not lots:
        return f"no position in {market.symbol}"
    return f"{'short' if lots < 0 else 'long'} {market.amount_text(abs(lots))} {market.symbol}"


def signed_text(atoms: int) -> str:
    """A change of money, with its sign.

    >>> signed_text(150_000_000), signed_text(-5)
    ('+1.5', '-0.00000005')
    """
    return f"{'+' if atoms >= 0 else '-'}{atoms_text(abs(atoms))}"


def _margins(told: q.Margins) -> str:
    """What a futures wallet has and what new orders can use; nothing of empty assets."""
    held = [
        f"{name} {atoms_text(one.wallet + one.isolated)}, {atoms_text(one.available)} available"
        for name, one in told.assets.items()
        if one.wallet or one.isolated
    ]
    return f"futures wallet: {'; '.join(held) or 'empty'}"


def _account(told: q.FuturesAccount) -> str:
    held = [one for one in told.positions if one.lots]
    return f"{_margins(told.margins)}; {_some('positions', held, _position)}"


def _settings(event: e.MarginSettingsChanged, market: Market | None) -> str:
    where = f" in {event.symbol}" if event.symbol else ""
    return f"{event.setting.replace('_', ' ')} {event.value}{where}"


def _moved(event: e.PositionChanged, market: Market | None) -> str:
    assert market is not None
    profit = f", realised {signed_text(event.profit)}" if event.profit else ""
    return f"{event.account}: {_held(event.lots, market)} ({event.why}{profit})"


def _conditional(event: e.ConditionalChanged, market: Market | None) -> str:
    placed = f", order {event.order_id}" if event.order_id else ""
    return f"conditional order {event.conditional_id} {event.status}{placed}"


# The events of contracts that are more than the name of their class; the market may be None where
# the event names none.
OF_CONTRACTS: dict[type, Callable[[Any, Market | None], str]] = {
    e.PositionChanged: _moved,
    e.ConditionalChanged: _conditional,
    e.MarginSettingsChanged: _settings,
    e.FuturesBalanceChanged: lambda n, m: (
        f"{n.account}: futures wallet {signed_text(n.change)} {n.asset} ({n.why})"
    ),
    e.PositionLiquidated: lambda n, m: (
        f"{n.account}: position in {n.symbol} is liquidated by order {n.order_id}"
    ),
    e.MarginCalled: lambda n, m: (
        f"{n.account}: margin call, {atoms_text(n.balance)} {n.asset} for a maintenance margin of "
        f"{atoms_text(n.maintenance)}"
    ),
    e.FundingPaid: lambda n, m: f"funding of {n.symbol} at {atoms_text(n.rate * 100)} %",
    e.ContractSettled: lambda n, m: f"{n.symbol} settled at {m.price_text(n.ticks) if m else '?'}",
}


def _words(name: str) -> str:
    """The name of a class in words."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()


# What the answers say that are of one market, or of none.
SAYS: dict[type, Callable[[Any], str]] = {
    Ticker: lambda t: _prices(
        t.market, bid=t.bid and t.bid[0], ask=t.ask and t.ask[0], last=t.last
    ),
    q.BookSnapshot: lambda t: f"book: {_prices(t.market, bid=_best(t.bids), ask=_best(t.asks))}",
    q.Trades: lambda t: (
        f"{len(t.trades)} trades: {_prices(t.market, last=t.trades[-1].ticks)}"
        if t.trades
        else "no trades"
    ),
    q.Candles: lambda t: (
        f"{len(t.bars)} candles: {_prices(t.market, close=t.bars[-1].close)}"
        if t.bars
        else "no candles"
    ),
    q.AveragePrice: lambda t: _prices(t.market, average=t.ticks),
    q.Balances: _balances,
    q.Markets: lambda t: f"the rules of {len(t.markets)} markets",
    ConditionalSnapshot: lambda t: f"conditional order {t.id} {t.status.value}",
    Conditionals: lambda t: f"{len(t.conditionals)} conditional orders",
    q.Countdown: lambda t: "all orders are canceled later" if t.due_at else "no countdown",
    q.OrderLists: lambda t: f"{len(t.lists)} order lists",
    q.Amendments: lambda t: f"{len(t.amendments)} amendments",
    q.PreventedMatches: lambda t: f"{len(t.matches)} prevented matches",
    q.PositionReport: _position,
    q.Positions: lambda t: _some("positions", t.positions, _position),
    q.FuturesAccount: _account,
    Incomes: lambda t: f"{len(t.incomes)} entries of the ledger",
    Funding: lambda t: f"funding of {t.market.symbol}: {atoms_text(t.rate * 100)} %",
    FundingRates: lambda t: f"{len(t.rates)} funding rates",
    OpenInterest: lambda t: f"open interest {t.market.amount_text(t.lots)}",
    PriceCandles: lambda t: f"{len(t.candles)} candles",
    ContractHistory: lambda t: f"{len(t.rows)} rows of statistics",
    Insurance: lambda t: ", ".join(f"insurance {atoms_text(n)} {a}" for a, n in t.funds.items()),
    CollateralRows: lambda t: f"{len(t.rows)} assets as collateral",
    q.Margins: _margins,
    q.MarkPrice: lambda t: f"mark {atoms_text(t.mark)}",
    q.Leverage: lambda t: f"leverage {t.leverage}",
    q.MarginAdjusted: lambda t: f"margin {atoms_text(t.margin)}",
    q.Transferred: lambda t: (
        f"{atoms_text(t.atoms)} {t.asset} to the {'futures' if t.to_futures else 'spot'} wallet"
    ),
    q.Clock: lambda t: f"the time: {instant_text(t.at)}",
}


# ---- tables and lines of a terminal


class Shown(NamedTuple):
    """What a terminal shows of a run. `struck`: how many requests, and which share of them."""

    bot: str
    seconds: float
    struck: tuple[int, float]
    verdict: Verdict | None
    stopped: str = ""  # why it ended early, where the bot was not the reason
    interrupted: bool = False
    trouble: Sequence[Trip] = ()  # orders that the bot was never told of
    markets: Mapping[str, Market] = {}


def console() -> Console:
    """Standard output: as wide as the terminal, or whole where it is a pipe or a file."""
    from rich.console import Console

    limited = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if limited else WIDTH_PIPED)


class ProgressBar(NamedTuple):
    """A bar on a terminal: `advance(share, name)` shows a share from 0 to 1, `say` a line above."""

    advance: Callable[..., None]
    say: Callable[[str], None]


@contextmanager
def progress_bar(name: str) -> Iterator[ProgressBar]:
    """Show a bar on stderr by the real clock; where that is not a terminal, only what is said."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
        disable=not sys.stderr.isatty(),
        get_time=REAL["perf_counter"],
    )
    with bar:
        task = bar.add_task(name, total=1.0)

        def advance(share: float, name: str | None = None) -> None:
            bar.update(task, completed=share, description=name)
            bar.refresh()

        def say(line: str) -> None:
            bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

        yield ProgressBar(advance, say)


def table(*columns: str) -> Any:
    """An empty table in the style of all of them."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        made.add_column(name)
    return made


def show(runs: Sequence[Shown]) -> None:
    """The table at the end of one or several runs."""
    out, shown = console(), table("")
    for run in runs:
        shown.add_column(run.bot, justify="right")
    for name, values in _rows(runs):
        shown.add_row(name, *values)
    out.print(shown)
    for run in runs:
        if run.stopped:
            out.print(f"Stopped: {run.stopped}", style="red", markup=False)
        if run.interrupted:
            out.print("Interrupted: the table shows the results until then.", style="yellow")


def _rows(runs: Sequence[Shown]) -> list[tuple[str, list[str]]]:
    def cell(verdict: Verdict | None, tell: Callable[[Verdict], str | None]) -> str:
        text = None if verdict is None else tell(verdict)
        return "not judged" if text is None else text

    return [
        ("time simulated", [span(run.seconds) for run in runs]),
        ("requests struck", [f"{run.struck[0]:,} ({run.struck[1]:.1%})" for run in runs]),
        *(
            (name, [cell(run.verdict, tell) for run in runs])
            for name, tell in (*ORDER_ROWS.items(), *_holding_rows(runs), *MONEY_ROWS.items())
        ),
    ]


def _holding_rows(runs: Sequence[Shown]) -> Iterator[tuple[str, Row]]:
    """Rows of what is held in the markets that the bots have traded, coins or positions."""
    markets = next((run.markets for run in runs if run.markets), {})
    traded = {symbol for run in runs if run.verdict is not None for symbol in run.verdict.exposure}
    shown = [one for one in markets.values() if one.symbol in traded] or [*markets.values()][:1]
    for held in list(dict.fromkeys(product_of(one).held(one) for one in shown))[:HELD_SHOWN_MAX]:
        yield f"{held}, believed", partial(_holding, held=held, field="believed")
        yield f"{held}, in truth", partial(_holding, held=held, field="true")


def _count(value: int | None) -> str | None:
    return None if value is None else f"{value:,}"


def _holding(verdict: Verdict, *, held: str, field: str) -> str | None:
    """What trading has gained, as believed or as it is; 0 where nothing was traded."""
    if verdict.holdings is None:
        return None
    one = verdict.holdings.get(held)
    return f"{0.0 if one is None else getattr(one, field):+.5f}"


HELD_SHOWN_MAX = 5  # coins and positions in the table; the results file has all
Row: TypeAlias = Callable[[Verdict], str | None]
ORDER_ROWS: dict[str, Row] = {
    "orders intended": lambda v: _count(v.intended),
    "orders placed": lambda v: _count(v.placed),
    "  duplicated": lambda v: _count(v.duplicated),
    "  never told of": lambda v: _count(v.orphans),
    "intents lost": lambda v: _count(v.lost),
}
MONEY_ROWS: dict[str, Row] = {
    "wrong at the end": lambda v: None if v.wrong is None else v.money_text(v.wrong),
    "lost or at risk": lambda v: v.money_text(v.money),
}


def show_demo(runs: Sequence[Shown], seed: int) -> None:
    """Two bots side by side, who lost money, and why. `seed`: of the runs."""
    out = console()
    show(runs)
    for run in runs:
        if run.trouble:
            out.print(
                f"How the {run.bot} bot came to it, in the journal's two columns:",
                markup=False, highlight=False,
            )  # fmt: skip
            out.print(trip_table(run.trouble[:TROUBLE_SHOWN], run.markets))
            break
    for run in runs:
        if run.verdict is not None:
            hanging = " " * (run.verdict.rule_width + 3)  # below the text of a rule
            for line in summary(run.bot, run.verdict):
                indent = hanging if line.startswith("  ") else ""
                lines = wrap(line, out.width, subsequent_indent=indent, break_on_hyphens=False)
                out.print("\n".join(lines), markup=False, highlight=False)
            out.print()
    command = _command()
    out.print(f"Another day:   {command} demo --seed {seed + 1}")
    out.print(f"Your own bot:  {command} run --bot mybot.py:main")


def _command() -> str:
    """How this program is called from here: by its path where its name is not on PATH."""
    name = "failing-exchange"
    own = Path(sys.argv[0])
    if shutil.which(name) is not None or own.name != name:
        return name
    return os.path.relpath(own) if own.is_absolute() else str(own)


def summary(bot: str, verdict: Verdict) -> list[str]:
    """The verdict in at most ten lines; the first has the headline, `Verdict.money`."""
    failed = verdict.failures
    lines = [_headline(bot, verdict)]
    width = verdict.rule_width
    for result in failed[:RULES_SHOWN]:
        more = f", and {result.times - 1} times more" if result.times > 1 else ""
        lines.append(f"  {result.rule:<{width}} {result.breaches[0].text}{more}")
    if len(failed) > RULES_SHOWN:
        lines.append(f"  and {', '.join(result.rule for result in failed[RULES_SHOWN:])}")
    for symbol, exposure in list(verdict.exposure.items())[:1]:
        if exposure["worst_amount"]:
            base = parse_symbol(symbol).base
            lines.append(
                f"  Traded without being told: {exposure['worst_amount']:.8g} {base} at worst, "
                f"over {span(exposure['seconds'])}; {exposure['left_amount']:.8g} {base} "
                "at the end."
            )
    if verdict.faults:
        recovery = verdict.recovery_s
        lines.append(
            f"  Well again {span(recovery)} after the last of {verdict.faults} faults."
            if recovery is not None
            else f"  Not well again after the last of {verdict.faults} faults."
        )
    return lines


def _headline(bot: str, verdict: Verdict) -> str:
    broken = len(verdict.failures)
    wrong = (
        f"at the end it is wrong about {verdict.money_text(verdict.wrong)}" if verdict.wrong else ""
    )
    kept = rules_kept(f"The {bot} bot", broken, verdict.judged)
    if broken:
        money = f"; {verdict.money_text(verdict.money)} lost or at risk" if verdict.money else ""
        return f"{kept}{money}{'; ' if wrong else ''}{wrong}."
    if wrong:
        return f"{kept}, but {wrong}."
    knows = "" if verdict.wrong is None else ", and knows what it owns, to the cent"
    return f"{kept}{knows}, after {verdict.placed:,} orders{verdict.untold_text}."


def rules_kept(bot: str, broken: int, judged: int) -> str:
    """How many rules a bot breaks or keeps, as the beginning of a sentence."""
    if broken:
        return f"{bot} breaks {broken} of {judged} rules that could be judged"
    return f"{bot} keeps all {judged} rules that could be judged"


def trip_table(trips: Sequence[Trip], markets: Mapping[str, Market]) -> Any:
    """The two columns of some trips: what happened on the exchange, what the client was told."""
    from rich.text import Text

    made = table("trip", "asked", "HAPPENED", "TOLD")
    for trip in trips:
        asked = f"{trip.operation}\n{request_text(trip, markets.get(trip.symbol))}"
        happened = "\n".join(event_text(e, markets) for e in trip.happened) or "nothing"
        told = told_text(trip, markets) + "".join(f"\nstruck by {d.rule}" for d in trip.struck)
        cells = (f"{trip.number}\n{instant_text(trip.born_at)[11:19]}", asked, happened, told)
        made.add_row(*map(Text, cells))
    return made
