"""ccxt's unified calls about contracts: positions, leverage, modes, margin and funding."""

from __future__ import annotations

from typing import Any

from failing_exchange.client.call_params import NONE, Params, own
from failing_exchange.client.unified_api import (
    Limit,
    Since,
    Symbol,
    Symbols,
    UnifiedRequests,
    names_of,
    recent,
)
from failing_exchange.errors import BadRequestError, MalformedResponseError, SymbolNotFoundError


class ContractApi(UnifiedRequests):
    """ccxt's calls about positions and margin of perpetuals; one request each.

    Amounts are in contracts of `contractSize` of the base asset; margin, profit and notional are in
    the asset that the contract settles in; rates are shares, so that 0.0001 is 0.01 %.

    Raises, besides what faults bring about:
        SymbolNotFoundError: not traded here, or not a contract.
        BadRequestError: an unknown param, or a value that makes no sense.
        OperationRejectedError: the modes, positions or open orders of the account do not allow it.
        InsufficientBalanceError: not enough margin.

    >>> from failing_exchange import FailingExchange, simulate
    >>> async def main():
    ...     exchange = FailingExchange(seed=7, markets=["BTC/USDT:USDT"])
    ...     await exchange.set_leverage(5, "BTC/USDT:USDT")
    ...     await exchange.create_order("BTC/USDT:USDT", "market", "sell", 0.1)
    ...     [position] = await exchange.fetch_positions()
    ...     return position["side"], position["contracts"], position["leverage"]
    >>> simulate(main())
    ('short', 0.1, 5.0)
    """

    async def fetch_positions(self, symbols: Symbols = None, params: Params = NONE) -> Any:
        """Return the positions that hold something, of some contracts or of all."""
        names = names_of(symbols)
        found = await self._ask("fetch_positions", params, _only(names), names)
        if len(names) < 2 or not isinstance(found, list):
            return found
        return [one for one in found if one["symbol"] in names]

    fetch_positions_risk = fetch_positions

    async def fetch_position(self, symbol: str, params: Params = NONE) -> Any:
        """Return the position in a contract; `contracts` is 0 and `side` None where there is none.

        In hedge mode it is the long position if that holds something; see `fetch_positions`.
        """
        return await self._ask("fetch_position", params, symbol)

    async def set_leverage(
        self, leverage: int, symbol: Symbol = None, params: Params = NONE
    ) -> Any:
        """Change the leverage of a contract; its positions and orders then need other margin."""
        return await self._ask("set_leverage", params, _named("set_leverage", symbol), leverage)

    async def set_margin_mode(
        self, marginMode: str, symbol: Symbol = None, params: Params = NONE
    ) -> Any:
        """Have positions in a contract share the wallet ("cross"), or not ("isolated").

        Raises NoChangeError where the mode is in force already, and OperationRejectedError while
        there are positions or open orders.
        """
        named = _named("set_margin_mode", symbol)
        return await self._ask("set_margin_mode", params, named, marginMode)

    async def set_position_mode(
        self, hedged: bool, symbol: Symbol = None, params: Params = NONE
    ) -> Any:
        """Keep one position per contract, or (`hedged`) a long and a short one, in all contracts.

        Raises as `set_margin_mode` does.
        """
        return await self._ask("set_position_mode", params, symbol or "", hedged)

    async def set_multi_assets_mode(self, enabled: bool, params: Params = NONE) -> Any:
        """Let all assets of the futures wallet carry all positions, or each asset its own.

        Not one of ccxt's names: ccxt has none for this. Raises NoChangeError where it is so
        already, and OperationRejectedError while there are positions, open orders, isolated
        contracts or debts.
        """
        return await self._ask("set_multi_assets_mode", params, "", enabled)

    async def fetch_multi_assets_mode(self, params: Params = NONE) -> Any:
        """Return `multiAssets`: whether all assets of the futures wallet carry all positions."""
        return await self._ask("fetch_multi_assets_mode", params, "")

    async def set_fee_burn(self, enabled: bool, params: Params = NONE) -> Any:
        """Pay trading fees of contracts in BNB of the futures wallet, 10 % less, or not.

        Not one of ccxt's names. It is so by default; without enough BNB, fees are paid as else.
        """
        return await self._ask("set_fee_burn", params, "", enabled)

    async def add_margin(self, symbol: str, amount: Any, params: Params = NONE) -> Any:
        """Add margin to an isolated position. Params: positionSide (hedge mode)."""
        kept = own("add_margin", params)
        return await self._client.call("add_margin", symbol, (amount, kept))

    async def reduce_margin(self, symbol: str, amount: Any, params: Params = NONE) -> Any:
        """Take margin that it does not need from an isolated position. Params: positionSide."""
        kept = own("reduce_margin", params)
        return await self._client.call("reduce_margin", symbol, (amount, kept))

    async def fetch_leverages(self, symbols: Symbols = None, params: Params = NONE) -> Any:
        """Return leverage and margin mode by symbol, of some contracts or of all."""
        names = names_of(symbols)
        return _some(await self._ask("fetch_leverages", params, _only(names), names), names)

    async def fetch_leverage(self, symbol: str, params: Params = NONE) -> Any:
        """Return `longLeverage`, `shortLeverage` and `marginMode` of a contract."""
        return _one(await self._ask("fetch_leverage", params, symbol, (symbol,)), symbol)

    async def fetch_leverage_tiers(self, symbols: Symbols = None, params: Params = NONE) -> Any:
        """Return the notional brackets by symbol, lowest first: leverage and maintenance rate."""
        names = names_of(symbols)
        return _some(await self._ask("fetch_leverage_tiers", params, _only(names)), names)

    async def fetch_market_leverage_tiers(self, symbol: str, params: Params = NONE) -> Any:
        """Return the notional brackets of a contract, lowest first."""
        tiers = await self.fetch_leverage_tiers(params=params)
        return _one(tiers, symbol)

    async def fetch_margin_modes(self, symbols: Symbols = None, params: Params = NONE) -> Any:
        """Return the margin modes by symbol."""
        names = names_of(symbols)
        return _some(await self._ask("fetch_margin_modes", params, _only(names), names), names)

    async def fetch_margin_mode(self, symbol: str, params: Params = NONE) -> Any:
        """Return `marginMode` of a contract: "cross" or "isolated"."""
        return _one(await self._ask("fetch_margin_mode", params, symbol, (symbol,)), symbol)

    async def fetch_position_mode(self, symbol: Symbol = None, params: Params = NONE) -> Any:
        """Return `hedged`: whether each contract has a long and a short position."""
        return await self._ask("fetch_position_mode", params, symbol or "")

    async def fetch_funding_rates(self, symbols: Symbols = None, params: Params = NONE) -> Any:
        """Return the funding to come by symbol; see `fetch_funding_rate`."""
        return await self._ask("fetch_funding_rates", params, "", names_of(symbols))

    async def fetch_funding_rate(self, symbol: str, params: Params = NONE) -> Any:
        """Return mark and index price, and the rate that the premiums so far make.

        It is paid at `fundingTimestamp`: by longs where it is positive, by shorts else.
        """
        return _one(await self._ask("fetch_funding_rate", params, symbol, (symbol,)), symbol)

    async def fetch_funding_intervals(self, symbols: Symbols = None, params: Params = NONE) -> Any:
        """Return how often funding is paid by symbol: `interval` "8h", "4h", "2h" or "1h"."""
        return await self._ask("fetch_funding_intervals", params, "", names_of(symbols))

    async def fetch_funding_interval(self, symbol: str, params: Params = NONE) -> Any:
        """Return how often funding of a contract is paid."""
        return _one(await self.fetch_funding_intervals([symbol], params), symbol)

    async def fetch_funding_rate_history(
        self, symbol: Symbol = None, since: Since = None, limit: Limit = None, params: Params = NONE
    ) -> Any:
        """Return the rates that were paid, 100 by default; without `symbol` of all contracts.

        Params: until (milliseconds).
        """
        return await self._page("fetch_funding_rate_history", params, symbol, since, limit)

    async def fetch_funding_history(
        self, symbol: Symbol = None, since: Since = None, limit: Limit = None, params: Params = NONE
    ) -> Any:
        """Return what the account got for funding, below 0 paid. Params: until (milliseconds)."""
        return await self._page("fetch_funding_history", params, symbol, since, limit)

    async def fetch_ledger(
        self, code: str | None = None, since: Since = None, limit: Limit = None,
        params: Params = NONE,
    ) -> Any:  # fmt: skip
        """Return what changed the futures wallet, oldest first; 100 entries by default.

        `type` is "trade" (a realised profit or loss), "commission", "fee" (funding), "settlement"
        (the fee of a liquidation), or "transfer"; `info["incomeType"]` is Binance's word. `code`:
        only entries of this asset. Params: until (milliseconds); type ("swap": the spot wallet has
        no ledger, as on Binance).

        >>> from failing_exchange import FailingExchange, simulate
        >>> async def main():
        ...     exchange = FailingExchange(markets=["BTC/USDT:USDT"], balances={"USDT": 500})
        ...     await exchange.create_order("BTC/USDT:USDT", "market", "buy", 0.01)
        ...     return [(e["type"], e["direction"]) for e in await exchange.fetch_ledger()]
        >>> simulate(main())
        [('transfer', 'in'), ('commission', 'out')]
        """
        kept = own("fetch_ledger", params) if params else NONE
        kind = str(kept.get("type") or self.options.get("defaultType") or "")
        until = (kept["until"],) if "until" in kept else ()
        found = await self._client.call("fetch_ledger", "", (kind, since, limit, *until))
        return _of_asset(found, code)

    async def fetch_transfers(
        self, code: str | None = None, since: Since = None, limit: Limit = None,
        params: Params = NONE,
    ) -> Any:  # fmt: skip
        """Return the transfers between the wallets of the account, oldest first.

        `code`: only those of this asset. Params: until (milliseconds).
        """
        return _of_asset(await self._page("fetch_transfers", params, "", since, limit), code)

    async def fetch_positions_adl_rank(self, symbols: Symbols = None, params: Params = NONE) -> Any:
        """Return the `rank` of positions for auto-deleveraging, from 0 to 4: 4 is closed first."""
        names = names_of(symbols)
        found = await self._ask("fetch_positions_adl_rank", params, _only(names), names)
        if len(names) < 2 or not isinstance(found, list):
            return found
        return [one for one in found if one["symbol"] in names]

    async def fetch_position_adl_rank(self, symbol: str, params: Params = NONE) -> Any:
        """Return the rank of a position; raises MalformedResponseError where there is none."""
        found = await self.fetch_positions_adl_rank([symbol], params)
        if found == []:
            raise MalformedResponseError(f"no position in {symbol}, hence no rank")
        return found[0] if isinstance(found, list) else found

    async def fetch_mark_prices(self, symbols: Symbols = None, params: Params = NONE) -> Any:
        """Return `markPrice` and `indexPrice` by symbol, in ccxt's ticker structure."""
        return await self._ask("fetch_mark_prices", params, "", names_of(symbols))

    async def fetch_mark_price(self, symbol: str, params: Params = NONE) -> Any:
        """Return `markPrice` and `indexPrice` of a contract, in ccxt's ticker structure."""
        return await self._ask("fetch_mark_price", params, symbol)

    async def fetch_open_interest(self, symbol: str, params: Params = NONE) -> Any:
        """Return how many contracts are held, and what they are worth at the mark price."""
        return await self._ask("fetch_open_interest", params, symbol)

    async def fetch_open_interest_history(
        self, symbol: str, timeframe: str = "5m", since: Since = None, limit: Limit = None,
        params: Params = NONE,
    ) -> Any:  # fmt: skip
        """Return the open interest of the past, oldest first; 30 entries by default.

        `timeframe`: "5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h" or "1d". Params: until
        (milliseconds).
        """
        call = "fetch_open_interest_history"
        return await self._page(call, params, symbol, timeframe, since, limit)

    async def fetch_margin_adjustment_history(
        self, symbol: Symbol = None, type: str | None = None, since: Since = None,
        limit: Limit = None, params: Params = NONE,
    ) -> Any:  # fmt: skip
        """Return what was added to the margin of isolated positions, or taken from it.

        `type`: only "add", or only "reduce". Params: until (milliseconds).
        """
        call = "fetch_margin_adjustment_history"
        found = await self._page(call, params, _named(call, symbol), type, since)
        if not isinstance(found, list):
            return found
        return recent([one for one in found if type in (None, one["type"])], since, limit)

    async def fetch_adl_rank(self, symbol: str, params: Params = NONE) -> Any:
        """Return the `rating` of a contract: the risk of auto-deleveraging, by the insurance fund.

        It is "low", "medium" or "high". The rank of a position: `fetch_position_adl_rank`.
        """
        return _one(await self._ask("fetch_adl_rank", params, symbol), symbol)

    async def fetch_my_liquidations(
        self, symbol: Symbol = None, since: Since = None, limit: Limit = None, params: Params = NONE
    ) -> Any:
        """Return what the venue closed of the account's positions by force, oldest first."""
        found = await self._ask("fetch_my_liquidations", params, symbol or "")
        return recent(found, since, limit) if isinstance(found, list) else found

    async def transfer(
        self, code: str, amount: Any, fromAccount: str, toAccount: str, params: Params = NONE
    ) -> Any:
        """Move money between the wallets "spot" and "swap" (or "future") of the account.

        Unrealised profit can't leave the futures wallet.
        """
        return await self._ask("transfer", params, "", (code, amount, fromAccount, toAccount))


def _of_asset(found: Any, code: str | None) -> Any:
    """The entries of an asset; an answer that is not a list as it is."""
    if code is None or not isinstance(found, list):
        return found
    return [one for one in found if one["currency"] == code]


def _only(names: tuple[str, ...]) -> str:
    """The symbol of a trip about one contract; "" of any other."""
    return names[0] if len(names) == 1 else ""


def _some(found: Any, names: tuple[str, ...]) -> Any:
    """Those of an answer by symbol that were asked for; an answer of another kind as it is."""
    if not names or not isinstance(found, dict):
        return found
    return {symbol: _one(found, symbol) for symbol in names}


def _one(found: Any, symbol: str) -> Any:
    """The entry of a symbol; an answer that is not by symbol as it is."""
    if not isinstance(found, dict) or symbol in found:
        return found[symbol] if isinstance(found, dict) else found
    raise SymbolNotFoundError(f"Symbol not found: {symbol!r} is not a contract that is listed here")


def _named(call: str, symbol: Symbol) -> str:
    if symbol is None:
        raise BadRequestError(f"{call} needs the symbol of a contract, like 'BTC/USDT:USDT'")
    return symbol
