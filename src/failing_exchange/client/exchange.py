"""`FailingExchange`: an honest exchange in your process that fails on command."""

from __future__ import annotations

from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from failing_exchange.client.arguments import (
    check_account,
    check_constructor,
)
from failing_exchange.client.controls import Controls
from failing_exchange.client.helpers import Helpers
from failing_exchange.client.order_calls import OrderApi
from failing_exchange.client.position_calls import ContractApi
from failing_exchange.client.read_calls import ReadApi
from failing_exchange.client.request import LocalClient
from failing_exchange.client.running_test import running_test
from failing_exchange.client.unified_api import Unsupported, add_aliases
from failing_exchange.client.watch_calls import WatchApi
from failing_exchange.errors import ConfigurationError
from failing_exchange.unified.timeframes import TIMEFRAMES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from failing_exchange.durable.durable_journal import DurableJournal
    from failing_exchange.journal.journal import Journal
    from failing_exchange.scenarios.scenario import Scenario
    from failing_exchange.venue.venue import RunningVenue

MISSING: Any = object()  # not given: then a scenario's holds, or a default
DATABASES = (".db", ".sqlite", ".sqlite3")  # a journal of such a name is a durable one
DEFAULT_TIMEOUT = 10.0  # seconds until a call gives up
DEFAULTS: dict[str, Any] = {
    "seed": 0,
    "markets": None,
    "balances": None,
    "latency": "auto",
    "background": True,
    "recordings": None,
    "fee_asset": None,
    "connection_timeout": DEFAULT_TIMEOUT,
    "maintenance_schedule": None,
    "as_of": None,
}


