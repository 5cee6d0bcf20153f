"""The metrics of a served venue: what is counted, and that counting costs nobody anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client.parser import text_string_to_metric_families

from failing_exchange import Control, FailingExchange, RequestTimeoutError, simulate
from failing_exchange.core.commands import Credit
from failing_exchange.durable.durable_journal import DurableJournal
from failing_exchange.errors import ConfigurationError
from failing_exchange.observe import metrics as module
from failing_exchange.observe.metrics import FAMILIES, PREFIX, Metrics
from failing_exchange.observe.request_counts import CLIENTS_MAX, OTHER, PUBLIC
from failing_exchange.server.control_server import ControlServer
from failing_exchange.server.messages import Request
from failing_exchange.venues.binance.venue import Binance
from tests.server.test_control_server import served

TIME = Request("GET", "/api/v3/time")
Values = dict[tuple[str, ...], float]  # by the name of the sample and the values of its labels


def values_of(text: str) -> Values:
    """All samples, as prometheus-client's own parser reads them."""
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    return {(one.name.removeprefix(PREFIX), *in_order(one.labels)): one.value for one in samples}


def in_order(labels: dict[str, str]) -> list[str]:
    """The values of labels in their order; `le`, the bound of a bucket, comes last."""
    bound = [labels["le"]] if "le" in labels else []
    return [value for name, value in labels.items() if name != "le"] + bound


def after(story: Callable[[FailingExchange, Binance], Awaitable[None]]) -> Values:
    """The metrics at the end of a story."""
    found: Values = {}

    async def main() -> None:
        x = FailingExchange(latency=None)
        venue = Binance(x)
        await x.ready()
        metrics = Metrics(venue)
        metrics.begin()
        await story(x, venue)
        found.update(values_of(metrics.text()))

    simulate(main())
    return found


def test_requests_are_told_apart_by_operation_and_outcome() -> None:
    """What was asked, and what its client received: the two that a dashboard begins with."""

    async def story(x: FailingExchange, venue: Binance) -> None:
        await x.create_order("BTC/USDT", "limit", "buy", 0.1, 30_000)
        with pytest.raises(Exception, match=r"\w"):
            await x.create_order("BTC/USDT", "limit", "buy", 10**9, 30_000)
        x.arm("lose_answer", "nth(1)", operations="fetch_ticker")
        with pytest.raises(RequestTimeoutError):
            await x.fetch_ticker("BTC/USDT")
        for path in ("/api/v3/time", "/api/v3/nothing"):
            await venue.ask(Request("GET", path))

    found = after(story)
    assert found["requests_total", "create_order", "answered"] == 1
    assert found["requests_total", "create_order", "refused"] == 1
    assert found["refusals_total", "invalid_amount"] == 1
    assert found["requests_total", "fetch_ticker", "lost"] == 1
    assert found["faults_total", "lose_answer", "answer"] == 1
    assert found["client_requests_total", "main", "answered"] == 1
    assert found["client_requests_total", PUBLIC, "answered"] == 1
    assert found["unrouted_requests_total",] == 1
    assert found["armed_faults",] == 1
    assert found["open_orders", "main"] == 1
    assert found["positions", "main"] == found["conditional_orders", "main"] == 0
    assert found["sound",] == 1


def test_what_can_happen_once_has_a_zero_before() -> None:
    """Prometheus' `rate` takes the first value of a series for granted, and would hide it."""

    async def story(x: FailingExchange, venue: Binance) -> None:
        await venue.ask(TIME)
        x.arm("lose_answer")

    found = after(story)
    for outcome in ("refused", "damaged", "lost", "abandoned"):
        assert found["requests_total", "fetch_time", outcome] == 0
        assert found["client_requests_total", PUBLIC, outcome] == 0
    assert found["client_requests_total", "main", "answered"] == 0
    assert found["faults_total", "lose_answer", "answer"] == 0


def test_a_delay_is_seen_by_the_venues_clock_and_not_as_work() -> None:
    """Two clocks: one says what the bot waits for, the other what the server does."""

    async def story(x: FailingExchange, venue: Binance) -> None:
        x.arm("delay_answer", seconds=2)
        await venue.ask(TIME)

    found = after(story)
    latency = "latency_venue_clock_seconds"
    assert found[f"{latency}_sum", "fetch_time"] == 2
    assert found[f"{latency}_bucket", "fetch_time", "1.0"] == 0
    assert found[f"{latency}_bucket", "fetch_time", "2.5"] == 1
    assert found["handling_seconds_count", "fetch_time"] == 1
    assert found["handling_seconds_sum", "fetch_time"] < 1


def test_positions_and_bans_are_those_of_now() -> None:
    """Gauges are read from the exchange itself: they go down again, too."""

    async def story(x: FailingExchange, venue: Binance) -> None:
        await x.create_order("BTC/USDT:USDT", "market", "buy", 0.1)
        ladder = cast(Any, venue.dialect.limits)._address("10.0.0.1").ladder
        for n in range(20):
            ladder.refused(x.venue.clock.now() + n)

    found = after(story)
    assert found["positions", "main"] == 1
    assert found["banned_addresses", "binance"] == 1
    assert found["banned_addresses", "binance-usdm"] == 0


