"""What makes a venue durable: it is written as it runs, and comes back as it was."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from failing_exchange.core.codec import Graph, from_graph, to_text
from failing_exchange.core.reject import Reason, Reject
from failing_exchange.durable.gates import Gates
from failing_exchange.durable.gates import from_text as gates_of
from failing_exchange.durable.outbox import COMMIT_EVERY, Outbox, WhenFull
from failing_exchange.durable.recorded import RecordedEngine
from failing_exchange.durable.rules import from_rows, to_rows
from failing_exchange.durable.store import Batch, Full, Store, Survives
from failing_exchange.errors import ConfigurationError
from failing_exchange.journal import COUNTERS

if TYPE_CHECKING:
    from failing_exchange.core.background import Background
    from failing_exchange.core.market import Market
    from failing_exchange.gateway import Gateway
    from failing_exchange.trip import Trip
    from failing_exchange.venue import Venue

SNAPSHOT_EVERY = 100_000  # commands: so many are carried out again at most
SNAPSHOT_AT_CLOSE = 1_000  # commands without one, after which a clean end makes one


class Recovered(NamedTuple):
    """What came back: orders that are open, accounts, rules, commands carried out again."""

    orders: int
    accounts: int
    rules: int
    replayed: int
    trips: int

    def __str__(self) -> str:
        return (
            f"{self.orders} open orders, {self.accounts} accounts and {self.rules} armed faults "
            f"came back ({self.trips} trips; {self.replayed} commands carried out again)"
        )


class Durable:
    """A venue's journal in a database: `FailingExchange(journal=Durable("run.db"))`.

    `full`: what happens when it can't be written. `every`: nanoseconds between two commits.
    `survives`: what a commit outlives. Raises ConfigurationError for a file that can't be used.
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
    ) -> None:
        store = Store(path, pages=pages, survives=Survives(survives))
        self.path = str(path)
        self.known: Mapping[str, Any] = {n: json.loads(v) for n, v in store.meta().items()}
        self.is_new = "birth" not in self.known
        self.outbox = Outbox(store, full=WhenFull(full), every=every)
        self.outbox.ahead = self._add_the_rest
        self.recovered: Recovered | None = None
        self._store = store
        self._snapshot_every = snapshot_every
        self._snapshot_at = 0  # the number of the last command in it
        self._flows: dict[str, Background] = {}
        self._venue: Venue | None = None
        self._engine: RecordedEngine | None = None
        self._armed: list[tuple[Any, int]] = []
        self._gates: Gates | None = None  # as they are written

    @property
    def last_at(self) -> int:
        """The last instant that stands in it; 0 for a new one."""
        return int(self.known.get("at", 0))

    # ---- beginning

    def join(self, venue: Venue, world: Mapping[str, Any]) -> None:
        """Take up a venue that is as its arguments say; `world` is what must stay the same."""
        self._venue = venue
        venue.journal.sinks.append(self.write)
        asked = {"seed": venue.seed, "markets": to_text(tuple(venue.markets.values())), **world}
        if self.is_new:
            self._put_meta(asked)
        else:
            self._check(asked)
            venue.journal.go_on(self.known.get("counters", {}), self.known.get("labels", {}))
            venue.plan.disarm_all()
            for rule in from_rows(self._store.rules()):
                venue.plan.arm(rule)
            self._note_armed()
            if "gates" in self.known:
                kept = gates_of(json.dumps(self.known["gates"]))
                venue.rate_gate, venue.maintenance.windows = kept.rate, list(kept.windows)
        venue.clock.not_before = self.last_at
        venue.plan.changed = self.outbox.touch
        self.outbox.on_halt.append(venue.set_gates)

    def _put_meta(self, asked: Mapping[str, Any]) -> None:
        batch = Batch()
        batch.meta = {n: json.dumps(v) for n, v in {**asked, "release": _release()}.items()}
        self._write_now(batch)

    def _write_now(self, batch: Batch) -> None:
        try:
            self._store.write(batch)
        except Full as error:
            raise ConfigurationError(
                f"the journal {self.path!r} can't be written: {error}; make room"
            ) from error

    def _check(self, asked: Mapping[str, Any]) -> None:
        for name, value in asked.items():
            if self.known.get(name) != value:
                self._store.close()
                shown = "" if name == "markets" else f" ({self.known.get(name)!r}, not {value!r})"
                raise ConfigurationError(
                    f"{self.path} was begun with another {name}{shown}: "
                    "give the same again, or name another file"
                )

    def born(self, at: int) -> int:
        """The instant of the venue's birth: `at` if it is new."""
        if self.is_new:
            batch = Batch()
            batch.meta["birth"] = str(at)
            self._write_now(batch)
            return at
        return int(self.known.get("birth", at))

    def engine(self, markets: list[tuple[Market, Background | None]]) -> RecordedEngine:
        """The venue's engine, as it was when the last batch was written."""
        self._flows = {m.symbol: flow for m, flow in markets if flow is not None}
        engine = self._engine = RecordedEngine(markets, self.outbox)
        snapshot = self._store.snapshot()
        if snapshot is not None and self.known.get("release") == _release():
            self._snapshot_at = snapshot[0]
            text = zlib.decompress(snapshot[1]).decode("utf-8")
            engine.restore(from_graph(text, self._flows))
        replayed, _ = engine.replay(self._store.commands(self._snapshot_at))
        if not self.is_new:
            state, plan = engine.state, self._venue.plan if self._venue is not None else None
            self.recovered = Recovered(
                len(state.orders), len(state.accounts), len(plan.rules) if plan else 0,
                replayed, int(self.known.get("counters", {}).get("last", 0)),
            )  # fmt: skip
        return engine

    def bind(self, gateway: Gateway) -> None:
        """The venue runs on a loop now."""
        self.outbox.bind(gateway)
        if self.recovered is not None and not gateway.kinds.known:
            for client, operation, symbol, count in self._store.kinds():
                gateway.kinds.go_on((client, operation, symbol), count)

    # ---- while it runs

    def write(self, trip: Trip, text: str) -> None:
        """A trip has ended."""
        kind = (trip.account, trip.operation, trip.symbol)
        self.outbox.trip(trip.number, text, kind, 0 if trip.echo_of else trip.nth)

    def gate(self, trip: Trip, at: int) -> None:
        """The venue's first gate: while the journal can't be written, all are refused."""
        if self.outbox.halted:
            raise Reject(Reason.UNAVAILABLE, "Service unavailable: the journal is full")

    def _add_the_rest(self, batch: Batch) -> None:
        """What has changed besides: rules and their counters, the instant, a snapshot if due."""
        venue = self._venue
        assert venue is not None
        if venue.engine is not None:
            batch.meta["at"] = str(venue.clock.now())
        batch.meta["counters"] = json.dumps({n: getattr(venue.journal, n) for n in COUNTERS})
        batch.meta["labels"] = json.dumps(venue.journal.by_label)
        rules = list(venue.plan.rules.values())
        if [(rule, rule.met) for rule in rules] != self._armed or _leaves(rules):
            batch.rules = to_rows(rules)
            self._note_armed()
        gates = Gates(venue.rate_gate, tuple(venue.maintenance.windows))
        if gates != self._gates:
            self._gates, batch.meta["gates"] = gates, gates.to_text()
        due = self.outbox.number - self._snapshot_at >= self._snapshot_every
        if due and not self.outbox.halted:
            self._add_snapshot(batch)

    def _note_armed(self) -> None:
        assert self._venue is not None
        self._armed = [(rule, rule.met) for rule in self._venue.plan.rules.values()]

    def _add_snapshot(self, batch: Batch) -> None:
        assert self._engine is not None
        graph = Graph({flow: symbol for symbol, flow in self._flows.items()})
        text = graph.to_text(self._engine.state)
        batch.meta["release"] = json.dumps(_release())
        batch.snapshot = (self.outbox.number, zlib.compress(text.encode("utf-8"), 1))
        self._snapshot_at = self.outbox.number

    def close(self) -> None:
        """Write what is left, with a snapshot where the way back is long; let go of the file."""
        if self.outbox.number - self._snapshot_at >= SNAPSHOT_AT_CLOSE and self._engine is not None:
            self._snapshot_every = 0
            self.outbox.touch()
        self.outbox.close()


def _release() -> str:
    """The release that runs. The snapshot of another one is not read: its objects may differ."""
    from importlib.metadata import version

    return version("failing-exchange")


def _leaves(rules: list[Any]) -> bool:
    return any(rule.leaving for rule in rules)