class FailingExchange(ReadApi, OrderApi, ContractApi, WatchApi, Unsupported, Helpers, Controls):
    """A ccxt-shaped async exchange: spot and perpetuals, honest inside, failing where you say so.

    It needs no running loop and reads no clock until its first await.

    base_failure_rate: the probability that any request fails, in a way drawn at random.
    rate_limit_threshold: the number of requests allowed in a sliding window.
    rate_limit_window: the length of that window in seconds.
    connection_timeout: seconds until a call without an answer gives up (10); None = never.
    max_retries: what `failing_exchange.resilience` uses by default; the exchange never retries.
    maintenance_schedule: {"daily": {"start": "02:00", "duration": 30}, "weekly": {"day": …}}, UTC.
    seed: the same seed gives the same market, latencies and draws (0).
    markets: symbols of the default world, mappings in units (`market_definitions.define`), or
        `Market` objects; None = the five spot markets and three perpetuals ("BTC/USDT:USDT" and
        the like) of the default world.
    fees: 0.001 or "0.1%", {"maker": …, "taker": …}, or a mapping of either by symbol.
    balances: the default account's, in units; None = plenty. Its futures wallet begins with as much
        of each asset that a contract settles in.
    latency: "auto" (40 ms in virtual time, none in real time), None, milliseconds, a distribution.
    background: False leaves the clients alone on their books (True).
    recordings: CSV files of trades or candles by symbol, instead of the seeded background.
    scenario: a scenario file, or the name of a shipped one. What is given here goes before it, also
        where it equals a default, such as seed=0.
    journal: a path that every trip is written to, as JSON lines; one that ends in .db is a database
        from which the venue comes back as it was (see `durable.durable_journal.DurableJournal`).
    as_of: the day of the venue's API, as "2025-12-01", for clients that speak a venue's own
        protocol to this exchange; None = the newest (docs/api_changes.md).

    >>> import asyncio
    >>> exchange = FailingExchange(seed=7)
    >>> asyncio.run(exchange.fetch_ticker("BTC/USDT"))["symbol"]
    'BTC/USDT'
    """

    id = "failing_exchange"
    name = "Failing Exchange"

    def __init__(
        self,
        base_failure_rate: float = 0.0,
        rate_limit_threshold: int | None = None,
        rate_limit_window: float = 60,
        connection_timeout: float | None = MISSING,
        max_retries: int = 3,
        maintenance_schedule: Mapping[str, Any] | None = MISSING,
        *,
        seed: int = MISSING,
        markets: object = MISSING,
        fees: object = None,
        balances: object = MISSING,
        latency: object = MISSING,
        background: bool = MISSING,
        recordings: Mapping[str, str | PathLike[str]] | None = MISSING,
        scenario: str | PathLike[str] | None = None,
        fee_asset: str | None = MISSING,
        journal: str | PathLike[str] | DurableJournal | None = None,
        as_of: str | date | None = MISSING,
    ) -> None:
        from failing_exchange.journal.journal import Journal
        from failing_exchange.venue.api_changes import day_of
        from failing_exchange.venue.default_world import listings_of, recordings_of, separate
        from failing_exchange.venue.maintenance import MaintenanceSchedule
        from failing_exchange.venue.venue import RunningVenue

        lines, durable = _journals(journal)
        seed, as_of, scenario = _kept(durable, seed, as_of, scenario)
        planned = _load(scenario)
        wanted = _with_scenario(
            planned, seed=seed, markets=markets, balances=balances, latency=latency,
            background=background, fee_asset=fee_asset, connection_timeout=connection_timeout,
            maintenance_schedule=maintenance_schedule, recordings=recordings, as_of=as_of,
        )  # fmt: skip
        check_constructor(wanted, max_retries, rate_limit_threshold, rate_limit_window)
        found, profiles = separate(listings_of(wanted["markets"], fees))
        venue = RunningVenue(
            seed=wanted["seed"],
            markets=found,
            latency=wanted["latency"],
            background=wanted["background"],
            recordings=recordings_of(wanted["recordings"], found),
            profiles=profiles,
            journal=Journal(path=lines),
            durable=durable,
            as_of=day_of(wanted["as_of"]),
        )
        self._modes = {}
        held, fee_asset = wanted["balances"], wanted["fee_asset"]
        self._join(venue, "main", held, fee_asset, wanted["connection_timeout"], max_retries)
        if base_failure_rate != 0:
            self.set_base_failure_rate(base_failure_rate)
        self._limit_window(rate_limit_threshold, rate_limit_window)
        venue.maintenance = MaintenanceSchedule.parse(wanted["maintenance_schedule"])
        if planned is not None:
            planned.apply(self)
        if durable is not None:
            durable.join(venue, _world(venue, scenario))
            self._adopt_modes()
        running_test.note(self)

    def _join(
        self,
        venue: RunningVenue,
        account: str,
        balances: object,
        fee_asset: str | None,
        timeout: float | None,
        max_retries: int,
    ) -> None:
        from failing_exchange.venue.default_world import (
            balances_of,
            check_balances,
            check_fee_asset,
        )

        check_account(account)
        check_fee_asset(fee_asset, venue.markets)
        held = balances_of(balances, venue.markets)
        check_balances(held, venue.markets)
        self._venue = venue
        self._client = LocalClient(venue, account, timeout=timeout)
        self.max_retries = max_retries
        self.options: dict[str, Any] = {}
        venue.open_account(account, held, fee_asset)
        self.symbols = sorted(venue.markets)
        self.timeframes = {name: name for name in TIMEFRAMES}

    def client(
        self, account: str, *, balances: object = None, fee_asset: str | None = None
    ) -> FailingExchange:
        """Another account on the same venue; an account of that name is joined, not made anew."""
        other = FailingExchange.__new__(FailingExchange)
        other._modes = self._modes
        other._join(
            self._venue, account, balances, fee_asset, self.connection_timeout, self.max_retries
        )
        return other

    @property
    def seed(self) -> int:
        """The seed of market, latencies and draws."""
        return self._venue.seed

    @property
    def journal(self) -> Journal:
        """Every trip, with both columns."""
        return self._venue.journal

    @property
    def venue(self) -> RunningVenue:
        """The venue behind this client."""
        return self._venue

    async def ready(self) -> None:
        """Start the venue now, rather than at the first call."""
        await self._client.ready()

    async def operate(self, command: Any) -> None:
        """Have the operator do something, such as `SetMarketStatus`; see core.commands.

        Raises ConfigurationError for a value that is not a command, or that is impossible now.
        """
        from failing_exchange.core.engine import HANDLERS
        from failing_exchange.core.reject import Reject

        if command.__class__ not in HANDLERS:
            raise ConfigurationError(
                f"{command!r} is not a command for the operator; expected one of "
                "failing_exchange.core.commands, such as MovePrice('BTC/USDT', ppm=-10_000)"
            )
        await self._client.ready()
        try:
            self._venue.operate(command)
        except Reject as refused:
            raise ConfigurationError(f"{command!r}: {refused.text}") from None

    async def truth(self, account: str | None = None) -> dict[str, Any]:
        """What an account really has now, with no fault between; None: the client's own.

        The same as `GET /accounts/{name}` of the control API (docs/control.md): `balances` (of the
        spot wallet), `open_orders`, `futures` (wallet and modes), `positions` and
        `conditional_orders`, in units, as decimal text. It sends no request; no fault strikes it.

        Raises ConfigurationError for an unknown account.

        >>> from failing_exchange import FailingExchange, simulate
        >>> async def main():
        ...     exchange = FailingExchange(markets=["BTC/USDT:USDT"])
        ...     exchange.arm("lose_answer", operations="create_order")
        ...     try:
        ...         await exchange.create_order("BTC/USDT:USDT", "market", "buy", 0.1)
        ...     except TimeoutError:
        ...         return [one["amount"] for one in (await exchange.truth())["positions"]]
        >>> simulate(main())
        ['0.1']
        """
        from failing_exchange.venue.account_truth import account_view, look_at, view_of

        await self._client.ready()
        found = look_at(self._venue, self._client.account if account is None else account)
        return account_view(view_of(self._venue), found)

    async def close(self) -> None:
        """Let go. A bug of ours that an earlier trip met is raised here."""
        self._venue.close()

    async def __aenter__(self) -> FailingExchange:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()