def test_the_clients_that_have_a_label_are_bounded() -> None:
    """A thousand accounts are no thousand time series."""

    async def story(x: FailingExchange, venue: Binance) -> None:
        for n in range(CLIENTS_MAX + 5):
            await x.client(f"bot-{n}").fetch_balance()

    found = after(story)
    clients = {key[1] for key in found if key[0] == "client_requests_total"}
    assert len(clients) == CLIENTS_MAX + 1
    assert found["client_requests_total", OTHER, "answered"] == 5


def test_no_name_breaks_the_text() -> None:
    """The name of an armed fault or an account is anybody's."""

    async def story(x: FailingExchange, venue: Binance) -> None:
        await x.client('a"b\n# EOF\\').fetch_balance()

    name = 'a"b' + r"\n# EOF" + "\\"  # as a terminal could show it
    assert after(story)["client_requests_total", name, "answered"] == 1


def test_a_run_is_the_same_with_metrics_and_without() -> None:
    """Who looks changes nothing: not one byte of the journal."""

    def journal(watched: bool) -> str:
        found = []

        async def main() -> None:
            x = FailingExchange(seed=3)
            venue = Binance(x)
            await x.ready()
            metrics = Metrics(venue)
            if watched:
                metrics.begin()
            x.set_failure_mode("MIXED", 0.3)
            for n in range(30):
                try:
                    await x.create_order("BTC/USDT", "limit", "buy", 0.01, 30_000 + n)
                except Exception:
                    assert n >= 0
                if watched:
                    assert metrics.text()
            found.append(x.journal.dump())

        simulate(main(), seed=3)
        return found[0]

    assert journal(True) == journal(False)


def test_the_control_port_tells_them_while_the_venue_is_busy() -> None:
    """The client blocks the venue's own loop here: a scrape takes no turn of it."""

    async def story(venue: Binance, control: Control) -> None:
        await venue.ask(TIME)
        text = control.metrics()
        found = values_of(text)
        assert found["requests_total", "fetch_time", "answered"] == 1
        assert {one.kind for one in FAMILIES} == {"counter", "gauge", "histogram"}
        described = [line.split()[2] for line in text.splitlines() if line.startswith("# HELP")]
        assert described == [one.full_name for one in FAMILIES]

    served(story)


def test_they_are_counted_no_more_after_the_control_port_has_closed() -> None:
    """What nobody can read costs nothing."""

    async def main() -> None:
        venue = Binance(FailingExchange(latency=None))
        await venue.listen("venue", 80)
        server = ControlServer(venue)
        readers = len(venue.exchange.journal.readers)
        await server.listen("localhost", 8090)
        assert len(venue.exchange.journal.readers) == readers + 1
        assert venue.observers.all
        await server.close()
        assert len(venue.exchange.journal.readers) == readers
        assert not venue.observers.all

    simulate(main())


def test_they_need_the_token_like_everything_there() -> None:
    """Open orders and positions are nobody else's."""

    async def story(venue: Binance, control: Control) -> None:
        assert "failing_exchange_info" in control.metrics()
        with pytest.raises(ConfigurationError, match="401"):
            Control(control.url).metrics()

    served(story, token="secret")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it; all other requests are answered."""
    monkeypatch.setattr(module, "is_installed", lambda: False)
    monkeypatch.setattr("failing_exchange.server.control_api.is_installed", lambda: False)

    async def story(venue: Binance, control: Control) -> None:
        with pytest.raises(ConfigurationError, match=r"503 .*'failing-exchange\[metrics\]'"):
            control.metrics()
        assert control.health()["ok"]
        with pytest.raises(ConfigurationError, match=r"failing-exchange\[metrics\]"):
            Metrics(venue).text()

    served(story)


def test_the_lag_of_the_journal_is_that_of_its_oldest_change(tmp_path: Path) -> None:
    """A disk that can't be written shows as a lag that grows, and as unsound."""
    durable = DurableJournal(str(tmp_path / "venue.db"))
    venue = Binance(FailingExchange(latency=None, journal=durable))

    async def story(venue: Binance, control: Control) -> None:
        commits = durable.commits
        commits.commit()
        found = values_of(control.metrics())
        assert found["journal_lag_seconds",] == found["journal_unwritten_rows",] == 0
        venue.exchange.arm("delay_answer")
        venue.exchange.venue.operate(Credit("main", "USDT", 10**8))
        assert values_of(control.metrics())["journal_unwritten_rows",] > 0
        assert values_of(control.metrics())["journal_lag_seconds",] > 0
        commits.halted = True
        halted = values_of(control.metrics())
        assert (halted["journal_halted",], halted["sound",]) == (1, 0)
        commits.halted = False

    served(story, venue)


def test_an_observer_that_fails_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """A bug in what watches costs no client its answer."""

    class Broken:
        def handled(self, *what: Any) -> None:
            raise ValueError("a bug")

    async def main() -> None:
        venue = Binance(FailingExchange(latency=None))
        await venue.exchange.ready()
        venue.observers.all.append(Broken())
        for _ in range(2):
            assert (await venue.ask(TIME)) is not None
        assert not venue.observers.all

    simulate(main())
    assert caplog.text.count("Broken fails and is left out") == 1


def test_the_judges_breaches_are_counted_by_client_and_rule() -> None:
    """Rules as they fall."""

    async def story(x: FailingExchange, venue: Binance) -> None:
        venue.judge(["once", "fresh"])
        rule = venue.judges["main"].rules[0]
        rule.breach("did it twice")

    found = after(story)
    assert found["broken_rules_total", "main", "once"] == 1
    assert found["broken_rules_total", "main", "fresh"] == 0
