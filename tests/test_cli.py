"""The command line as a person meets it: in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from failing_exchange.cli.main import GROUPS, main, parser

BOT = """\
import asyncio

async def main(exchange):
    while True:
        try:
            await exchange.create_order("BTC/USDT", "limit", "buy", 0.01, 49_000)
        except Exception:
            pass
        await asyncio.sleep(30)

async def dies(exchange):
    await exchange.fetch_ticker("BTC/USDT")
    raise KeyError("my own bug")

async def leaves(exchange):
    await exchange.fetch_ticker("BTC/USDT")
    raise SystemExit(4)

async def takes_two(this, that):
    pass

def no_coroutine(exchange):
    pass
"""


ATTENTIVE = """\
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from failing_exchange.cli.main import main
raise SystemExit(main())
"""


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "failing_exchange", *arguments],
        cwd=cwd, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_run_ends_with_a_table_and_a_file(tmp_path: Path) -> None:
    """The table is for people, the file for programs; both hold the same."""
    ran = command("run", "--duration", "1800", "--bot", "naive", "--seed", "5", cwd=tmp_path)
    assert ran.returncode == 1, ran.stderr
    found = json.loads((tmp_path / "exchange_test.json").read_text(encoding="utf-8"))
    for name in ("config", "seed", "again", "headline", "statistics", "timeline", "metrics"):
        assert name in found
    assert found["seed"] == 5
    assert str(found["verdict"]["placed"]) in ran.stdout
    assert "exchange_test.json" in ran.stdout


def test_a_run_can_be_replayed(tmp_path: Path) -> None:
    """The results file is all that is needed to see the same run again."""
    command("run", "--duration", "900", "--mode", "TIMEOUT", "--output", "r.json", cwd=tmp_path)
    ran = command("replay", "r.json", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "the same as recorded" in ran.stdout


def test_my_own_bot_is_run(tmp_path: Path) -> None:
    """Without stated intents nothing is said of them, rather than something wrong."""
    (tmp_path / "mybot.py").write_text(BOT, encoding="utf-8")
    ran = command("run", "--duration", "600", "--bot", "mybot.py:main", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "not judged" in ran.stdout


def test_a_bot_that_dies_is_told_of(tmp_path: Path) -> None:
    """Its error is shown, what was gathered is written, and the exit code says that it failed."""
    (tmp_path / "mybot.py").write_text(BOT, encoding="utf-8")
    ran = command("run", "--mode", "NONE", "--bot", "mybot.py:dies", cwd=tmp_path)
    assert ran.returncode == 1
    assert "my own bug" in ran.stdout
    assert (tmp_path / "exchange_test.json").exists()
    left = command("run", "--mode", "NONE", "--bot", "mybot.py:leaves", cwd=tmp_path)
    assert left.returncode == 1
    assert "ended by itself with exit code 4" in left.stdout


def test_the_bot_of_the_run_starts_before_the_maintenance(tmp_path: Path) -> None:
    """Otherwise most runs would never see it."""
    ran = command(
        "run", "--duration", "3600", "--maintenance", "--maintenance-start", "05:30",
        "--maintenance-duration", "20", "--mode", "NONE", cwd=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found = json.loads((tmp_path / "exchange_test.json").read_text(encoding="utf-8"))
    assert "T05:20:00" in found["config"]["start"]
    assert found["statistics"]["by_type"]["MAINTENANCE"] > 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["runn"], "did you mean 'run'"),
        (["serve", "kraken"], "binance"),
        (["run", "--mode", "NOPE"], "RATE_LIMIT"),
        (["run", "--probability", "2"], "probability"),
        (["run", "--modes", "TIMEOUT", "BAN", "--probabilities", "0.1"], "one for each"),
        (["run", "--mode", "BAN", "--modes", "BAN"], "not both"),
        (["run", "--bot", "nope"], "path.py:function"),
        (["run", "--bot", "nope.py:main"], "no file"),
        (["run", "--bot", "mybot.py:no_coroutine"], "async def"),
        (["run", "--bot", "mybot.py:missing"], "no such function"),
        (["run", "--bot", "mybot.py:man"], "did you mean 'main'"),
        (["run", "--bot", "mybot.py:takes_two"], "has a parameter 'that'"),
        (["run", "--bot", "carefull"], "did you mean 'careful'"),
        (["run", "--bot", "broken.py:main"], "SyntaxError: invalid syntax (line 1)"),
        (["run", "--bot", "needs.py:main"], "No module named 'not_there'"),
        (["run", "--maintenance-start", "05:00"], "go with --maintenance"),
        (["run", "--scenario", "fill_beat_cancel"], "did you mean 'fill_beats_cancel'"),
        (["run", "--output", "no/such/folder/x.json"], "no file can be written there"),
        (["run", "--maintenance", "--maintenance-start", "25:00"], "HH:MM"),
        (["run", "--duration", "soon"], "a number of seconds"),
        (["run", "--duration", "1x"], "1h or 2d"),
        (["explore", "careful", "--hours", "-1"], "'-1' is not above 0"),
        (
            ["run", "--duration", "60", "--calm", "2h"],
            "--calm 2h: expected less than the duration of 1m",
        ),
        (["run", "--all", "--seed", "0"], "--seed is for a single run"),
        (["trade", "--url", "http://127.0.0.1:1"], "nothing answers there"),
        (["trade", "--url", "127.0.0.1:8080"], "expected something like http://"),
        (["faults", "lose_anser"], "lose_answer"),
        (["replay", "nope.json"], "results file nope.json: there is no such file"),
        (["report", "nope.json"], "results file nope.json: there is no such file"),
        (["serve", "--keys", "nope"], "--keys nope: there is no such file"),
        (["serve", "--keys", "."], "--keys .: that is a folder; name a file"),
        (["run", "--scenario", "nope.toml"], "scenario nope.toml: there is no such file"),
        (["scenarios", "nope.toml"], "scenario nope.toml: there is no such file"),
        (["ctl", "scenario", "nope.toml"], "scenario nope.toml: there is no such file"),
        (["report", "mybot\0.py"], "embedded null byte"),
        (["run", "--rule", "mybot.py"], "--rule mybot.py: expected path.py:Name or module:Name"),
        (["run", "--fault", "mybot.py"], "--fault mybot.py: expected path.py:Name or module:Name"),
        (["run", "--venue", "mybot.py"], "venue mybot.py: expected path.py:Name or module:Name"),
        (["trade", "--venue", "mybot.py"], "venue mybot.py: expected path.py:Name or module:Name"),
        (["run", "--venue", "nope.py:V"], "venue nope.py:V: no file 'nope.py'"),
        (["replay", ""], "expected a token (fx1.…) or a results file, not an empty argument"),
        (["replay", "."], "results file .: that is a folder; name a file"),
        (["replay", "mybot.py"], "mybot.py is not a results file: it is not JSON; expected what"),
        (["replay", "fx1."], "the token fx1.… can't be read: it is cut off, or was changed"),
        (["serve", "--fees", "10"], "fees must be a fraction like 0.001 or a percentage"),
        (["replay", "r.json", "--until", "-1"], "expected a whole number from 0"),
        (["check-determinism", "mybot.py:man"], "did you mean 'main'"),
        (["check-determinism", "needs.py:main"], "No module named 'not_there'"),
        (["simulate", "nope.py"], "no script"),
        (
            ["explore", "bot.py", "--pair", "BTCUSDT"],
            "unrecognized arguments: --pair BTCUSDT; arguments of the program stand behind --",
        ),
    ],
)
def test_wrong_arguments_are_one_clear_line(
    arguments: list[str],
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It says what was wrong and the way out, before anything runs."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("mybot", BOT), ("broken", "def ("), ("needs", "import not_there")):
        Path(f"{name}.py").write_text(text, encoding="utf-8")
    try:
        code = main(arguments)
    except SystemExit as left:
        code = left.code  # type: ignore[assignment]
    said = capsys.readouterr()
    assert code == 2
    assert says in said.err
    assert "[Errno" not in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert said.out == ""


@pytest.mark.parametrize(
    ("said", "bot"),
    [("on", "careful"), ("YES", "careful"), ("", "careful"), ("off", "naive"), ("0", "naive")],
)
def test_trade_reads_its_switch_as_serve_reads_its_own(
    said: str, bot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The naive bot must not start because somebody has written "on"."""
    monkeypatch.setenv("ENABLE_RETRIES", said)
    assert parser().parse_args(["trade"]).bot == bot


