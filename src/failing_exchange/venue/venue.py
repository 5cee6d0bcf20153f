"""One simulated venue: engine, journal, faults and admission checks, bound to a running loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeAlias

from failing_exchange.core.market import Market
from failing_exchange.core.settlement import assets_of
from failing_exchange.core.units import SECOND
from failing_exchange.errors import InternalError
from failing_exchange.faults.plan import FaultPlan
from failing_exchange.journal.journal import Journal
from failing_exchange.venue.admission import MaintenanceGate, RateGate
from failing_exchange.venue.default_world import backgrounds_of, traded_assets
from failing_exchange.venue.latency import Latency, LogNormal, latency_of
from failing_exchange.venue.maintenance import MaintenanceSchedule
from failing_exchange.venue.perpetuals import COLLATERAL
from failing_exchange.venue.venue_clock import VenueClock

if TYPE_CHECKING:  # loaded when a venue starts, so that importing the package stays cheap
    from failing_exchange.background.profiles import Profile
    from failing_exchange.core.engine import Engine
    from failing_exchange.core.events import Event
    from failing_exchange.core.liquidity import Background
    from failing_exchange.core.state import MarketState
    from failing_exchange.venue.api_changes import Features
    from failing_exchange.venue.gateway import Gate, Gateway
    from failing_exchange.venue.persistence import Persistence


Holdings: TypeAlias = tuple[tuple[str, int], ...]  # (asset, atoms) pairs


class _NotStarted:
    """Stands in for the gateway of a venue before its start."""

    def __getattr__(self, name: str) -> Any:
        raise InternalError("the venue has not started: it starts at its first await")


_NOT_STARTED: Any = _NotStarted()


class RunningVenue:
    """What all clients of one exchange share.

    It is made without a loop and without a clock. `start` binds it to the running loop: at the
    first await, and again when another loop takes over. The market's background begins at the
    first start.
    """

    def __init__(
        self,
        *,
        seed: int,
        markets: dict[str, Market],
        latency: object = "auto",
        background: bool = True,
        recordings: Mapping[str, str | PathLike[str]] | None = None,
        profiles: Mapping[str, Profile | None] | None = None,
        journal: Journal | None = None,
        durable: Persistence | None = None,
        as_of: str | None = None,
    ) -> None:
        self.seed = seed
        self._as_of = as_of
        self.apis: list[Features] = []  # of the venues that it is served as
        self.all_markets = markets  # by symbol, as they were listed
        self.background = background
        self.recordings = dict(recordings or {})
        self.profiles = dict(profiles or {})
        self.latency_wanted = latency
        self.clock = VenueClock()
        self.journal = journal or Journal()
        self.durable = durable
        self.plan = FaultPlan(seed)
        self.maintenance = MaintenanceSchedule()
        self.rate_gate: RateGate | None = None
        self.protocol_gates: list[Gate] = []  # of servers that speak a venue's own protocol
        self.accounts: dict[str, dict[str, int]] = {}
        self.futures: dict[str, dict[str, int]] = {}  # of accounts whose futures wallet is given
        self.fee_assets: dict[str, str | None] = {}
        self.incidents: list[tuple[int, Any]] = []  # planned before the start: (after, command)
        self.on_start: list[Callable[[], None]] = []  # called once, when there is an engine
        self.loop: asyncio.AbstractEventLoop | None = None
        self.engine: Engine | None = None
        self.gateway: Gateway = _NOT_STARTED  # the pass, from the first start on
        self.encode: Callable[[str, Any], Any] = self._not_started
        if latency != "auto":
            latency_of(latency)

    @property
    def as_of(self) -> str | None:
        """The day of the API that its servers speak; None: the newest."""
        return self._as_of

    @property
    def markets(self) -> dict[str, Market]:
        """The markets by symbol, as they were listed."""
        return self.all_markets

    @property
    def listed(self) -> dict[str, MarketState]:
        """The markets by symbol, with the rules now in force; the venue has started."""
        assert self.engine is not None
        return self.engine.state.markets

    def restricted(self, command: Any) -> Any:
        """A command or query as it is meant here: see `MarketView`."""
        return command

    def own(self, events: tuple[Event, ...]) -> tuple[Event, ...]:
        """Those events that clients may hear of here: see `MarketView`."""
        return events

    def market_of(self, symbol: str) -> Market:
        """A market with the rules now in force. Raises KeyError for an unknown symbol."""
        if self.engine is not None:
            return self.engine.state.markets[symbol].market
        return self.all_markets[symbol]

    def assets(self) -> list[str]:
        """Every asset that is traded or held here, also before the start."""
        if self.engine is not None:
            return assets_of(self.engine.state)
        traded = traded_assets(self.all_markets.values())
        held = [asset for balances in self.accounts.values() for asset in balances]
        return list(dict.fromkeys([*traded, *held]))

    def start(self, loop: asyncio.AbstractEventLoop) -> Gateway:
        """Bind the venue to the running loop; build the exchange if this is the first one."""
        loop = getattr(loop, "carrier", loop)  # a simulated thread's loop runs on another one
        if self.loop is loop:
            return self.gateway
        self.clock.bind(loop)
        begins = self.gateway is _NOT_STARTED
        if begins:
            for _, planned in self.incidents:
                self.check_operator(planned)
            self._build()
            for features in self.apis:
                self._begin_api(features)
        elif self.durable is not None:
            self.durable.bind(self.gateway)
        self.loop = loop  # only now: where building has failed, the next call says so again
        self._wake_for_announced()
        self.gateway.latency = self._latency()
        self.set_gates()
        if begins:
            for begin in self.on_start:
                begin()
        return self.gateway

    def _not_started(self, operation: str, told: Any) -> Any:
        raise InternalError(f"{operation} is answered before the venue has started")

    def _build(self) -> None:
        from failing_exchange.core.auditor import Auditor
        from failing_exchange.core.engine import Engine
        from failing_exchange.unified.calls import Codec
        from failing_exchange.venue.gateway import Gateway

        at, durable = self.clock.now(), self.durable
        self.plan.began = at
        birth = (at if durable is None else durable.born(at)) // SECOND
        listed = self._listed(birth)
        self.engine = (Engine if durable is None else durable.engine)(listed, COLLATERAL)
        self.engine.auditor = Auditor(self.engine)
        codec = Codec(self.engine.state.markets)
        self.encode = codec.encode
        self.gateway = Gateway(
            engine=self.engine,
            plan=self.plan,
            journal=self.journal,
            clock=self.clock,
            decode=codec.decode,
        )
        if durable is not None:
            durable.bind(self.gateway)
        for name in self.accounts:
            if name not in self.engine.state.accounts:
                self._open(name)
        if durable is None or durable.is_new:
            for after, command in self.incidents:
                self.engine.schedule(at + after, command, at)
        else:
            self.gateway.settle(at)  # what the market did meanwhile

    def _listed(self, birth: int) -> list[tuple[Market, Background | None]]:
        if not self.background:
            return [(market, None) for market in self.all_markets.values()]
        return backgrounds_of(
            self.all_markets,
            seed=self.seed,
            birth=birth,
            profiles=self.profiles,
            recordings=self.recordings,
        )

    def _latency(self) -> Latency | None:
        if self.latency_wanted == "auto":
            return LogNormal(median_ms=40) if self.clock.is_virtual else None
        return latency_of(self.latency_wanted)

    def open_account(
        self,
        name: str,
        balances: dict[str, int],
        fee_asset: str | None,
        futures: dict[str, int] | None = None,
    ) -> None:
        """Open an account, now or when the venue starts. A known name is left as it is.

        `balances` are in atoms, and so are those of its futures wallet, `futures`; None: as much
        of each asset that contracts settle in. Without spot markets the spot wallet is empty.
        """
        if name not in self.accounts:
            self.accounts[name] = balances
            if futures is not None:
                self.futures[name] = futures
            self.fee_assets[name] = fee_asset
            if self.gateway is not _NOT_STARTED:
                self._open(name)

    def _open(self, name: str) -> None:
        from failing_exchange.core.commands import OpenAccount

        spot, futures = self._wallets(name)
        self.gateway.operate(OpenAccount(name, spot, self.fee_assets[name], futures))

    def _wallets(self, name: str) -> tuple[Holdings, Holdings]:
        """What an account's spot and futures wallets begin with."""
        held, markets = self.accounts[name], self.all_markets.values()
        contracts = [market for market in markets if market.contract]
        settling = {market.quote for market in contracts}
        given = {asset: atoms for asset, atoms in held.items() if asset in settling}
        futures = self.futures.get(name, given)
        spot = held if len(contracts) < len(markets) else {}
        return tuple(spot.items()), tuple(futures.items())

    def add_protocol_gate(self, gate: Gate) -> None:
        """Add an admission check of a venue's own protocol, after all others."""
        self.protocol_gates.append(gate)
        self.set_gates()

    def add_api(self, features: Features) -> None:
        """Let the features of a venue's API follow the changes that come into force."""
        self.apis.append(features)
        if self.gateway is not _NOT_STARTED:
            self._begin_api(features)

    def _begin_api(self, features: Features) -> None:
        assert self.engine is not None
        self.gateway.listeners.append(features.heard)
        for name in self.engine.state.api_changes:  # of an earlier process
            features.apply(name)

    def check_operator(self, command: Any) -> None:
        """Raise ConfigurationError for a change of the API that no served venue has.

        An exchange that is not served has no API to change: there any name is only recorded.
        """
        from failing_exchange.core.commands import ChangeApi
        from failing_exchange.venue.api_changes import unknown_change

        if command.__class__ is not ChangeApi or not self.apis:
            return
        tables = [features.table for features in self.apis]
        if not any(one.name == command.change for table in tables for one in table.changes):
            raise unknown_change(command.change, tables)

    def operate(self, command: Any) -> None:
        """Execute an operator command; it is journalled.

        Raises ConfigurationError for an unknown change of the API, and `Reject` as the engine does.
        """
        self.check_operator(command)
        self._hear(command)
        self.gateway.operate(command)
        self._wake_for_announced()

    def _wake_for_announced(self) -> None:
        """Have changes of the API and maintenance come when they are due, not with a request.

        A request is read and admitted before it reaches the exchange, by the rules that hold then.
        """
        from failing_exchange.core.commands import ChangeApi
        from failing_exchange.core.venue_commands import CutConnections, PlanMaintenance

        assert self.engine is not None
        for item in self.engine.state.agenda:
            if item.command.__class__ in (ChangeApi, PlanMaintenance, CutConnections):
                self._hear(item.command)
                self.gateway.later(item.at, self._settle, keeps_running=False)

    def _hear(self, command: Any) -> None:
        """Listen for maintenance where there may be some; a listener makes each order slower."""
        from failing_exchange.core.venue_commands import PlanMaintenance

        if command.__class__ is PlanMaintenance and self._heard not in self.gateway.listeners:
            self.gateway.listeners.append(self._heard)

    def _heard(self, events: tuple[Event, ...], at: int) -> None:
        """Refuse requests while a maintenance lasts that the operator has planned."""
        from failing_exchange.core.venue_commands import MaintenancePlanned

        planned = [event for event in events if event.__class__ is MaintenancePlanned]
        for event in planned:
            self.maintenance.hear(event)
        if planned:
            self.gates_changed()

    def _settle(self) -> None:
        self.gateway.settle(self.clock.now())

    def limit_rate(self, gate: RateGate | None) -> None:
        """Set the rate limit before the engine, or none."""
        self.rate_gate = gate
        self.gates_changed()

    def set_gates(self) -> None:
        """Give the gateway the admission checks that apply now."""
        if self.gateway is not _NOT_STARTED:
            gates: list[Gate] = []
            if self.durable is not None and self.durable.commits.halted:
                gates.append(self.durable.gate)
            if self.maintenance.windows:
                gates.append(MaintenanceGate(self.maintenance))
            if self.rate_gate is not None:
                gates.append(self.rate_gate)
            self.gateway.gates = gates + self.protocol_gates

    def gates_changed(self) -> None:
        """Apply a change of the rate limit or of the maintenance schedule, and record it."""
        self.set_gates()
        if self.durable is not None:
            self.durable.commits.touch()

    def plan_incident(self, after: int, command: Any) -> None:
        """Have an operator command executed `after` nanoseconds from the start, or from now."""
        if self.engine is None:
            self.incidents.append((after, command))
        else:
            self.check_operator(command)
            now = self.clock.now()
            self.engine.schedule(now + after, command, now)
            self._wake_for_announced()

    def close(self) -> None:
        """Write out the journal. Raises a bug of ours that an earlier trip met."""
        try:
            self.journal.close()
            if self.durable is not None:
                self.durable.close()
        finally:
            if self.gateway is not _NOT_STARTED and self.gateway.failure is not None:
                raise self.gateway.broken()
