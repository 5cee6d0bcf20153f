"""A bot's files and variables: each world has fresh ones, and a restart keeps what was written."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from failing_exchange import ConfigurationError
from failing_exchange.cli.main import main as command
from failing_exchange.explorer import replay_token, targets
from failing_exchange.explorer.findings import grouped
from failing_exchange.explorer.search import Options, explore
from failing_exchange.explorer.token import Token
from failing_exchange.explorer.trial import RunRequest
from failing_exchange.explorer.world import World
from failing_exchange.runs import bot_environment
from failing_exchange.runs.bot_environment import BotEnvironment

COUNTS = """
import os
import sqlite3
import time
from pathlib import Path

import requests

starts = sqlite3.connect("state.db")
starts.execute("CREATE TABLE IF NOT EXISTS starts (at REAL)")
starts.execute("INSERT INTO starts VALUES (?)", (time.time(),))
starts.commit()
count = starts.execute("SELECT count(*) FROM starts").fetchone()[0]
pair = os.environ["PAIR"] + Path("suffix.txt").read_text().strip()
for _ in range(count):
    requests.get("https://api.binance.com/api/v3/ticker/price", params={"symbol": pair})
while True:
    time.sleep(10)
"""
WORLD = World(seed=1, seconds=200.0, env={"PAIR": "BTC"}, files="config")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a bot, and one with its files."""
    (tmp_path / "counts.py").write_text(COUNTS)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "suffix.txt").write_text("USDT\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PAIR", raising=False)
    return tmp_path


def tickers(world: World) -> int:
    """How many prices the bot has asked for: one for each time it was started in its folder."""
    found = targets.load("counts.py").run(world)
    assert found.verdict is not None
    assert found.verdict.crashed is None
    return sum(trip.symbol == "BTC/USDT" for trip in found.trips)


def test_a_restart_keeps_what_the_bot_wrote_and_the_next_world_does_not(place: Path) -> None:
    """A database survives a crash of the process; worlds know nothing of each other."""
    assert tickers(WORLD) == 1
    assert tickers(replace(WORLD, restarts=(60.0,))) == 1 + 2
    assert tickers(replace(WORLD, restarts=(60.0, 120.0))) == 1 + 2 + 3
    assert tickers(WORLD) == 1
    assert sorted(path.name for path in (place / "config").iterdir()) == ["suffix.txt"]
    assert Path.cwd() == place
    assert "PAIR" not in os.environ


def test_what_it_wrote_can_be_kept(place: Path) -> None:
    """A finding is easier to understand with the bot's own log and database."""
    request = RunRequest(world=WORLD, keep_files=str(place / "kept"))
    targets.load("counts.py").run(request)
    assert sorted(path.name for path in (place / "kept").iterdir()) == ["state.db", "suffix.txt"]


@pytest.mark.slow
def test_a_search_keeps_the_files_of_each_finding(place: Path) -> None:
    """In a folder of its own; the token replays with its files, or says they changed."""
    (place / "counts.py").write_text(COUNTS.replace("while True", "1 / 0\nwhile True"))
    options = Options(
        target="counts.py", seeds=1, seconds=60.0, jobs=1, env={"PAIR": "BTC"}, files="config",
        keep_files=place / "kept",
    )  # fmt: skip
    found = explore(options)
    assert found.errors == []
    folder = next((place / "kept").glob("alive-*"))
    assert (folder / "state.db").is_file()
    assert [found.files_of(group) for group in grouped(found.findings)] == [folder]
    token = next(one.token for one in found.findings if one.token is not None)
    assert World.of(json.loads(json.dumps(token.world.as_dict()))) == token.world
    replayed = replay_token.replay(token)
    assert replayed.broken
    assert replayed.same
    (place / "config" / "suffix.txt").write_text("USDC\n")
    assert "the folder config is" in " ".join(replay_token.replay(token).differences)


def test_a_run_takes_and_repeats_them(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its results name them, and the journal stays where it was asked for."""
    line = ["run", "--bot", "counts.py", "--mode", "NONE", "--duration", "60"]
    line += ["--files", "config", "--env", "PAIR=BTC", "--keep-files", "kept"]
    assert command([*line, "--output", "r.json", "--journal", "j.jsonl"]) == 0
    assert (place / "kept" / "state.db").is_file()
    assert (place / "j.jsonl").is_file()
    assert "--env PAIR=BTC --files config" in json.loads((place / "r.json").read_text())["again"]
    assert command(["replay", "r.json"]) == 0
    assert "the same as recorded" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--files", "nowhere"], "--files nowhere: there is no such folder"),
        (["--keep-files", "kept"], "--keep-files kept: it goes with --files"),
        (["--files", "config", "--keep-files", "counts.py"], "that is a file; name a folder"),
    ],
)
def test_what_can_not_be_copied_is_told_before_anything_runs(
    place: Path, options: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the option and the name."""
    for name in (["explore", "counts.py"], ["run", "--bot", "counts.py"]):
        assert command([*name, *options]) == 2
        assert error in capsys.readouterr().err


def test_a_folder_that_is_too_large_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of copies of it would fill the disk."""
    monkeypatch.setattr(bot_environment, "FILES_MAX", 0)
    with pytest.raises(ConfigurationError, match="name a smaller folder"):
        BotEnvironment(files="config").check()


def test_a_test_has_pytest_s_own_fixtures_for_that(place: Path) -> None:
    """It would change its directory under pytest's feet."""
    (place / "test_it.py").write_text("async def test_it(failing_exchange): pass\n")
    with pytest.raises(ConfigurationError, match="let it use pytest's fixtures"):
        explore(Options(target="test_it.py::test_it", seeds=1, files="config"))


def test_a_token_of_other_files_is_refused(place: Path) -> None:
    """A world without its folder can't be run."""
    token = Token(target="counts.py", world=replace(WORLD, files="gone"))
    with pytest.raises(ConfigurationError, match="--files gone: there is no such folder"):
        replay_token.replay(token)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_fails_to_be_copied_is_told_in_a_sentence(place: Path) -> None:
    """A pipe among the files, or a full disk at the end, is the user's to mend: no traceback."""
    kept = BotEnvironment({}, "config", "kept")
    with (
        pytest.raises(ConfigurationError, match="--keep-files kept: .* a named pipe"),
        kept.entered(),
    ):
        os.mkfifo("pipe")
    os.mkfifo("config/pipe")
    with pytest.raises(ConfigurationError, match="--files config: .* a named pipe"), kept.entered():
        raise AssertionError("it was entered")
    assert Path.cwd() == place
