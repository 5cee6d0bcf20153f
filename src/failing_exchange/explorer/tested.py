"""A pytest test as a target: it runs with a world's exchange, and is judged besides its asserts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from typing import Any

import pytest

from failing_exchange.client.exchange import FailingExchange
from failing_exchange.client.running_test import running_test
from failing_exchange.errors import InternalError
from failing_exchange.explorer.places import Places
from failing_exchange.explorer.trial import Outcome, Watch, built, outcome_of
from failing_exchange.explorer.world import World
from failing_exchange.judge.judge import Judge
from failing_exchange.judge.rule import Breach, Result, Severity
from failing_exchange.judge.rule import Outcome as Finding
from failing_exchange.runs.bot_process import stop_before
from failing_exchange.runs.user_code import rules_of

RULE = "test"  # the name under which a failed assert is reported
QUIET = ("-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:randomly")


def collected(name: str) -> bool:
    """Whether there is such a test, and it takes our exchange."""
    seen = _Collected()
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        pytest.main([name, "--collect-only", *QUIET], plugins=[seen])
    return seen.fits


class _Collected:
    fits = False

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Is there one, with our fixture?"""
        self.fits = len(session.items) == 1 and "failing_exchange" in getattr(
            session.items[0], "fixturenames", ()
        )


def run_test(
    name: str,
    world: World,
    *,
    options: Mapping[str, Any] = {},
    digest: bool = False,
    until: int = 0,
    watch: Watch = lambda exchange, notebook: None,
) -> Outcome:
    """Run a test in a world. `until`: stop before the trip of this number.

    `watch` is called with the exchange, before the test is given it.
    """
    stage = _Stage(world, options, until, watch)
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        pytest.main([name, *QUIET], plugins=[stage])
    if stage.exchange is None or stage.judge is None or stage.places is None:
        return Outcome(world=world, error=stage.failed or f"the test {name} made no exchange")
    if stage.exchange.venue.engine is None:
        return Outcome(world=world, error=stage.failed or f"the test {name} asked nothing")
    if stage.bug:
        return Outcome(world=world, error=stage.bug)
    verdict = stage.judge.verdict(returned=not stage.stopped)
    verdict = replace(verdict, results=(_asserted(stage.failed, verdict.at), *verdict.results))
    return outcome_of(world, stage.exchange, verdict, stage.places, digest=digest)


def _asserted(failed: str, at: int) -> Result:
    """The test's own word, as one more rule."""
    if not failed:
        return Result(RULE, Finding.PASS, "The test passes.", Severity.MONEY)
    breach = Breach(RULE, at, f"fails its test: {failed}")
    return Result(RULE, Finding.FAIL, breach.text, Severity.MONEY, 1, (breach,))


class _Stage:
    """Gives the test the world's exchange, and hears how it ended."""

    def __init__(self, world: World, options: Mapping[str, Any], until: int, watch: Watch) -> None:
        self._world = world
        self._options = options
        self._until = until
        self._watch = watch
        self.stopped = False
        self.exchange: FailingExchange | None = None
        self.judge: Judge | None = None
        self.places: Places | None = None
        self.failed = self.bug = ""

    def pytest_configure(self) -> None:
        """From now on the fixture gives out our exchange."""
        running_test.make = self._make

    def pytest_unconfigure(self) -> None:
        """As it was."""
        running_test.make = None
        if self.judge is not None:
            self.judge.hush()

    def _make(self, **options: Any) -> FailingExchange:
        exchange = built(self._world, **options)
        self._watch(exchange, None)
        self.places = Places(exchange.venue)
        self.judge = Judge(exchange.venue, **rules_of(self._options)._asdict())
        self.judge.hear()
        exchange.venue.on_start.append(self.judge.attach)
        exchange.venue.on_start.append(lambda: stop_before(self._until, exchange, self._stop))
        self.exchange = exchange
        return exchange

    def _stop(self) -> None:
        self.stopped = True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        """How did it end?"""
        report = yield
        error = call.excinfo.value if call.excinfo is not None else None
        if isinstance(error, InternalError):
            self.bug = f"{type(error).__name__}: {error}"
        elif report.failed and error is not None and not self.failed and not self.stopped:
            text = str(error).split("\n")[0]
            self.failed = f"{type(error).__name__}: {text}" if text else type(error).__name__
        return report
