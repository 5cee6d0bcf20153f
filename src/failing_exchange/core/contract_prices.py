"""Index, mark price and funding rate of a contract, as clients and the operator moved them."""

from __future__ import annotations

from collections.abc import Callable

from failing_exchange.core.contract import Contract
from failing_exchange.core.funding_rate import funding_rate
from failing_exchange.core.mark_price import (
    BASIS_S,
    PriceCandle,
    Range,
    ReferencePrices,
    carry_of,
    mark_candle,
)
from failing_exchange.core.state import MarketState
from failing_exchange.core.units import HOUR, HOUR_S, MINUTE_S, SECOND, TEN_S

BLOCKS = (HOUR_S, 900, 300, MINUTE_S, TEN_S, 1)  # seconds; each divides the one before
RATES_KEPT_MAX = 1_000  # of one contract; the oldest are computed again


def index_of(ms: MarketState, at: int) -> int:
    """The index price, in atoms; without a background, the last price."""
    second, reference = at // SECOND, reference_of(ms)
    if reference is None:
        return ms.tape.last(second) * ms.market.price_step
    return reference.index(second)


def mark_of(ms: MarketState, at: int) -> int:
    """The mark price, in atoms of the quote asset; 0 while nothing is known of the price.

    Without a background it is the last price.
    """
    second, trades, moves = at // SECOND, ms.tape.trades, ms.liquidity.shifts.kept
    # all that moves the last price: asked several times about one instant
    seen = (second, trades[-1] if trades else None, moves[-1] if moves else None)
    known, found = ms.mark_seen
    if known != seen:
        last = ms.tape.last(second)
        found = _mark(ms, second, last * ms.market.price_step) if last else None
        ms.mark_seen = (seen, found)
    return 0 if found is None else max(0, found + ms.mark_shift)


def reference_of(ms: MarketState) -> ReferencePrices | None:
    """The index and premium of a contract's background, if it has one."""
    background = ms.liquidity.background
    return None if background is None else background.reference


def _mark(ms: MarketState, second: int, last: int) -> int:
    reference = reference_of(ms)
    if reference is None:
        return last
    return reference.mark(second, last=last, carry=_carry(ms, second), moved=_moved(ms, second))


def _carry(ms: MarketState, second: int) -> int:
    """The last funding rate times the share of the interval that is left."""
    contract = terms_at(ms, (second + 1) * SECOND)
    assert contract is not None
    span = contract.funding_hours * HOUR_S
    return carry_of(rate_of(ms, last_funding(ms, second * SECOND)), span - second % span, span)


def _moved(ms: MarketState, second: int) -> int:
    """By how many atoms the price was moved, on average of the last `BASIS_S` seconds."""
    shifts = ms.liquidity.shifts
    if not shifts.kept:
        return 0
    moved = shifts.total(second - BASIS_S + 1, second + 1)
    return moved * ms.market.price_step // BASIS_S


def interval(ms: MarketState) -> int:
    """The funding interval now, in nanoseconds."""
    assert ms.market.contract is not None
    return ms.market.contract.funding_hours * HOUR


def terms_at(ms: MarketState, due: int) -> Contract | None:
    """The terms by which funding is, or was, paid at an instant."""
    for until, contract in ms.past_terms:
        if due <= until:
            return contract
    return ms.market.contract


