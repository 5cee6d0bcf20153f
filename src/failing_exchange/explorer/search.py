"""Explore: many seeds, each a world; what breaks is grouped, made small and handed over."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from failing_exchange.core.chance import below, key
from failing_exchange.errors import ConfigurationError
from failing_exchange.explorer import pool, targets
from failing_exchange.explorer.corpus import Corpus
from failing_exchange.explorer.findings import Finding, Findings
from failing_exchange.explorer.shrink import Shrunk, shrink
from failing_exchange.explorer.token import Token, surroundings
from failing_exchange.explorer.trial import Seen
from failing_exchange.explorer.world import World, draw, mutate
from failing_exchange.virtual.wallclock import REAL

TOGETHER = 8  # worlds that one process runs, one after the other; findings are run alone again
BATCH = 64  # worlds that are drawn together: what was met is looked at between two batches ...
BATCH_SHARE = 4  # ... which grow to one part in so many of those that ran ...
BATCH_MAX = 16_384  # ... up to this: the driver holds one batch, and a cluster is kept busy by it
PARENTS_MAX = 1_000  # worlds that showed something new and are mutated; the oldest goes
GROUND_MAX = 1_000_000  # different things met; beyond it nothing counts as new
ERRORS_KEPT_MAX = 100  # trials that could not be run; more are counted
SHRUNK_TOGETHER_MAX = 8  # findings that are made small side by side
MUTANTS = 3  # one world in so many is a neighbour of one that showed something new


@dataclass(kw_only=True)
class Options:
    """How to explore. `seconds` is virtual, `wall_s` real time; `shard` is (i, n), from 1."""

    target: str
    seeds: int = 1_000
    first_seed: int = 0
    seconds: float = 3_600.0
    jobs: int = 0  # 0: as many as there are processors
    wall_s: float | None = None
    stop_at_first: bool = False
    shard: tuple[int, int] = (1, 1)
    corpus: Path | None = None
    rules: Mapping[str, Any] = field(default_factory=dict)  # parameters, by rule


@dataclass(kw_only=True)
class Exploration:
    """What came of it."""

    options: Options
    findings: Findings = field(default_factory=Findings)
    trials: int = 0
    failed: int = 0  # trials in which some rule was broken
    ground: int = 0  # different (fault, operation, state of the order, rules broken)
    errors: list[str] = field(default_factory=list)
    errors_seen: int = 0
    seconds: float = 0.0  # real time
    ended: str = ""  # why

    @property
    def simulated_hours(self) -> float:
        """How much time the bot has lived through."""
        return self.trials * self.options.seconds / 3_600

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "kind": "explore",
            "target": self.options.target,
            "seeds": self.options.seeds,
            "trials": self.trials,
            "failed": self.failed,
            "ground": self.ground,
            "simulated_hours": self.simulated_hours,
            "seconds": self.seconds,
            "ended": self.ended,
            "errors": self.errors,
            "findings": [finding.as_dict() for finding in ordered(self.findings)],
        }


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """The gravest first: by money, then by how often."""
    return sorted(findings, key=lambda one: (-one.breach.money, -one.times, str(one.cause)))


Tell = Callable[[Exploration, Finding | None], None]


def explore(
    options: Options | str,
    *,
    executor: Executor | None = None,
    tell: Tell = lambda exploration, finding: None,
) -> Exploration:
    """Explore a bot. `tell` is called after each trial, and with each finding once it is small.

    Findings depend on target, seeds and options alone: not on the executor, its speed or its size.
    Raises ConfigurationError for a target that is not there.

    >>> # explore("mybot.py:main").findings
    """
    wanted = Options(target=options) if isinstance(options, str) else options
    target = targets.load(wanted.target)
    with _carried(executor, wanted.jobs) as carrier:
        return _Search(wanted, target, carrier, tell).run()


@contextmanager
def _carried(executor: Executor | None, jobs: int) -> Iterator[Executor]:
    """The executor to use: threads, each with a process, unless another is given."""
    if executor is not None:
        yield executor
        return
    count = jobs or len(os.sched_getaffinity(0))
    try:
        with ThreadPoolExecutor(count, thread_name_prefix="trial") as threads:
            try:
                yield threads
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                pool.end_all()
                raise
    finally:
        pool.end_all()


class _Search:
    def __init__(
        self, options: Options, target: targets.Target, executor: Executor, tell: Tell
    ) -> None:
        self.options = options
        self.target = target
        self.executor = executor
        self.tell = tell
        self.found = Exploration(options=options)
        self.corpus = Corpus(options.corpus)
        self._parents: deque[World] = deque(maxlen=PARENTS_MAX)
        self._ground: set[str] = set()
        self._made_with = surroundings(options.target)
        self._began = REAL["monotonic"]()

    def run(self) -> Exploration:
        """Known failures first, then seeds until there are enough."""
        self._settle_all(self._batch([token.world for token in self.corpus.tokens()]))
        for batch in self._batches():
            if self._is_over():
                break
            self._settle_all(self._batch(batch))
        self.found.seconds = REAL["monotonic"]() - self._began
        self.found.ground = len(self._ground)
        self.found.ended = self.found.ended or "all seeds were tried"
        return self.found

    def _is_over(self) -> bool:
        if self.options.stop_at_first and len(self.found.findings):
            self.found.ended = "the first failure was found"
        return bool(self.found.ended) or self._is_late()

    def _is_late(self) -> bool:
        wall_s, spent = self.options.wall_s, REAL["monotonic"]() - self._began
        if wall_s is not None and spent > wall_s:
            self.found.ended = f"{wall_s:g} s were over"
            return True
        return False

    # ---- which worlds

    def _batches(self) -> Iterator[list[World]]:
        """Worlds in batches; a batch depends on what those before it have met, never on speed."""
        batch: list[World] = []
        drawn, size = 0, BATCH
        number, shards = self.options.shard
        first = self.options.first_seed
        for seed in range(first, first + self.options.seeds):
            if (seed - first) % shards != number - 1:
                continue
            batch.append(self._world(seed))
            if len(batch) == size:
                yield batch
                drawn, batch = drawn + size, []
                size = _batch_size(drawn)
        if batch:
            yield batch

    def _world(self, seed: int) -> World:
        dice = key("search", seed)
        if self._parents and below(dice, 0, MUTANTS) == 0:
            parent = self._parents[below(dice, 1, len(self._parents))]
            return mutate(parent, seed, venue=self.target.venue)
        return draw(
            seed,
            seconds=self.options.seconds,
            venue=self.target.venue,
            intents=self.target.takes_intents,
        )

    # ---- running them

    def _job(self, worlds: list[World], *, digest: bool = False) -> dict[str, Any]:
        return {
            "target": self.options.target,
            "worlds": [world.as_dict() for world in worlds],
            "options": dict(self.options.rules),
            "digest": digest,
        }

    def _batch(self, worlds: list[World]) -> list[tuple[World, Seen]]:
        """Run worlds side by side; the results in the order of the worlds."""
        size = 1 if targets.TEST in self.options.target else TOGETHER
        parts = [worlds[start : start + size] for start in range(0, len(worlds), size)]
        waiting: list[tuple[list[World], Future[list[dict[str, Any]]]]] = [
            (part, self.executor.submit(pool.execute, self._job(part))) for part in parts
        ]
        done: list[tuple[World, Seen]] = []
        for part, future in waiting:
            if self._is_late():
                future.cancel()
                continue
            for world, found in zip(part, future.result(), strict=True):
                seen = Seen.of(found)
                self._note(world, seen)
                done.append((world, seen))
        return done

    def _note(self, world: World, seen: Seen) -> None:
        self.found.trials += 1
        if seen.error:
            self._err(f"seed {world.seed}: {seen.error}")
        elif seen.breaks:
            self.found.failed += 1
        new = [one for one in seen.ground if one not in self._ground]
        if new and len(self._ground) < GROUND_MAX:
            self._ground.update(new)
            if not world.plan:
                self._parents.append(world)
        self.tell(self.found, None)

    # ---- what they found

    def _settle_all(self, results: list[tuple[World, Seen]]) -> None:
        """Group what was broken; make the first example of each new cause small."""
        new = [
            finding
            for world, seen in results
            if not seen.error
            for finding in self.found.findings.add(world, seen)
        ]
        if new:
            with ThreadPoolExecutor(SHRUNK_TOGETHER_MAX) as threads:
                for finding, small in zip(new, threads.map(self._small, new), strict=True):
                    if small is None:
                        self._disown(finding)
                    else:
                        self._settle(finding, *small)

    def _small(self, finding: Finding) -> tuple[Shrunk, str] | None:
        """A finding made small, and the digest of that run; None where it was no finding.

        It was one when others had run before in its process: it must be one by itself.
        """
        alone = self._attempt(finding.world)
        if alone.breaks_of(finding.cause.rule) is None:
            return None
        finding.seen = alone
        shrunk = shrink(finding.world, finding.seen, finding.cause.rule, self._attempt)
        return shrunk, self._attempt(shrunk.world, digest=True).digest

    def _disown(self, finding: Finding) -> None:
        self.found.findings.drop(finding)
        self._err(
            f"seed {finding.seed} breaks {finding.cause.rule} only after other runs in its "
            "process: something outside the bot's own module remembers them"
        )

    def _err(self, text: str) -> None:
        self.found.errors_seen += 1
        if len(self.found.errors) < ERRORS_KEPT_MAX:
            self.found.errors.append(text)

    def _settle(self, finding: Finding, shrunk: Shrunk, digest: str) -> None:
        token = Token(
            target=self.options.target,
            world=shrunk.world,
            rule=finding.cause.rule,
            digest=digest,
            options=self.options.rules,
            made_with=self._made_with,
        )
        settled = self.found.findings.settle(finding, shrunk, token)
        if settled is not None:
            self.corpus.keep(settled)
            self.tell(self.found, settled)

    def _attempt(self, world: World, *, digest: bool = False) -> Seen:
        """A trial in a process of its own."""
        job = self._job([world], digest=digest)
        return Seen.of(self.executor.submit(pool.execute, job).result()[0])


def _batch_size(drawn: int) -> int:
    """How many worlds come together after so many: small at first, for findings come early."""
    return min(BATCH_MAX, max(BATCH, drawn // BATCH_SHARE // BATCH * BATCH))


def shard_of(text: str) -> tuple[int, int]:
    """`2/8`: the second of eight shares of the seeds."""
    number, _, shards = text.partition("/")
    if not (number.isdigit() and shards.isdigit() and 1 <= int(number) <= int(shards)):
        raise ConfigurationError(f"--shard {text!r}: expected i/n, from 1/n to n/n")
    return int(number), int(shards)
