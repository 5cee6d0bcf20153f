"""ccxt's unified calls about contracts: positions, leverage, modes, margin and funding."""

from __future__ import annotations

from typing import Any

from failing_exchange.client.call_params import NONE, Params, own
from failing_exchange.client.unified_api import Symbol, Symbols, UnifiedRequests, names_of
from failing_exchange.errors import BadRequestError


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
        symbol = names[0] if len(names) == 1 else ""
        found = await self._ask("fetch_positions", params, symbol, names)
        if len(names) < 2 or not isinstance(found, list):
            return found
        return [one for one in found if one["symbol"] in names]

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

    async def add_margin(self, symbol: str, amount: Any, params: Params = NONE) -> Any:
        """Add margin to an isolated position. Params: positionSide (hedge mode)."""
        kept = own("add_margin", params)
        return await self._client.call("add_margin", symbol, (amount, kept))

    async def reduce_margin(self, symbol: str, amount: Any, params: Params = NONE) -> Any:
        """Take margin that it does not need from an isolated position. Params: positionSide."""
        kept = own("reduce_margin", params)
        return await self._client.call("reduce_margin", symbol, (amount, kept))

    async def transfer(
        self, code: str, amount: Any, fromAccount: str, toAccount: str, params: Params = NONE
    ) -> Any:
        """Move money between the wallets "spot" and "swap" (or "future") of the account.

        Unrealised profit can't leave the futures wallet.
        """
        return await self._ask("transfer", params, "", (code, amount, fromAccount, toAccount))


def _named(call: str, symbol: Symbol) -> str:
    if symbol is None:
        raise BadRequestError(f"{call} needs the symbol of a contract, like 'BTC/USDT:USDT'")
    return symbol