add_aliases(FailingExchange)


def _with_scenario(planned: Scenario | None, **given: Any) -> dict[str, Any]:
    """The arguments that hold: what is given, else the scenario's, else the defaults."""
    wanted = DEFAULTS if planned is None else {**DEFAULTS, **planned.arguments}
    return {name: wanted[name] if value is MISSING else value for name, value in given.items()}


def _world(venue: RunningVenue, scenario: str | PathLike[str] | None) -> dict[str, Any]:
    """What must be the same when a venue comes back from its journal, besides seed and markets."""
    own = {symbol: repr(one) for symbol, one in venue.profiles.items() if one is not None}
    named = None if scenario is None else str(scenario)
    return {
        "scenario": named, "background": venue.background, "own backgrounds": own,
        "as_of": venue.as_of,
    }  # fmt: skip


def _journals(
    journal: str | PathLike[str] | DurableJournal | None,
) -> tuple[str | None, DurableJournal | None]:
    """The file to write lines to, or the database to come back from."""
    if not isinstance(journal, (str, PathLike)):
        if journal is not None and not hasattr(journal, "metadata"):
            raise ConfigurationError(
                f"journal must be a path, a DurableJournal or None, not {journal!r}"
            )
        return None, journal
    journal = fspath(journal)
    if not journal.endswith(DATABASES):
        return journal, None
    from failing_exchange.durable.durable_journal import DurableJournal

    return None, DurableJournal(journal)


def _kept(durable: DurableJournal | None, seed: Any, as_of: Any, scenario: Any) -> Any:
    """Seed, day and scenario: those that are given, else those that a journal began with."""
    if durable is None:
        return seed, as_of, scenario
    known = durable.metadata
    return (
        known.get("seed", MISSING) if seed is MISSING else seed,
        known.get("as_of", MISSING) if as_of is MISSING else as_of,
        scenario or known.get("scenario"),
    )


def _load(scenario: str | PathLike[str] | None) -> Scenario | None:
    if scenario is None:
        return None
    from failing_exchange.scenarios.scenario import load

    return load(str(scenario))
