"""Every unified call is there under ccxt's names, with ccxt's arguments in ccxt's order."""

from __future__ import annotations

import asyncio
import inspect

import ccxt.async_support as ccxt
import pytest

from failing_exchange import FailingExchange, NotSupportedError
from failing_exchange.client.unified_api import NOT_SUPPORTED, camel


def names(text: str) -> list[str]:
    return text.split()


READS = names(
    """
    fetch_markets fetch_currencies fetch_ticker fetch_tickers fetch_order_book fetch_l2_order_book
    fetch_trades fetch_ohlcv fetch_balance fetch_order fetch_open_orders fetch_closed_orders
    fetch_my_trades fetch_time fetch_status fetch_orders fetch_canceled_orders fetch_order_trades
    fetch_trading_fee fetch_trading_fees fetch_bids_asks fetch_last_prices load_markets
    """
)
ORDERS = names(
    """
    create_order cancel_order create_limit_order create_market_order create_limit_buy_order
    create_limit_sell_order create_market_buy_order create_market_sell_order
    create_market_buy_order_with_cost create_stop_order create_stop_limit_order
    create_stop_market_order create_trigger_order create_post_only_order create_orders edit_order
    cancel_orders cancel_all_orders
    """
)
WATCHED = names(
    """
    watch_ticker watch_tickers watch_bids_asks watch_order_book watch_trades watch_ohlcv
    watch_balance watch_orders watch_my_trades watch_order_book_for_symbols
    watch_trades_for_symbols watch_ohlcv_for_symbols un_watch_ticker un_watch_tickers
    un_watch_order_book un_watch_trades un_watch_ohlcv un_watch_orders un_watch_my_trades
    un_watch_bids_asks un_watch_order_book_for_symbols un_watch_trades_for_symbols
    un_watch_ohlcv_for_symbols
    """
)
CONTRACTS = names(
    """
    fetch_positions fetch_position set_leverage set_margin_mode set_position_mode add_margin
    reduce_margin transfer fetch_leverage fetch_leverages fetch_leverage_tiers
    fetch_market_leverage_tiers fetch_margin_mode fetch_margin_modes fetch_position_mode
    fetch_funding_rate fetch_funding_rates fetch_funding_rate_history fetch_funding_history
    fetch_funding_interval fetch_funding_intervals fetch_mark_price fetch_mark_prices
    fetch_open_interest fetch_my_liquidations watch_positions watch_mark_price watch_mark_prices
    watch_liquidations watch_my_liquidations un_watch_positions un_watch_mark_price
    un_watch_mark_prices create_reduce_only_order create_stop_loss_order
    create_take_profit_order create_trailing_percent_order
    """
)
HELPERS = names(
    """
    market amount_to_precision price_to_precision cost_to_precision calculate_fee milliseconds
    iso8601 parse8601 parse_timeframe check_required_credentials set_sandbox_mode close
    """
)
ATTRIBUTES = names(
    """
    id name has markets symbols currencies timeframes options apiKey secret password rateLimit
    enableRateLimit timeout precisionMode last_response_headers
    """
)
JUDGE = ccxt.Exchange({"id": "judge"})


@pytest.mark.parametrize("name", [*READS, *ORDERS, *WATCHED, *CONTRACTS, *HELPERS[:-1]])
def test_a_call_has_ccxts_arguments_in_ccxts_order(name: str) -> None:
    """A bot passes them by position."""
    ours = list(inspect.signature(getattr(FailingExchange, name)).parameters.values())[1:]
    theirs = list(inspect.signature(getattr(ccxt.Exchange, name)).parameters.values())[1:]
    names = [p.name for p in ours if p.kind is not p.KEYWORD_ONLY]
    wanted = [p.name for p in theirs if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    assert names[: len(wanted)] == wanted


@pytest.mark.parametrize("name", [*READS, *ORDERS, *WATCHED, *CONTRACTS])
def test_a_call_has_a_camel_case_name_and_is_in_has(name: str) -> None:
    """fetchOHLCV is fetch_ohlcv, and `has` says that it is there."""
    assert getattr(FailingExchange, camel(name)) is getattr(FailingExchange, name)
    assert FailingExchange().has[camel(name)] is True
    assert callable(getattr(JUDGE, camel(name)))  # the name is ccxt's


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_attribute_has_the_type_that_it_has_in_ccxt(name: str) -> None:
    """Bots read them without asking; `markets` and the like are there once they are loaded."""
    ours, theirs = getattr(FailingExchange(), name), getattr(ccxt.binance(), name)
    assert theirs is None or isinstance(ours, type(theirs)), (ours, theirs)


@pytest.mark.parametrize("name", NOT_SUPPORTED)
def test_what_a_spot_venue_has_not_is_refused_as_such(name: str) -> None:
    """`has` is False, and the call says so instead of failing in a strange way."""
    x = FailingExchange()
    assert x.has[camel(name)] is False
    with pytest.raises(NotSupportedError, match="no such product"):
        asyncio.run(getattr(x, name)("BTC", 1))
