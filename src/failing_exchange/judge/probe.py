"""A probe: functions of a bot that tell what it believes to hold, to have open, and to own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from math import isfinite
from typing import Any, NamedTuple

from failing_exchange.errors import ConfigurationError
from failing_exchange.judge.bot_statements import deliver

Positions = Mapping[str, float]


class Sample(NamedTuple):
    """What a bot believes at an instant; None where it was not asked.

    `positions`: base amount by symbol, gained since the start. `open_orders`: client order ids or
    ids. `balances`: total by asset. `equity`: futures wallet and unrealised profit, by asset;
    `peak_equity`: the highest that it was.
    """

    at: int
    positions: Mapping[str, float] | None
    open_orders: tuple[str, ...] | None
    balances: Mapping[str, float] | None
    equity: Mapping[str, float] | None = None
    peak_equity: Mapping[str, float] | None = None


class Probe:
    """How a bot is asked: functions without arguments, called each minute and at the end."""

    def __init__(
        self,
        *,
        positions: Callable[[], Positions] | None = None,
        open_orders: Callable[[], Iterable[str]] | None = None,
        balances: Callable[[], Mapping[str, float]] | None = None,
        equity: Callable[[], Mapping[str, float] | None] | None = None,
        peak_equity: Callable[[], Mapping[str, float] | None] | None = None,
    ) -> None:
        given = {
            "positions": positions, "open_orders": open_orders, "balances": balances,
            "equity": equity, "peak_equity": peak_equity,
        }  # fmt: skip
        for name, ask in given.items():
            if ask is not None and not callable(ask):
                raise ConfigurationError(
                    f"probe({name}={ask!r}): expected a function without arguments"
                )
        if not any(given.values()):
            raise ConfigurationError("probe(): give positions=, open_orders=, balances= or equity=")
        self._asks = {name: ask for name, ask in given.items() if ask is not None}

    def sample(self, at: int) -> Sample:
        """Ask the bot now. Raises ConfigurationError where a function or its answer fails."""
        return sample_of({name: _asked(name, ask) for name, ask in self._asks.items()}, at)


def sample_of(found: Mapping[str, Any], at: int) -> Sample:
    """What a bot has said; raises ConfigurationError for what can't be read."""
    return Sample(
        at,
        _amounts("positions", found.get("positions")),
        _names(found.get("open_orders")),
        _amounts("balances", found.get("balances")),
        _amounts("equity", found.get("equity")),
        _amounts("peak_equity", found.get("peak_equity")),
    )


def check_symbol(symbol: str, markets: Collection[str]) -> None:
    """Raise ConfigurationError for a position in a market that the venue does not have."""
    if symbol not in markets:
        known = ", ".join(markets)
        raise ConfigurationError(
            f"probe: positions gave {symbol!r}, which is not a market here; expected "
            f"{EXPECTED['positions']}; there are {known}"
        )


def probe(
    *,
    positions: Callable[[], Positions] | None = None,
    open_orders: Callable[[], Iterable[str]] | None = None,
    balances: Callable[[], Mapping[str, float]] | None = None,
    equity: Callable[[], Mapping[str, float] | None] | None = None,
    peak_equity: Callable[[], Mapping[str, float] | None] | None = None,
    account: str | None = None,
) -> None:
    """Declare how a bot can be asked for what it believes; without a judge nothing happens.

    `positions()`: base amount by symbol, as gained since the start; `open_orders()`: client order
    ids (or ids); `balances()`: totals by asset. With them the rules `converges`, `monotone` and
    `books_fees` judge what the bot believes; without, they use what can be seen from outside.
    `equity()`: by asset, the futures wallet and unrealised profit; `peak_equity()`: the highest
    since the start. Only the rule `equity` asks for them.
    `account`: whose beliefs these are, where several clients are judged; without it the next
    private request of the same task shows it, if it is sent in process. Raises ConfigurationError
    where no function is given, or something that can't be called.

    >>> probe(positions=lambda: {"BTC/USDT": 0.1})
    """
    made = Probe(
        positions=positions, open_orders=open_orders, balances=balances, equity=equity,
        peak_equity=peak_equity,
    )  # fmt: skip
    deliver(made, account)


EXPECTED = {
    "positions": "amounts by symbol, like {'BTC/USDT': 0.1}",
    "open_orders": "a list of client order ids, or ids",
    "balances": "amounts by asset, like {'USDT': 100.0}",
    "equity": "amounts by asset, like {'USDT': 100.0}",
    "peak_equity": "amounts by asset, like {'USDT': 100.0}",
}


def _asked(name: str, ask: Callable[[], Any]) -> Any:
    """What the bot says; an error in its function is the bot's."""
    try:
        return ask()
    except Exception as error:
        raise ConfigurationError(
            f"probe: {name} raised {type(error).__name__}: {error}; expected {EXPECTED[name]}"
        ) from error


def _wrong(name: str, value: Any) -> ConfigurationError:
    return ConfigurationError(f"probe: {name} gave {value!r}; expected {EXPECTED[name]}")


def _amounts(name: str, value: Any) -> Mapping[str, float] | None:
    if value is None:
        return None
    try:
        found = {str(key): float(amount) for key, amount in dict(value).items()}
    except Exception as error:  # whatever the bot's own objects do
        raise _wrong(name, value) from error
    if not all(map(isfinite, found.values())):
        raise _wrong(name, value)
    return found


def _names(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, (str, bytes)):
        raise _wrong("open_orders", value)
    try:
        return tuple(str(one) for one in value)
    except Exception as error:
        raise _wrong("open_orders", value) from error
