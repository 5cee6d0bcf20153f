"""A venue as of a date, wherever a venue is made: each takes the day, and refuses a wrong one."""

from __future__ import annotations

import asyncio
import textwrap
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from failing_exchange import Binance, ConfigurationError, FailingExchange, simulate
from failing_exchange.cli.main import main as command
from failing_exchange.core.commands import ChangeApi
from failing_exchange.core.units import SECOND
from failing_exchange.explorer.token import Token
from failing_exchange.explorer.trial import built
from failing_exchange.explorer.world import World
from failing_exchange.runs.bot_run import RunConfig, run
from failing_exchange.scenarios.scenario import load, read
from failing_exchange.server.control_api import ControlApi
from failing_exchange.simulation import run_script
from failing_exchange.testing.ccxt_clients import ccxt_session
from failing_exchange.venue.api_changes import table_text
from failing_exchange.venues.base import VENUES, serve, venue_of
from tests.sources import ROOT
from tests.venues.small_venue import SMALL

OLD = "2026-01-01"  # /api/v1 was there
BOT = """
    import aiohttp

    async def main():
        async with aiohttp.ClientSession("https://api.binance.com") as session:
            async with session.get("/api/v1/ping") as answer:
                assert answer.status == {status}, answer.status
"""


async def ping() -> int:
    """The status of the first version's ping."""
    async with (
        aiohttp.ClientSession("https://api.binance.com") as session,
        session.get("/api/v1/ping") as answer,
    ):
        return answer.status


def bot_file(folder: Path, status: int) -> str:
    """A bot that dies where the venue is not of its day."""
    (folder / "dated.py").write_text(textwrap.dedent(BOT.format(status=status)))
    return f"{folder / 'dated.py'}:main"


def test_a_simulated_venue_takes_a_day() -> None:
    """Also a date, several venues, and a script."""
    assert simulate(ping(), venue="binance") == 404
    assert simulate(ping(), venue=["binance"], as_of=OLD) == 200
    with pytest.raises(ConfigurationError, match="goes with a venue"):
        simulate(ping(), as_of=OLD)
    with pytest.raises(ConfigurationError, match="give it to the exchange of"):
        simulate(ping(), venue=Binance(FailingExchange()), as_of=OLD)


