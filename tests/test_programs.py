"""Whole programs: a script or a module is explored, run and replayed as Python would run it."""

from __future__ import annotations

from pathlib import Path

import pytest

from failing_exchange import ConfigurationError
from failing_exchange.cli.main import main as command
from failing_exchange.explorer import replay_token, targets
from failing_exchange.explorer.search import Options, explore
from failing_exchange.explorer.token import bot_file
from failing_exchange.explorer.world import FaultSpec, World
from failing_exchange.runs import programs
from failing_exchange.runs.bot_loader import find_bot
from failing_exchange.runs.programs import LoadedProgram, ProgramSpec
from failing_exchange.testing.determinism import check_determinism

BUYS = '''
import sys
import time

import requests

import settings
from helpers import signed


def main():
    """Buy once; where no answer comes, buy again."""
    for _ in range(settings.TRIES):
        try:
            url = "https://api.binance.com/api/v3/order"
            order = {"symbol": sys.argv[1], "side": "BUY", "type": "MARKET", "quantity": "0.01"}
            requests.post(url, **signed(order), timeout=5).raise_for_status()
            break
        except requests.exceptions.RequestException:
            time.sleep(1)
    time.sleep(30)


if __name__ == "__main__":
    main()
    sys.exit(0)
'''
HELPERS = '''
import hashlib
import hmac
import time
from urllib.parse import urlencode


def signed(order):
    """A signed order."""
    text = urlencode({**order, "timestamp": round(time.time() * 1000)})
    signature = hmac.new(b"secret", text.encode(), hashlib.sha256).hexdigest()
    return {"headers": {"X-MBX-APIKEY": "key"}, "data": f"{text}&signature={signature}"}
'''
LOST = World(
    seed=1, seconds=120.0, venue="", faults=(FaultSpec("lose_answer", "nth(1)", ("create_order",)),)
)


LINE = BUYS.splitlines().index(next(one for one in BUYS.splitlines() if "post(" in one)) + 1


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a script, its modules, and a package that does the same."""
    (tmp_path / "buys.py").write_text(BUYS)
    (tmp_path / "helpers.py").write_text(HELPERS)
    (tmp_path / "settings.py").write_text("TRIES = 2\n")
    package = tmp_path / "buyer"
    package.mkdir()
    (package / "__init__.py").write_text("")
    own = BUYS.replace("import settings", "from . import settings")
    (package / "__main__.py").write_text(own.replace("from helpers", "from .helpers"))
    (package / "helpers.py").write_text(HELPERS)
    (package / "settings.py").write_text("TRIES = 2\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", __import__("sys").path[:])
    return tmp_path


@pytest.mark.parametrize(
    ("name", "file"),
    [("buys.py BTCUSDT", f"buys.py:{LINE}"), ("-m buyer BTCUSDT", f"buyer/__main__.py:{LINE}")],
)
def test_a_program_is_judged_as_it_is(place: Path, name: str, file: str) -> None:
    """With its arguments, its modules, and the line that sent the request."""
    found = targets.load(name).run(LOST)
    assert found.error == ""
    assert {"once", "resolves"} & set(found.broken)
    assert found.verdict is not None
    assert found.verdict.crashed is None  # sys.exit(0) is an end
    assert found.places is not None
    orders = [trip.number for trip in found.trips if trip.operation == "create_order"]
    assert [found.places.of(number) for number in orders] == [file, file]


def test_its_modules_are_executed_anew_by_each_run(place: Path) -> None:
    """A process that begins knows nothing of an earlier one; its libraries are loaded once."""
    load = targets.load("buys.py BTCUSDT")
    assert load.run(LOST).broken
    (place / "settings.py").write_text("TRIES = 1\n")
    __import__("importlib").invalidate_caches()
    __import__("shutil").rmtree(place / "__pycache__", ignore_errors=True)
    found = load.run(LOST)
    orders = [trip for trip in found.trips if trip.operation == "create_order"]
    assert len(orders) == 1


@pytest.mark.slow
def test_a_program_is_explored_and_its_token_replays(place: Path) -> None:
    """On a worker, in a process of its own for each world."""
    text = BUYS.replace("    main()\n", "    for _ in range(20):\n        main()\n")
    (place / "buys.py").write_text(text)
    found = explore(Options(target="buys.py BTCUSDT", seeds=6, seconds=600.0, jobs=2, quick=True))
    assert found.errors == []
    finding = next(one for one in found.findings if one.token is not None)
    again = replay_token.replay(str(finding.token))
    assert again.broken
    assert again.same


def test_loading_imports_the_libraries_only(place: Path) -> None:
    """What is imported before the first run is shared by all; the program itself is not run."""
    loaded = LoadedProgram(ProgramSpec("buys.py", False))
    found = programs._libraries(loaded)
    assert "requests" in found
    assert "hmac" in found
    assert "settings" not in found
    assert "helpers" not in found


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("nowhere.py", "no script 'nowhere.py'"),
        ("-m nowhere.at.all", "-m nowhere.at.all: no such module"),
        ("-m json", "the package has no module __main__"),
        ("-m _thread", "-m _thread: no such module"),
        ("broken.py", "broken.py can't be loaded: SyntaxError"),
        ("buys.py 'x", "the arguments of \"buys.py 'x\" can't be read"),
    ],
)
def test_what_is_no_program_is_told_before_anything_runs(
    place: Path, name: str, error: str
) -> None:
    """With the name, and where it was looked for."""
    (place / "broken.py").write_text("def main(:\n")
    with pytest.raises(ConfigurationError) as told:
        find_bot(name)
    assert error in str(told.value)


def test_the_command_line_takes_scripts_and_modules(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What stands behind the dashes are the program's arguments."""
    calm = ["--mode", "NONE", "--duration", "60", "--output", "r.json"]
    assert command(["run", *calm, "--bot", "buys.py", "--", "BTCUSDT"]) == 0
    assert command(["run", *calm, "-m", "buyer", "--", "BTCUSDT"]) == 0
    assert command(["simulate", "--venue", "binance", "-m", "buyer", "BTCUSDT", "--dry"]) == 0
    assert command(["simulate", "--venue", "binance", "buys.py", "BTCUSDT"]) == 0
    assert command(["simulate", "--venue", "binance", "-m", "buyer", "--", "BTCUSDT"]) == 0
    (place / "shows.py").write_text("import sys\nprint(sys.argv[1:])\n")
    capsys.readouterr()
    assert command(["simulate", "-m", "shows", "--pair", "BTCUSDT", "--", "more"]) == 0
    assert capsys.readouterr().out == "['--pair', 'BTCUSDT', 'more']\n"
    with pytest.raises(SystemExit):
        command(["explore", "--seeds", "3"])
    assert "explore: name what to run: path.py:function" in capsys.readouterr().err