def test_trade_refuses_a_switch_that_says_neither(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, and no bot; an option says it all the same."""
    monkeypatch.setenv("ENABLE_RETRIES", "ture")
    with pytest.raises(SystemExit, match="2"):
        main(["trade"])
    (line,) = capsys.readouterr().err.splitlines()
    assert "ENABLE_RETRIES=ture; expected 1 or 0, true or false" in line
    assert parser().parse_args(["trade", "--bot", "naive"]).bot == "naive"


def test_a_wrong_argument_is_told_from_a_process_too(tmp_path: Path) -> None:
    """Its exit code is the process's."""
    ran = command("run", "--mode", "NOPE", cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert len(ran.stderr.splitlines()) == 1
    version = command("--version", cwd=tmp_path)
    assert version.stdout.startswith("failing-exchange 0.")


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to a child there")
def test_ctrl_c_writes_what_was_gathered(tmp_path: Path) -> None:
    """A long run that is stopped is not lost."""
    process = subprocess.Popen(
        [sys.executable, "-c", ATTENTIVE, "run", "--duration", "900000000",
         "--journal", "journal.jsonl"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    journal = tmp_path / "journal.jsonl"
    try:
        while not journal.exists() or journal.stat().st_size < 10_000:  # it is under way then
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "Interrupted" in out
    assert json.loads((tmp_path / "exchange_test.json").read_text())["interrupted"] is True


def test_a_full_disk_is_told_of(tmp_path: Path) -> None:
    """The table is shown all the same."""
    ran = command("run", "--duration", "60", "--output", "/dev/full", cwd=tmp_path)
    assert ran.returncode == 2
    assert "No space left" in ran.stderr
    assert "orders placed" in ran.stdout


def test_a_script_runs_in_virtual_time(tmp_path: Path) -> None:
    """A day of sleep takes no time, and the script is not changed."""
    script = tmp_path / "script.py"
    script.write_text(
        "import asyncio, sys, time\n"
        "async def main():\n"
        "    await asyncio.sleep(86400)\n"
        "    print(time.strftime('%Y-%m-%d', time.gmtime()), sys.argv[1:])\n"
        "asyncio.run(main())\n",
        encoding="utf-8",
    )
    ran = command("simulate", "--start", "2026-03-01", "script.py", "--a", "b", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "2026-03-02 ['--a', 'b']"


def test_faults_are_listed_and_explained(tmp_path: Path) -> None:
    """The catalogue is where one looks for what can go wrong."""
    assert "lose_answer" in command("faults", cwd=tmp_path).stdout
    assert "executed" in command("faults", "time_out", cwd=tmp_path).stdout


def test_help_shows_no_empty_default(capsys: pytest.CaptureFixture[str]) -> None:
    """`(default: )` says nothing."""
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    assert "(default: )" not in capsys.readouterr().out


def test_in_real_time_too(tmp_path: Path) -> None:
    """The same run by the real clock, for bots that can't be simulated."""
    ran = command("run", "--real-time", "--duration", "1", "--mode", "NONE", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    found = json.loads((tmp_path / "exchange_test.json").read_text(encoding="utf-8"))
    assert found["verdict"]["placed"] == 1


@pytest.mark.slow
def test_a_bot_is_checked_for_determinism(tmp_path: Path) -> None:
    """A bot whose runs differ can't be debugged by replaying them."""
    (tmp_path / "mybot.py").write_text(BOT, encoding="utf-8")
    same = command("check-determinism", "mybot.py:main", cwd=tmp_path)
    assert same.returncode == 0, same.stdout + same.stderr
    assert "are the same" in same.stdout
    died = command("check-determinism", "mybot.py:dies", cwd=tmp_path)
    assert died.returncode == 0
    assert "each ended by KeyError: 'my own bug'" in died.stdout
    by_hash = BOT.replace("0.01, 49_000", "0.01, next(iter({'49000', '48000', '47000', '46000'}))")
    (tmp_path / "mybot.py").write_text(by_hash, encoding="utf-8")
    other = command("check-determinism", "mybot.py:main", cwd=tmp_path)
    assert other.returncode == 1
    assert "differs at line" in other.stdout


CTRL_C_WHILE = """\
import os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it

class CtrlC:
    @staticmethod
    def find_spec(name, *_):
        if name == "{module}":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, CtrlC)
runpy.run_module("failing_exchange", run_name="__main__", alter_sys=True)
"""
LOADED = [
    "failing_exchange.cli.main",
    "failing_exchange.cli.serve",
    "failing_exchange.venues.binance.venue",
]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to oneself there")
@pytest.mark.parametrize("module", LOADED)
def test_ctrl_c_while_it_starts_shows_no_traceback(module: str, tmp_path: Path) -> None:
    """The first fraction of a second, in which modules load, is like any other."""
    ran = subprocess.run(
        [sys.executable, "-c", CTRL_C_WHILE.format(module=module), "serve", "binance", "--port=0"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 130
    assert ran.stderr in ("", "interrupted\n")


def test_a_bot_without_its_option_is_told_how_to_name_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`explore` takes it as it stands, so it is tried with `run`, too."""
    with pytest.raises(SystemExit):
        main(["run", "mybot.py:main"])
    assert "name the bot with --bot mybot.py:main" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "one"), [("faults", "lose_answer"), ("scenarios", "calm"), ("rules", None)]
)
def test_a_list_is_json_for_programs(
    name: str, one: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """An editor or an agent reads what can be armed, run and judged."""
    assert main([name, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)[name]
    assert len(rows) > 20
    assert all(row["name"] for row in rows)
    if one is not None:
        assert main([name, one, "--json"]) == 0
        (row,) = json.loads(capsys.readouterr().out)[name]
        assert row in rows
        assert main([name, f"{one}x", "--json"]) == 2
        assert f"did you mean '{one}'" in capsys.readouterr().err


def test_the_first_screen_fits_a_terminal_and_names_each_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A newcomer sees where to start; 80 columns and 30 lines are what a terminal has."""
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 32
    assert max(map(len, lines)) < 80
    named = [line.split()[0] for line in lines if line.startswith("  ")]
    commands = {command for group in GROUPS.values() for command in group}
    assert len(named) == len(set(named)) == len(commands)
    assert named[0] == "demo"


@pytest.mark.parametrize("command", [["rules"], ["faults"], ["scenarios"], ["doctor"]])
def test_a_list_fits_the_terminal_and_a_pipe_gets_whole_lines(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What continues stands below its column; `grep` finds the whole line."""
    monkeypatch.delenv("COLUMNS", raising=False)
    main(command)
    whole = capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "80")
    main(command)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) > len(whole.splitlines())
    assert " ".join(" ".join(lines).split()) == " ".join(whole.split())
