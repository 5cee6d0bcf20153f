"""Explore: run a bot in many worlds, group what breaks, and shrink an example of each."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from failing_exchange.core.chance import below, key
from failing_exchange.core.units import HOUR_S
from failing_exchange.errors import ConfigurationError
from failing_exchange.explorer import targets, worker_pool
from failing_exchange.explorer.corpus import Corpus, file_stem
from failing_exchange.explorer.findings import (
    Finding,
    Findings,
    Group,
    cause_of,
    grouped,
    plainest,
    rank,
)
from failing_exchange.explorer.shrink import USUAL, Example, OutOfRuns, shrink_alone
from failing_exchange.explorer.token import HASH_SEED, Token, surroundings
from failing_exchange.explorer.trial import BrokenRule, TrialSummary
from failing_exchange.explorer.world import World, draw, mutate, with_own, with_schedule
from failing_exchange.judge.catalogue import make
from failing_exchange.runs.bot_environment import BotEnvironment
from failing_exchange.runs.bot_process import DEAF
from failing_exchange.runs.user_code import load_faults, rules_of
from failing_exchange.system import check_fork, processors
from failing_exchange.virtual.wallclock import REAL

# Hours of worlds that one process runs, one after the other, so that it is over in a few seconds;
# findings are run alone again.
HOURS_TOGETHER = 32
HOURS_TOGETHER_ON_THE_WIRE = 16
JOBS_EACH = 2  # for each of our processes, where a job then has at least ...
HOURS_LEAST = 8  # ... these hours of worlds: to start a process takes longer than to run them
HOURS_LEAST_ON_THE_WIRE = 4
TOGETHER_ELSEWHERE = 8  # worlds in a job if the number of processes of the executor is unknown
BATCH = 64  # worlds that are drawn together: what was met is looked at between two batches ...
BATCH_SHARE = 4  # ... which grow to this part (a quarter) of those that ran ...
BATCH_MAX = 16_384  # ... up to this: the driver holds one batch, and a cluster is kept busy by it
PARENTS_MAX = 1_000  # worlds that showed something new and are mutated; the oldest is dropped
GROUND_MAX = 1_000_000  # different situations; beyond it nothing counts as new
ERRORS_KEPT_MAX = 100  # trials that could not be run; more are only counted
SHRUNK_TOGETHER_MAX = 8  # findings that are shrunk side by side
SHRINK_GRACE = 0.25  # of the time limit: this much longer may findings be shrunk
CALM_WORLDS = 3  # without any fault, which come first: what fails in them is the baseline
FOLDERS_KEPT_MAX = 50  # of findings whose files are kept, the most urgent first
MUTANTS = 3  # one world in this many is a neighbour of one that showed something new


@dataclass(kw_only=True)
class Options:
    """How to explore. `seconds` is virtual, `wall_s` real time; `shard` is (i, n), from 1.

    >>> Options(target="mybot.py:main", seeds=200, seconds=7_200.0, quick=True).jobs
    0
    """

    target: str
    seeds: int = 1_000
    first_seed: int = 0
    seconds: float = float(HOUR_S)
    jobs: int = 0  # 0: as many as there are processors
    wall_s: float | None = None
    stop_at_first: bool = False
    quick: bool = False  # only the finding to mend first is made small
    shard: tuple[int, int] = (1, 1)
    corpus: Path | None = None
    rules: Mapping[str, Any] = field(default_factory=dict)  # parameters, by name or path.py:Name
    faults: tuple[str, ...] = ()  # of the user, as path.py:Name: each is in every second world
    venue: str = ""  # that a bot with clients of its own reaches; empty: the default one
    as_of: str = ""  # the day of its API; empty: the newest
    client_ids: str = ""  # a pattern whose first group names what an order is for
    env: Mapping[str, str] = field(default_factory=dict)  # environment variables of the bot
    files: str = ""  # a folder: in each world the bot works in a fresh copy of it
    keep_files: Path | None = None  # a folder for what the bot wrote in the example of a finding
    markets: tuple[str, ...] = ()  # that are listed; empty: those that the bot says it trades


@dataclass(kw_only=True)
class Exploration:
    """The result of an exploration, also while it runs."""

    options: Options
    findings: Findings = field(default_factory=Findings)
    trials: int = 0
    failed: int = 0  # trials in which some rule was broken
    calm: int = 0  # worlds without any fault, run besides the trials ...
    calm_failed: int = 0  # ... and those of them in which some rule was broken
    calm_bits: int = 0  # their bits in `Finding.worlds`
    making_small: dict[str, int] = field(default_factory=dict)  # under way: runs, by cause
    ground: int = 0  # different (fault, operation, state of the order, rules broken)
    errors: list[str] = field(default_factory=list)
    errors_seen: int = 0
    seconds: float = 0.0  # real time
    ended: str = ""  # why it ended
    interrupted: bool = False
    requests: int = 0  # that the bot sent, in all trials
    judged: dict[str, int] = field(default_factory=dict)  # in how many trials, by rule
    unjudged: dict[str, str] = field(default_factory=dict)  # why it was not, the first time

    @property
    def simulated_hours(self) -> float:
        """Virtual time of all trials, in hours."""
        return self.trials * self.options.seconds / HOUR_S

    def folder_of(self, group: Group) -> Path:
        """Where the files of a finding are kept."""
        return Path(self.options.keep_files or "") / file_stem(group.first)

    def files_of(self, group: Group) -> Path | None:
        """The folder with the files of a finding; None where none were kept."""
        folder = self.folder_of(group)
        return folder if self.options.keep_files is not None and folder.is_dir() else None

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "kind": "explore",
            "target": self.options.target,
            "seeds": self.options.seeds,
            "trials": self.trials,
            "failed": self.failed,
            "calm": self.calm,
            "calm_failed": self.calm_failed,
            "ground": self.ground,
            "simulated_hours": self.simulated_hours,
            "seconds": self.seconds,
            "ended": self.ended,
            "errors": self.errors,
            "requests": self.requests,
            "judged": self.judged,
            "unjudged": self.unjudged,
            "findings": [group.as_dict() for group in grouped(self.findings)],
        }


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

    >>> explore(Options(target="careful", seeds=2, seconds=60.0)).failed
    0
    """
    wanted = Options(target=options) if isinstance(options, str) else options
    check_fork("explore")
    _check_environment(wanted)
    target = targets.load(wanted.target)
    try:
        if executor is not None:
            return _Search(wanted, target, executor, tell).run()
        processes = wanted.jobs or processors()
        with _carried(processes) as threads:
            return _Search(wanted, target, threads, tell, processes=processes).run()
    finally:
        worker_pool.end_all()  # those of the caller's threads, too