def test_a_script_takes_a_day(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """As `failing-exchange simulate --as-of` does."""
    script = tmp_path / "script.py"
    text = textwrap.dedent(BOT.format(status=200))
    script.write_text(f"import asyncio\n{text}\nasyncio.run(main())\n")
    run_script(script, venue="binance", as_of=OLD)
    assert command(["simulate", "--venue", "binance", "--as-of", OLD, str(script)]) == 0
    with pytest.raises(SystemExit):
        command(["simulate", "--venue", "binance", "--as-of", "soon", str(script)])
    assert "soon; expected a date, as 2025-12-01" in capfd.readouterr().err


def test_a_session_for_ccxt_takes_a_day() -> None:
    """By the name of a venue; an exchange has a day of its own."""
    features = ccxt_session("binance", as_of=OLD).venue.dialect.features
    assert features.has("listen_keys")
    with pytest.raises(ConfigurationError, match="give it to the FailingExchange"):
        ccxt_session(FailingExchange(), as_of=OLD)


@pytest.mark.exchange(as_of=OLD)
async def test_the_fixture_takes_a_day(failing_exchange: FailingExchange) -> None:
    """By the marker, as every option of an exchange."""
    assert failing_exchange.venue.as_of == OLD


def test_a_scenario_has_a_day_and_changes_that_come() -> None:
    """As text or as a date of TOML; a wrong one names the key."""
    text = f"""
        as_of = {OLD}
        [[incidents]]
        at = "10m"
        do = "venue_changes"
        change = "listen_keys"
    """
    scenario = read(text)
    assert scenario.arguments["as_of"] == OLD
    assert scenario.incidents == ((600 * SECOND, ChangeApi("listen_keys")),)
    with pytest.raises(ConfigurationError, match="scenario: as_of = 'x' must be a date, as"):
        read('as_of = "x"')
    assert "as_of" not in load("calm").arguments


def test_a_run_takes_a_day(tmp_path: Path) -> None:
    """It is in the results and in the line that repeats the run; in process it says nothing."""
    bot = bot_file(tmp_path, 200)
    report = run(RunConfig(bot=bot, duration=60.0, as_of=OLD, modes=()))
    assert report.verdict is not None
    assert report.verdict.crashed is None
    assert report.as_dict()["config"]["as_of"] == OLD
    assert f"--as-of {OLD}" in report.config.again()
    for config, why in (
        (RunConfig(bot="careful", as_of=OLD), "careful takes a client of ours"),
        (RunConfig(bot=bot, as_of="2020-01-01"), "binance is known from 2024-12-01 on"),
    ):
        with pytest.raises(ConfigurationError, match=why):
            run(config)


def test_a_change_of_a_scenario_comes_while_the_bot_runs(tmp_path: Path) -> None:
    """The bot that was right at its start is dead after it."""
    (tmp_path / "late.py").write_text(
        textwrap.dedent(BOT.format(status=200)).replace(
            "async with aiohttp", "import asyncio; await asyncio.sleep(30)\n    async with aiohttp"
        )
    )
    bot = f"{tmp_path / 'late.py'}:main"
    for at, crashed in ((20, True), (40, False)):
        place = tmp_path / "s.toml"
        place.write_text(
            f'as_of = {OLD}\n[[incidents]]\nat = {at}\ndo = "venue_changes"\nchange = "api_v1"\n'
        )
        report = run(RunConfig(bot=bot, duration=60.0, scenario=str(place)))
        assert report.verdict is not None
        assert (report.verdict.crashed is not None) is crashed


def test_an_exploration_takes_a_day(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its worlds, and the tokens of their replays, keep it."""
    world = World(seed=7, seconds=60.0, as_of=OLD)
    assert built(world).venue.as_of == OLD
    assert World.of(world.as_dict()) == world
    token = Token(target="careful", world=world, rule="once")
    assert Token.parse(str(token)).world.as_of == OLD
    with pytest.raises(ConfigurationError, match="the world's as_of is '2026'"):
        World(seed=7, seconds=60.0, as_of="2026").check()
    assert command(["explore", "careful", "--as-of", OLD]) == 2
    assert "careful takes a client of ours" in capfd.readouterr().err
    assert command(["explore", bot_file(tmp_path, 200), "--as-of", "2020-01-01"]) == 2
    assert "known from 2024-12-01" in capfd.readouterr().err


def test_a_venue_without_a_table_has_no_day() -> None:
    """It would be the newest, whatever the day says."""
    with pytest.raises(ConfigurationError, match="small has no table of changes"):
        serve(SMALL, FailingExchange(as_of=OLD))


def test_the_operator_has_a_change_come_now_or_later() -> None:
    """By the control API, which refuses a name that is in no table."""

    async def main() -> list[Any]:
        venue = Binance(FailingExchange(as_of=OLD, latency=None))
        await venue.listen_in_simulation()
        api, seen = ControlApi(venue), []
        asked = {"do": "venue_changes", "change": "api_v1", "after": "1m"}
        api.answer("POST", "/incidents", asked)
        for _ in range(3):
            seen.append(await ping())
            await asyncio.sleep(31)
        with pytest.raises(ConfigurationError, match="no change of the API is called 'v1'"):
            api.answer("POST", "/incidents", {"do": "venue_changes", "change": "v1"})
        with pytest.raises(ConfigurationError, match="after must be above 0"):
            api.answer("POST", "/incidents", {**asked, "after": 0})
        await venue.close()
        return seen

    assert simulate(main()) == [200, 200, 404]


def test_a_venue_that_comes_back_has_the_changes_that_came(tmp_path: Path) -> None:
    """Its day is in the journal, and so is each change."""
    path = str(tmp_path / "run.db")

    async def first() -> None:
        venue = Binance(FailingExchange(as_of=OLD, journal=path))
        await venue.exchange.ready()
        await venue.exchange.operate(ChangeApi("api_v1"))
        await venue.exchange.close()

    async def second() -> tuple[bool, bool, str | None]:
        venue = Binance(FailingExchange(journal=path))
        await venue.exchange.ready()
        features = venue.dialect.features
        await venue.exchange.close()
        return features.has("api_v1"), features.has("listen_keys"), venue.exchange.venue.as_of

    asyncio.run(first())
    assert asyncio.run(second()) == (False, True, OLD)
    with pytest.raises(ConfigurationError, match="was started with another as_of"):
        FailingExchange(journal=path, as_of="2026-02-01")


def test_the_documents_show_the_tables() -> None:
    """The page is made from them: `table_text` of each venue."""
    page = (ROOT / "docs" / "api_changes.md").read_text(encoding="utf-8")
    tables = [table for name in VENUES if (table := venue_of(name).changes) is not None]
    assert tables
    for table in tables:
        assert table_text(table) in page
