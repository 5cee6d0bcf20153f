"""Explore a pytest test: it runs with a world's exchange and is judged, its asserts included."""

from __future__ import annotations

import inspect
import os
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from typing import Any

import pytest

from failing_exchange.client.exchange import FailingExchange
from failing_exchange.client.running_test import running_test
from failing_exchange.errors import InternalError
from failing_exchange.explorer.call_sites import CallSites
from failing_exchange.explorer.trial import (
    RunRequest,
    TrialResult,
    built,
    intent_of,
    requested,
    result_of,
)
from failing_exchange.explorer.world import World
from failing_exchange.judge.judge import Judge
from failing_exchange.judge.rule import Breach, Outcome, Result, Severity
from failing_exchange.runs.bot_process import stop_before
from failing_exchange.runs.user_code import rules_of
from failing_exchange.simulation import SCHEDULES

RULE = "test"  # the name under which a failed assert is reported
QUIET = ("-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:randomly")


def collected(name: str) -> str:
    """The one test of this id with the fixture `failing_exchange`: "async" or "plain"; or ""."""
    seen = _Collected()
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
    ):
        pytest.main([name, "--collect-only", *QUIET], plugins=[seen])
    return seen.kind


class _Collected:
    kind = ""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Look at what pytest has collected."""
        items: list[Any] = session.items
        if len(items) == 1 and "failing_exchange" in getattr(items[0], "fixturenames", ()):
            is_async = inspect.iscoroutinefunction(inspect.unwrap(items[0].obj))
            self.kind = "async" if is_async else "plain"


def run_test(name: str, wanted: World | RunRequest) -> TrialResult:
    """Run a test in a world; a failed assertion counts as a broken rule."""
    request = requested(wanted)
    world, stage = request.world, _Stage(request)
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
    ):
        pytest.main([name, *QUIET], plugins=[stage])
    if stage.exchange is None or stage.judge is None or stage.places is None:
        return TrialResult(world=world, error=stage.failed or f"the test {name} made no exchange")
    if stage.exchange.venue.engine is None:
        return TrialResult(world=world, error=stage.failed or f"the test {name} sent no request")
    if stage.bug:
        return TrialResult(world=world, error=stage.bug)
    verdict = stage.judge.verdict(returned=not stage.stopped)
    verdict = replace(verdict, results=(_asserted(stage.failed, verdict.at), *verdict.results))
    return result_of(request, stage.exchange, verdict, stage.places)


def _asserted(failed: str, at: int) -> Result:
    """The result of the test itself, as one more rule."""
    if not failed:
        return Result(RULE, Outcome.PASS, "The test passes.", Severity.MONEY)
    breach = Breach(RULE, at, f"fails its test: {failed}")
    return Result(RULE, Outcome.FAIL, breach.text, Severity.MONEY, 1, (breach,))


class _Stage:
    """The pytest plugin of one run: it gives out the exchange and notes how the test ended."""

    def __init__(self, request: RunRequest) -> None:
        self._request = request
        self.stopped = False
        self.exchange: FailingExchange | None = None
        self.judge: Judge | None = None
        self.places: CallSites | None = None
        self.failed = self.bug = ""

    def pytest_configure(self) -> None:
        """Let the fixture give out the exchange of the world."""
        running_test.make = self._make
        running_test.schedule = self._request.world.schedule

    def pytest_unconfigure(self) -> None:
        """Restore the fixture."""
        running_test.make, running_test.schedule = None, SCHEDULES[0]
        if self.judge is not None:
            self.judge.stop_listening()

    def _make(self, **options: Any) -> FailingExchange:
        exchange = built(self._request.world, **options)
        self._request.watch(exchange, None)
        self.places = CallSites(exchange.venue)
        rules = rules_of(self._request.rule_options)
        intent = intent_of(self._request.world)
        self.judge = Judge(exchange.venue, intent=intent, **rules._asdict())
        self.judge.listen()
        exchange.venue.on_start.append(self.judge.attach)
        until = self._request.until
        exchange.venue.on_start.append(lambda: stop_before(until, exchange, self._stop))
        self.exchange = exchange
        return exchange

    def _stop(self) -> None:
        self.stopped = True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        """Note how the test has ended."""
        report = yield
        error = call.excinfo.value if call.excinfo is not None else None
        if isinstance(error, InternalError):
            self.bug = f"{type(error).__name__}: {error}"
        elif report.failed and error is not None and not self.failed and not self.stopped:
            text = str(error).split("\n")[0]
            self.failed = f"{type(error).__name__}: {text}" if text else type(error).__name__
        return report