def _check_environment(wanted: Options) -> None:
    """Raise ConfigurationError for files or variables that can't be given to the target."""
    keep = "" if wanted.keep_files is None else str(wanted.keep_files)
    BotEnvironment(wanted.env, wanted.files, keep).check()
    if targets.TEST in wanted.target and (wanted.files or wanted.env):
        raise ConfigurationError(
            f"--env and --files: {wanted.target} is a test; let it use pytest's fixtures "
            "monkeypatch and tmp_path"
        )


@contextmanager
def _carried(processes: int) -> Iterator[Executor]:
    """A pool of threads, each with a worker process."""
    with ThreadPoolExecutor(processes, thread_name_prefix="trial") as threads:
        try:
            yield threads
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            worker_pool.end_all()
            raise


class _Broken(NamedTuple):
    """A rule that was broken in a world; `bit` is that of the world."""

    one: BrokenRule
    bit: int
    world: World
    seen: TrialSummary


class _Search:
    def __init__(
        self,
        options: Options,
        target: targets.Target,
        executor: Executor,
        tell: Tell,
        *,
        processes: int = 0,
    ) -> None:
        self.options = options
        self.processes = processes  # of the executor; 0: unknown
        self.target = target
        self.executor = executor
        self.tell = tell
        self.found = Exploration(options=options)
        self.corpus = Corpus(options.corpus)
        self._parents: deque[World] = deque(maxlen=PARENTS_MAX)
        self._ground: set[str] = set()
        self._made_with = {
            **surroundings(options.target, options.files),
            HASH_SEED: worker_pool.hash_seed_of_trials(),
        }
        self._began = REAL["monotonic"]()
        self._is_halted = False
        load_faults(options.faults)
        self._rules = [rule.name for rule in make(*rules_of(options.rules))]
        self._looked_at = 0  # worlds whose breaches were noted

    def run(self) -> Exploration:
        """Calm worlds, known failures, then seeds until there are enough; Ctrl-C ends it early."""
        worker_pool.begin()
        try:
            self._look_at_calm_worlds()
            if not self.found.ended:
                self._look_at_others()
        except KeyboardInterrupt:
            self._halt()
            self.found.interrupted, self.found.ended = True, "it was interrupted"
        except _UnusableError as error:
            if not len(self.found.findings):
                raise
            self._halt()  # what was found before is kept
            self._err(str(error))
            self.found.ended = "your code failed"
        self._is_over()
        self._settle_rest()
        self._keep_files()
        self.found.seconds = REAL["monotonic"]() - self._began
        self.found.ground = len(self._ground)
        self.found.ended = self.found.ended or "all seeds were tried"
        return self.found

    def _look_at_others(self) -> None:
        """Known failures, then the worlds of seeds."""
        self._settle_all(self._batch([token.world for token in self.corpus.tokens()]))
        for batch in self._batches():
            if self._is_over():
                break
            self._settle_all(self._batch(batch))
        self._make_worst_small()

    def _keep_files(self) -> None:
        """Run the example of each finding once more, and keep what the bot wrote in it."""
        if self.options.keep_files is None:
            return
        groups = grouped(self.found.findings)
        if self._is_halted and groups:
            self._err("the files of the findings were not kept, for the search was interrupted")
            return
        for group in groups[:FOLDERS_KEPT_MAX]:
            token = group.first.token
            assert token is not None
            folder = self.found.folder_of(group)
            job = {**self._job([token.world]), "keep_files": os.path.abspath(folder)}
            failed = self.executor.submit(worker_pool.execute, job).result()[0]["error"]
            if failed:
                self._err(f"the files of {group.first.cause} were not kept: {failed}")

    def _halt(self) -> None:
        """No more trials; those under way end."""
        self._is_halted = True
        worker_pool.halt()

    def _is_over(self) -> bool:
        if self.options.stop_at_first and len(self.found.findings) and not self.found.ended:
            self.found.ended = "the first failure was found"
        return bool(self.found.ended) or self._is_late()

    def _is_late(self, grace: float = 0.0) -> bool:
        wall_s, spent = self.options.wall_s, REAL["monotonic"]() - self._began
        if wall_s is not None and spent > wall_s * (1 + grace):
            self.found.ended = f"{wall_s:g} s were over"
            return True
        return False

    # ---- which worlds

    def _look_at_calm_worlds(self) -> None:
        """What fails without any fault is reported once, as the baseline."""
        worlds = [
            replace(self._drawn(seed), faults=(), restarts=(), incidents=(), **USUAL)
            for seed in self._seeds()[:CALM_WORLDS]
        ]
        results = self._batch(worlds, calm=True)
        for world, seen in results:
            if seen.error:
                self._err(f"seed {world.seed} without faults: {seen.error}")
        self.found.calm = len(results)
        self.found.calm_failed = sum(bool(seen.breaks) for _, seen in results)
        if results and all(seen.not_begun for _, seen in results):
            self._err(results[0][1].not_begun)
            self.found.ended = "your bot could not begin"
            return
        if any(seen.spins for _, seen in results):  # each more world would take as long
            self._halt()
            self.found.ended = "your bot never waits, even without faults"
        self._settle_all(results)
        self.found.calm_bits = (1 << self._looked_at) - 1

    def _batches(self) -> Iterator[list[World]]:
        """Worlds in batches; a batch depends on what those before it have met, never on speed."""
        batch: list[World] = []
        drawn, size = 0, BATCH
        for seed in self._seeds():
            batch.append(self._world(seed))
            if len(batch) == size:
                yield batch
                drawn, batch = drawn + size, []
                size = _batch_size(drawn)
        if batch:
            yield batch

    def _seeds(self) -> range:
        """The seeds of this share."""
        number, shards = self.options.shard
        first = self.options.first_seed
        return range(first + number - 1, first + self.options.seeds, shards)

    def _world(self, seed: int) -> World:
        dice = key("search", seed)
        if self._parents and below(dice, 0, MUTANTS) == 0:
            parent = self._parents[below(dice, 1, len(self._parents))]
            return mutate(parent, seed, venue=self._venue)
        return self._drawn(seed)

    @property
    def _venue(self) -> str:
        return self.target.venue and (self.options.venue or self.target.venue)

    def _drawn(self, seed: int) -> World:
        drawn = draw(
            seed,
            seconds=self.options.seconds,
            venue=self._venue,
            intents=self.target.takes_intents,
            symbols=self.options.markets or self.target.symbols,
        )
        if self.target.blocks:
            drawn = with_schedule(drawn)
        own = self.options
        if own.as_of:
            drawn = replace(drawn, migration={})  # the day is the user's
        drawn = replace(
            drawn, as_of=own.as_of, client_ids=own.client_ids, env=own.env, files=own.files
        )
        return with_own(drawn, own.faults)

    # ---- running them

    def _job(self, worlds: list[World], *, shown: str = "") -> dict[str, Any]:
        return {
            "target": self.options.target,
            "worlds": [world.as_dict() for world in worlds],
            "rule_options": dict(self.options.rules),
            "digest": bool(shown),
            "columns": shown,
        }

    def _together(self, count: int) -> int:
        """How many worlds of a batch one process runs."""
        if targets.TEST in self.options.target or self.target.is_whole:
            return 1
        most, least = HOURS_TOGETHER, HOURS_LEAST
        if self.target.venue:
            most, least = HOURS_TOGETHER_ON_THE_WIRE, HOURS_LEAST_ON_THE_WIRE
        an_hour, share = HOUR_S / self.options.seconds, TOGETHER_ELSEWHERE
        if self.processes:
            share = max(-(-count // (self.processes * JOBS_EACH)), int(least * an_hour))
        return max(1, min(int(most * an_hour), share))

    def _batch(
        self, worlds: list[World], *, calm: bool = False
    ) -> list[tuple[World, TrialSummary]]:
        """Run worlds side by side; the results in the order of the worlds."""
        size = self._together(len(worlds))
        parts = [worlds[start : start + size] for start in range(0, len(worlds), size)]
        waiting: list[tuple[list[World], Future[list[dict[str, Any]]]]] = [
            (part, self.executor.submit(worker_pool.execute, self._job(part))) for part in parts
        ]
        done: list[tuple[World, TrialSummary]] = []
        for part, future in waiting:
            failed = self.options.stop_at_first and any(seen.breaks for _, seen in done)
            spins = calm and any(seen.spins for _, seen in done)
            if self._is_late() or failed or spins:
                future.cancel()
                continue
            for world, found in zip(part, future.result(), strict=True):
                seen = TrialSummary.of(found)
                _check_usable(seen)
                if not calm:
                    self._note(world, seen)
                done.append((world, seen))
        return done

    def _note(self, world: World, seen: TrialSummary) -> None:
        self.found.trials += 1
        self.found.requests += seen.requests
        if not seen.error:
            for rule in self._rules:
                judged = rule not in seen.unjudged
                self.found.judged[rule] = self.found.judged.get(rule, 0) + judged
            for rule, why in seen.unjudged.items():
                self.found.unjudged.setdefault(rule, why)
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

    def _settle_all(self, results: list[tuple[World, TrialSummary]]) -> None:
        """Count each broken rule with a known cause, or make a new finding of it."""
        broken = [(world, seen) for world, seen in results if seen.breaks and not seen.error]
        if self.options.stop_at_first:
            broken = broken[:1]
        left = [
            _Broken(one, 1 << (self._looked_at + number), world, seen)
            for number, (world, seen) in enumerate(broken)
            for one in seen.breaks
        ]
        self._looked_at += len(broken)
        left.sort(key=lambda each: len(each.one.kinds))  # few faults explain more
        while left:
            left = self._explained(left)

    def _explained(self, broken: list[_Broken]) -> list[_Broken]:
        """Make one new cause of each group small; those that then are not explained are left."""
        new: list[Finding] = []
        begun: dict[Any, None] = {}
        left = []
        for each in broken:
            if self.found.findings.note(each.one, each.bit, as_one=self.options.quick):
                continue
            if cause_of(each.one).spot in begun:
                left.append(each)
                continue
            begun[cause_of(each.one).spot] = None
            finding = self.found.findings.add(*each)
            if finding is not None:
                new.append(finding)
        if not self.options.quick:
            self._make_small(new)
        return left

    def _make_worst_small(self) -> None:
        """The one finding of a quick exploration that is made small: the one to mend first."""
        groups = grouped(self.found.findings)
        if self.options.quick and groups and groups[0].first.token is None:
            self._make_small([groups[0].first])

    def _make_small(self, new: list[Finding]) -> None:
        if not new:
            return
        new.sort(key=lambda finding: rank(finding.cause.rule))
        with ThreadPoolExecutor(SHRUNK_TOGETHER_MAX) as threads:
            smalls = [threads.submit(self._small, finding) for finding in new]
            try:
                for finding, small in zip(new, smalls, strict=True):
                    self._settle_one(finding, small.result())
            except BaseException:
                self._halt()  # or the threads would go on to their ends
                raise

    def _settle_one(self, finding: Finding, small: tuple[Example, str] | None) -> None:
        if small is None:
            self._disown(finding)
        else:
            self._settle(finding, *small)

    def _settle_rest(self) -> None:
        """What there was no time to make small is handed over as it was found."""
        for finding in [one for one in self.found.findings if one.token is None]:
            self._settle(finding, finding.example, "")

    def _small(self, finding: Finding) -> tuple[Example, str] | None:
        """A finding made small, and the digest of that run; None where it was no finding.

        It was one when others had run before in its process: it must be one by itself.
        """
        small: Example | None = finding.example
        digest = ""
        name, rule = str(finding.cause), finding.cause.rule

        def attempt(world: World) -> TrialSummary:
            self.found.making_small[name] = self.found.making_small.get(name, 0) + 1
            self.tell(self.found, None)
            return self._attempt(world)

        with suppress(OutOfRuns):
            small = shrink_alone(*finding.example[:2], rule, attempt)
            if small is not None:
                last = self._attempt(small.world, shown=plainest(rule, small))
                digest, finding.columns = last.digest, last.columns
        self.found.making_small.pop(name, None)
        return None if small is None else (small, digest)

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

    def _settle(self, finding: Finding, example: Example, digest: str) -> None:
        token = Token(
            target=self.options.target,
            world=example.world,
            rule=plainest(finding.cause.rule, example),
            digest=digest,
            options=self.options.rules,
            made_with=self._made_with,
        )
        settled = self.found.findings.settle(finding, example, token)
        if settled is not None:
            self.corpus.keep(settled)
            self.tell(self.found, settled)

    def _attempt(self, world: World, *, shown: str = "") -> TrialSummary:
        """A trial in a process of its own; raises OutOfRuns if the time is over.

        `shown`: a rule whose breach is to be shown in both columns, with the run's digest.
        """
        if self._is_halted or self._is_late(SHRINK_GRACE):
            raise OutOfRuns
        job = self._job([world], shown=shown)
        found = self.executor.submit(worker_pool.execute, job).result()[0]
        if self._is_halted:
            raise OutOfRuns
        return TrialSummary.of(found)


class _UnusableError(ConfigurationError):
    """A rule or a fault of the user's has failed in a world: more worlds would not help."""


def _check_usable(seen: TrialSummary) -> None:
    """Raise _UnusableError for a world in which the user's rules or faults have failed.

    A bot that can't be stopped is met only in worlds with restarts: the others are judged.
    """
    kind, _, text = seen.error.partition(": ")
    if kind == ConfigurationError.__name__ and text != DEAF:
        raise _UnusableError(text)


def _batch_size(drawn: int) -> int:
    """The size of the next batch: small at first, because findings come early."""
    return min(BATCH_MAX, max(BATCH, drawn // BATCH_SHARE // BATCH * BATCH))