def regular_fundings(ms: MarketState, first: int, last: int) -> list[range]:
    """The instants from `first` to `last` at which funding is paid in turn, oldest first."""
    found: list[range] = []
    for until, contract in (*ms.past_terms, (last, ms.market.contract)):
        assert contract is not None
        span = contract.funding_hours * HOUR
        found.append(range(-(-first // span) * span, min(until, last) + 1, span))
        first = max(first, until + 1)
    return found


def last_funding(ms: MarketState, at: int) -> int:
    """The last instant at or before `at` at which funding was paid in turn."""
    if not ms.past_terms:
        return at - at % interval(ms)
    return max(times[-1] for times in regular_fundings(ms, 0, at) if times)


def next_funding(ms: MarketState, at: int) -> int:
    """The next instant at which funding is paid, after `at`."""
    span = interval(ms)
    return (at // span + 1) * span


def rate_of(ms: MarketState, due: int) -> int:
    """The funding rate of an instant, paid or not, in atoms of a fraction (1e-8)."""
    paid = ms.funding_paid.get(due)
    if paid is not None:
        return paid[0]
    rate = ms.funding_rates.get(due)
    if rate is None:
        while len(ms.funding_rates) >= RATES_KEPT_MAX:
            del ms.funding_rates[next(iter(ms.funding_rates))]
        contract = terms_at(ms, due)
        assert contract is not None
        start = due - contract.funding_hours * HOUR
        rate = ms.funding_rates[due] = estimated_rate(ms, start, due, contract)
    return rate


def estimated_rate(ms: MarketState, start: int, stop: int, contract: Contract | None = None) -> int:
    """The funding rate by the premiums of [start, stop), whole seconds in nanoseconds.

    `contract`: the terms; by default those of now.
    """
    contract = contract or ms.market.contract
    assert contract is not None
    hours, first, last = contract.funding_hours, start // SECOND, stop // SECOND
    reference, average = reference_of(ms), 0
    if reference is not None and last > first:
        average = reference.average_premium(first, last, hours=hours)
        average += _moved_premium(ms, reference, first, last)
    return funding_rate(
        average, hours=hours, cap=contract.funding_cap, floor=contract.funding_floor,
        interest=contract.interest,
    )  # fmt: skip


def _moved_premium(ms: MarketState, reference: ReferencePrices, first: int, last: int) -> int:
    """What moves of the price add to the average premium; one sample a minute."""
    shifts, step = ms.liquidity.shifts, ms.market.price_step
    if not shifts.kept or shifts.range(first, last) == (0, 0):
        return 0
    total = weights = 0
    for number, second in enumerate(range(first, last, MINUTE_S), 1):
        weight = 1 if last - first <= HOUR_S else number
        total += weight * shifts.at(second) * step * 10**8 // reference.index(second)
        weights += weight
    return total // weights


def mark_candle_of(
    ms: MarketState, reference: ReferencePrices, start: int, stop: int
) -> PriceCandle:
    """The mark price in the seconds of [start, stop); its extremes are bounds (`mark_candle`)."""
    step, shifts = ms.market.price_step, ms.liquidity.shifts
    carries = [_carry(ms, start), _carry(ms, stop - 1)]
    for times in regular_fundings(ms, (start + 1) * SECOND, (stop - 1) * SECOND):
        for due in times:
            carries += [0, _carry(ms, due // SECOND)]
    for changed in (until // SECOND for until, _ in ms.past_terms):
        if start < changed < stop:
            carries += [_carry(ms, changed - 1), _carry(ms, changed)]
    least, most = shifts.range(start - BASIS_S, stop) if shifts.kept else (0, 0)
    ends = (mark_of(ms, start * SECOND), mark_of(ms, (stop - 1) * SECOND))
    return mark_candle(
        reference, start, stop, ends, carry=Range(min(carries), max(carries)),
        moved=Range(least * step, most * step),
    )  # fmt: skip


def first_mark_touch(
    ms: MarketState, start: int, stop: int, lower: int | None, upper: int | None
) -> int | None:
    """The first second of [start, stop) whose mark price may be at or beyond a bound, in atoms.

    It may name a second too early, never one too late. Without a background it is None: the mark
    price then moves with trades of clients only.
    """
    reference = reference_of(ms)
    if lower is not None:
        lower -= ms.mark_shift
    if upper is not None:
        upper -= ms.mark_shift
    if reference is None:
        step = ms.market.price_step
        low = None if lower is None else -(-lower // step)
        high = None if upper is None else upper // step
        return ms.liquidity.first_touch(start, stop, low, high)
    span = interval(ms) // SECOND
    end = min(stop, (start // span + 1) * span)  # another funding rate holds from then on
    found = first_second(start, end, _mark_bounds(ms, reference, start, span), lower, upper)
    return end if found is None and end < stop else found


def _mark_bounds(
    ms: MarketState, reference: ReferencePrices, start: int, span: int
) -> Callable[[int, int], Range]:
    """Bounds of the mark price, of seconds in the funding interval of `start`."""
    rate, step = rate_of(ms, last_funding(ms, start * SECOND)), ms.market.price_step
    shifts, first = ms.liquidity.shifts, start

    def bounds(start: int, stop: int) -> Range:
        least, most = shifts.range(max(first, start) - BASIS_S, stop) if shifts.kept else (0, 0)
        ends = [carry_of(rate, span - second % span, span) for second in (start, stop - 1)]
        carry, moved = Range(min(ends), max(ends)), Range(least * step, most * step)
        return reference.mark_bounds(start, stop, carry=carry, moved=moved)

    return bounds


def first_index_touch(
    ms: MarketState, start: int, stop: int, lower: int | None, upper: int | None
) -> int | None:
    """The first second of [start, stop) whose index may be at or beyond a bound, in atoms.

    As `first_mark_touch`, but nobody moves the index of a background.
    """
    reference = reference_of(ms)
    if reference is None:
        return first_mark_touch(ms, start, stop, lower, upper)
    return first_second(start, stop, reference.index_bounds, lower, upper)


def first_second(
    start: int, stop: int, bounds: Callable[[int, int], Range], lower: int | None,
    upper: int | None, sizes: tuple[int, ...] = BLOCKS,
) -> int | None:  # fmt: skip
    """The first second of [start, stop) that may be at or beyond a bound.

    Whole blocks are looked at, the longest first: their bounds are remembered, and serve the next
    search, too.
    """
    size = sizes[0]
    for block in range(start // size * size, stop, size):
        low, high = bounds(block, block + size)
        if (lower is None or low > lower) and (upper is None or high < upper):
            continue
        if size == 1:
            return block
        first, last = max(start, block), min(stop, block + size)
        found = first_second(first, last, bounds, lower, upper, sizes[1:])
        if found is not None:
            return found
    return None
