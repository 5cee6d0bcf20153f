"""A journal in a database: a venue is written as it runs, and comes back as it was."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from failing_exchange.core.reject import Reason, Reject
from failing_exchange.durable import TRIPS_KEPT_MAX, metadata
from failing_exchange.durable.command_log import LoggedEngine
from failing_exchange.durable.group_commit import COMMIT_EVERY, GroupCommit, Runtime, WhenFull
from failing_exchange.durable.serialize import (
    Admission,
    Graph,
    admission_of,
    admission_text,
    from_graph,
    go_on,
    rule_text,
    rules_of,
    to_text,
    usage_text,
)
from failing_exchange.durable.sqlite_store import (
    Snapshot,
    SqliteStore,
    Survives,
    WriteBatch,
    WriteFailed,
    cant_be_written,
    damaged,
)
from failing_exchange.errors import ConfigurationError
from failing_exchange.journal.journal import COUNTERS

if TYPE_CHECKING:
    from failing_exchange.core.collateral import Collateral
    from failing_exchange.core.engine import Engine
    from failing_exchange.core.liquidity import Background
    from failing_exchange.core.market import Market
    from failing_exchange.faults.plan import FaultPlan
    from failing_exchange.journal.journal import Journal
    from failing_exchange.journal.trip import Trip
    from failing_exchange.venue.admission import RateGate
    from failing_exchange.venue.maintenance import MaintenanceSchedule
    from failing_exchange.venue.persistence import Usage
    from failing_exchange.venue.venue_clock import VenueClock

SNAPSHOT_EVERY = 100_000  # commands; at most this many are kept, and replayed at the start
SNAPSHOT_AT_CLOSE = 1_000  # commands since the last snapshot from which closing writes one
RATE_LIMIT = "rate limit"  # under which its usage is kept
SNAPSHOT_BYTES_MAX = 1 << 30  # unpacked; a larger one is refused


class Recovered(NamedTuple):
    """What came back: open orders, accounts, armed faults, replayed commands, trips."""

    orders: int
    accounts: int
    rules: int
    replayed: int
    trips: int

    def __str__(self) -> str:
        return (
            f"{self.orders} open orders, {self.accounts} accounts and {self.rules} armed faults "
            f"came back ({self.trips} trips; {self.replayed} commands replayed)"
        )


class Host(Protocol):
    """What a durable journal knows of its venue: what it keeps of it, and puts back."""

    seed: int
    all_markets: dict[str, Market]
    journal: Journal
    clock: VenueClock
    plan: FaultPlan
    maintenance: MaintenanceSchedule
    rate_gate: RateGate | None
    engine: Engine | None

    @property
    def gateway(self) -> Runtime:
        """The venue on its loop."""

    def set_gates(self) -> None:
        """Put up the gates that are there now."""


class DurableJournal:
    """A venue's journal in a database: `FailingExchange(journal=DurableJournal("run.db"))`.

    `full`: what happens while it can't be written. `every`: nanoseconds between two commits.
    `survives`: what a commit outlives. `keep`: how many trips stay in it, 0 for all. Raises
    ConfigurationError for a file that can't be used.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        full: WhenFull | str = WhenFull.HALT,
        every: int = COMMIT_EVERY,
        snapshot_every: int = SNAPSHOT_EVERY,
        pages: int | None = None,
        survives: Survives | str = Survives.KILL,
        keep: int = TRIPS_KEPT_MAX,
    ) -> None:
        self.path = str(path)
        self._store = store = SqliteStore(path, pages=pages, survives=Survives(survives), keep=keep)
        self._refused: ConfigurationError | None = None
        self.commits = GroupCommit(store, full=WhenFull(full), every=every)
        with self._reading():
            self.metadata: Mapping[str, Any] = metadata.read(store.meta())
        self.is_new = "birth" not in self.metadata
        self.commits.ahead = self._add_the_rest
        self.recovered: Recovered | None = None
        self._snapshot_every = snapshot_every
        self._snapshot_at = 0  # the number of the last command in it
        self._backgrounds: dict[str, Background] = {}
        self._venue: Host | None = None
        self._engine: LoggedEngine | None = None
        self._armed: list[tuple[Any, int]] = []
        self._admission: Admission | None = None  # as it is written
        self._limits: dict[str, Usage] = {}
        self._rate_used: str | None = None  # of the rate limit of all requests, as it is written
        self._rounds = 0  # how often the gateway's counter of requests was reset

    @property
    def last_at(self) -> int:
        """The last instant written, in ns; 0 for a new one."""
        return int(self.metadata.get("at", 0))

    # ---- beginning

    def join(self, venue: Host, world: Mapping[str, Any]) -> None:
        """Attach to a venue that was just built; `world` is what must stay the same."""
        self._venue = venue
        venue.journal.sinks.append(self.write)
        asked = {"seed": venue.seed, "markets": to_text(tuple(venue.all_markets.values())), **world}
        if self.is_new:
            self._put_meta(asked)
        else:
            self._check(asked)
            with self._reading():
                self._restore(venue)
        venue.clock.not_before = self.last_at
        venue.plan.changed = self.commits.touch
        self.commits.on_halt.append(venue.set_gates)

    def _restore(self, venue: Host) -> None:
        """Counters, armed rules and gates, as they were."""
        venue.journal.resume(self.metadata.get("counters", {}), self.metadata.get("labels", {}))
        venue.plan.disarm_all()
        for rule in rules_of(self._store.rules()):
            venue.plan.arm(rule)
        self._note_armed()
        if "gates" in self.metadata:
            kept = admission_of(self.metadata["gates"])
            venue.rate_gate, venue.maintenance.windows = kept.rate, list(kept.windows)
            used = self._store.usage(RATE_LIMIT).get("")
            if used is not None and kept.rate is not None:
                go_on(kept.rate, used)
                self._rate_used = used

    def keep_usage(self, name: str, limits: Usage) -> None:
        """Have the usage of some limits survive; continue from an earlier process's usage."""
        self._limits[name] = limits
        limits.changed = self.commits.touch
        with self._reading():
            limits.restore(self._store.usage(name))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Report whatever a file's content leads to as a ConfigurationError.

        A file may contain anything, so that anything may be raised here.
        """
        if self._refused is not None:
            raise self._refused
        try:
            yield
        except ConfigurationError as error:
            self._refuse(error)
            raise
        except Exception as error:
            kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
            self._refuse(refused := damaged(self.path, f"{kind}{error}"))
            raise refused from error

    def _refuse(self, error: ConfigurationError) -> None:
        """Close a file that can't be used, and raise the same error from now on."""
        self._refused = error
        self.commits.drop()

    def _put_meta(self, asked: Mapping[str, Any]) -> None:
        batch = WriteBatch()
        batch.meta = {n: json.dumps(v) for n, v in {**asked, "release": metadata.release()}.items()}
        self._write_now(batch)

    def _write_now(self, batch: WriteBatch) -> None:
        try:
            self._store.write(batch)
        except WriteFailed as error:
            raise cant_be_written(self.path, error) from error

    def _check(self, asked: Mapping[str, Any]) -> None:
        with self._reading():
            if more := [name for name in self.metadata if name not in {*metadata.EXPECTED, *asked}]:
                raise ValueError(f"nobody has asked for {', '.join(more)[:60]!r} in its table meta")
        for name, value in asked.items():
            if self.metadata.get(name) != value:
                self.commits.drop()
                shown = (
                    "" if name == "markets" else f" ({self.metadata.get(name)!r}, not {value!r})"
                )
                raise ConfigurationError(
                    f"{self.path} was started with another {name}{shown}: "
                    "give the same again, or name another file"
                )

    def born(self, at: int) -> int:
        """The instant of the venue's birth: `at` if it is new."""
        if self.is_new:
            batch = WriteBatch()
            batch.meta["birth"] = str(at)
            self._write_now(batch)
            return at
        with self._reading():
            metadata.check_gap(self.metadata, at)
        return int(self.metadata["birth"])

    def engine(
        self,
        markets: list[tuple[Market, Background | None]],
        collateral: Mapping[str, Collateral],
    ) -> LoggedEngine:
        """The venue's engine, as it was when the last batch was written."""
        self._backgrounds = {m.symbol: one for m, one in markets if one is not None}
        engine = self._engine = LoggedEngine(markets, collateral, self.commits)
        with self._reading():
            replayed = self._come_back(engine)
        if not self.is_new:
            state, plan = engine.state, self._venue.plan if self._venue is not None else None
            self.recovered = Recovered(
                len(state.orders), len(state.accounts), len(plan.rules) if plan else 0,
                replayed, int(self.metadata.get("counters", {}).get("last", 0)),
            )  # fmt: skip
        return engine

    def _come_back(self, engine: LoggedEngine) -> int:
        """Bring an engine to where it was; return how many commands were replayed."""
        snapshot, chain = self._store.snapshot(), 0
        if snapshot is not None:
            self._snapshot_at, chain = snapshot.number, snapshot.chain
            engine.restore(self._state_of(snapshot))
        return engine.replay(self._store.commands(self._snapshot_at, chain), self.last_at)

    def _state_of(self, snapshot: Snapshot) -> Any:
        if snapshot.code != metadata.code():
            raise ConfigurationError(
                f"the snapshot in {self.path} was written by other code (release "
                f"{self.metadata.get('release', 'unknown')}), and the commands before it are gone: "
                "serve it with that release, or start with a new --journal file"
            )
        unpack = zlib.decompressobj()
        text = unpack.decompress(snapshot.state, SNAPSHOT_BYTES_MAX).decode("utf-8")
        if unpack.unconsumed_tail:
            raise ValueError(f"its snapshot has more than {SNAPSHOT_BYTES_MAX:,} bytes")
        return from_graph(text, self._backgrounds)

    def bind(self, gateway: Runtime) -> None:
        """The venue runs on a loop now."""
        self.commits.bind(gateway)
        if self.recovered is not None and not gateway.counter.known:
            for client, operation, symbol, count in self._store.kinds():
                gateway.counter.resume((client, operation, symbol), count)
        self._rounds = gateway.counter.resets

    # ---- while it runs

    def write(self, trip: Trip, text: str) -> None:
        """A trip has ended."""
        kind, count = (trip.account, trip.operation, trip.symbol), 0
        if trip.request_number and not trip.echo_of:
            assert self._venue is not None
            counter = self._venue.gateway.counter
            if counter.resets != self._rounds:
                self._rounds = counter.resets
                self.commits.forget_kinds()
            count = counter.of(trip).count  # the requests that are under way are counted, too
        self.commits.trip(trip.number, text, kind, count)

    def gate(self, trip: Trip, at: int) -> None:
        """The venue's first gate: while the journal can't be written, all are refused."""
        if self.commits.halted:
            raise Reject(Reason.UNAVAILABLE, "Service unavailable: the journal is full")

    def _add_the_rest(self, batch: WriteBatch) -> None:
        """Add what else has changed: faults, counters, the instant, a snapshot if due."""
        venue = self._venue
        assert venue is not None
        if venue.engine is not None:
            batch.meta["at"] = str(venue.clock.now())
        batch.meta["counters"] = json.dumps({n: getattr(venue.journal, n) for n in COUNTERS})
        batch.meta["labels"] = json.dumps(venue.journal.by_label)
        rules = list(venue.plan.rules.values())
        if [(rule, rule.met) for rule in rules] != self._armed or _leaves(rules):
            batch.rules = [rule_text(rule) for rule in rules]
            self._note_armed()
        admission = Admission(venue.rate_gate, tuple(venue.maintenance.windows))
        if admission != self._admission:
            self._admission, batch.meta["gates"] = admission, admission_text(admission)
        used = usage_text(venue.rate_gate)
        if used != self._rate_used:
            self._rate_used = batch.usage[RATE_LIMIT, ""] = used
        for name, limits in self._limits.items():
            batch.usage |= {(name, who): used for who, used in limits.changes().items()}
        due = self.commits.number - self._snapshot_at >= self._snapshot_every
        if due and not self.commits.halted:
            self._add_snapshot(batch)

    def _note_armed(self) -> None:
        assert self._venue is not None
        self._armed = [(rule, rule.met) for rule in self._venue.plan.rules.values()]

    def _add_snapshot(self, batch: WriteBatch) -> None:
        assert self._engine is not None
        graph = Graph({one: symbol for symbol, one in self._backgrounds.items()})
        text = graph.to_text(self._engine.state)
        batch.meta["release"] = json.dumps(metadata.release())
        packed = zlib.compress(text.encode("utf-8"), 1)
        batch.snapshot = (self.commits.number, metadata.code(), packed)
        self._snapshot_at = self.commits.number

    def close(self) -> None:
        """Write what is left, with a snapshot where a replay would be long; close the file."""
        if (
            self.commits.number - self._snapshot_at >= SNAPSHOT_AT_CLOSE
            and self._engine is not None
        ):
            self._snapshot_every = 0
            self.commits.touch()
        self.commits.close()


def _leaves(rules: list[Any]) -> bool:
    return any(rule.leaving for rule in rules)