def test_a_token_names_the_script_it_runs() -> None:
    """Who gets one by mail is shown which file it starts."""
    assert bot_file("my bots/buys.py --x 'http://a:b'") == Path("my bots/buys.py")
    assert bot_file("buys.py:main --url http://a:1") == Path("buys.py")
    assert bot_file("-m buyer") is None


def test_determinism_of_a_program_is_checked(place: Path) -> None:
    """It prints the same with other hash seeds."""
    (place / "prints.py").write_text(
        "import threading, time\n"
        "def work(n):\n    time.sleep(n % 3)\n    print(n, time.time())\n"
        "for n in range(5):\n    threading.Thread(target=work, args=(n,)).start()\n"
    )
    assert check_determinism("prints.py").same


def test_a_script_that_only_defines_a_bot_is_told_how_to_name_it(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It runs to its end and sends nothing: the usual mistake of who forgets the function."""
    (place / "defines.py").write_text("async def main(exchange):\n    pass\n")
    assert command(["explore", "defines.py", "--seeds", "1", "--hours", "1m", "--jobs", "1"]) == 2
    assert "If it is a function, name it, as defines.py:main." in capsys.readouterr().out


KEEPS = """\
import json, pathlib
state = pathlib.Path("state.json")
seen = json.loads(state.read_text())["seen"] + 1
state.write_text(json.dumps({"seen": seen}))
print("seen", seen)
"""


@pytest.mark.slow
def test_each_checked_or_simulated_run_has_a_fresh_copy_of_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script that keeps state was called nondeterministic, for the run before had written it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "keeps.py").write_text(KEEPS, encoding="utf-8")
    (tmp_path / "data").mkdir()
    state = tmp_path / "data" / "state.json"
    state.write_text('{"seen": 0}', encoding="utf-8")
    assert command(["check-determinism", "keeps.py", "--files", "data"]) == 0
    assert command(["simulate", "--files", "data", "--keep-files", "kept", "keeps.py"]) == 0
    assert capsys.readouterr().out.endswith("seen 1\n")
    assert state.read_text(encoding="utf-8") == '{"seen": 0}'
    assert (tmp_path / "kept" / "state.json").read_text(encoding="utf-8") == '{"seen": 1}'
    state.rename(tmp_path / "state.json")
    assert command(["check-determinism", "keeps.py"]) == 1
    assert "--files gives each run a fresh copy" in capsys.readouterr().out
