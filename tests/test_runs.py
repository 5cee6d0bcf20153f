"""`run`, `replay` and `simulate`: what they say of a bot, and how they end."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest

from failing_exchange import ConfigurationError, FailingExchange
from failing_exchange.cli import exit_codes
from failing_exchange.cli.main import main, parser
from failing_exchange.report import text
from failing_exchange.runs.bot_process import calm_of
from failing_exchange.runs.bot_run import (
    DURATION_S,
    FIELDS,
    RATE_LIMIT,
    TIMEOUT_S,
    Run,
    RunConfig,
    config_of,
    run,
)
from failing_exchange.runs.watchdog import watched
from failing_exchange.scenarios import scenario as scenarios
from failing_exchange.text.results import write_results
from failing_exchange.virtual.errors import Spins

BOTS = """\
import asyncio
from failing_exchange import probe

async def dies(exchange):
    await exchange.fetch_ticker("BTC/USDT")
    await deeper(exchange)

async def deeper(exchange):
    raise KeyError("my own bug")

async def refused(exchange):
    await exchange.create_order("BTC/USDT", "limit", "buy", 1e9, 50_000)

async def turns(exchange):
    while True:
        await asyncio.sleep(0)

async def spins(exchange):
    while True:
        try:
            pass
        except Exception:
            pass

async def looks(exchange):
    while True:
        await exchange.fetch_ticker("BTC/USDT")
        await asyncio.sleep(30)

async def forgets_cash(exchange):
    held = {"BTC/USDT": 0.0}
    opening = (await exchange.fetch_balance())["USDT"]["total"]
    probe(positions=lambda: held, balances=lambda: {"USDT": opening})
    order = await exchange.create_order("BTC/USDT", "market", "buy", 0.1)
    held["BTC/USDT"] = order["filled"] - order["fee"]["cost"]
    await looks(exchange)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mybot.py").write_text(BOTS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("exchange_test.json").read_text("utf-8"))
    return found


def test_a_plain_run_ends_calmly_and_judges_what_the_bot_believes() -> None:
    """Faults until the end would leave `converges` and `alive` without a verdict."""
    verdict = run(RunConfig(bot="naive", duration=3_600)).verdict
    assert verdict is not None
    assert verdict.result("alive").outcome == "pass"
    assert verdict.result("converges").outcome == "fail"
    assert verdict.at - verdict.last_fault_at >= 600 * 10**9 * 0.95
    assert RunConfig(duration=1_200).resolved(None).calm == 400
    assert RunConfig(calm=0).resolved(None).calm == 0


def test_a_bot_that_is_wrong_is_never_called_clean(capsys: pytest.CaptureFixture[str]) -> None:
    """Also where the rule could not judge: the first line says by how much."""
    code = main(["run", "--bot", "naive", "--calm", "0"])
    out = capsys.readouterr().out
    verdict = results()["verdict"]
    assert [r["outcome"] for r in verdict["results"] if r["rule"] == "converges"] == ["not judged"]
    assert verdict["outcome"] == "pass"
    assert code == exit_codes.FINDINGS
    wrong = f"{verdict['wrong']:,.2f} USDT"
    assert f"At the end the bot is wrong about {wrong}: it believes" in out
    assert "The bot keeps" not in out


def test_wrong_cash_is_found_by_a_probe_of_balances() -> None:
    """The position is right, and the money that was paid for it was never booked."""
    verdict = run(RunConfig(bot="mybot.py:forgets_cash", duration=900, modes=(), calm=0)).verdict
    assert verdict is not None
    assert verdict.wrong is not None
    assert 4_500 < verdict.wrong < 5_500
    assert verdict.holdings is not None
    assert verdict.holdings["BTC"].difference == 0
    assert not verdict.clean


def test_what_trades_have_gained_is_what_the_ledger_says() -> None:
    """Two ways to the same truth: summed from the fills, and read from the books."""
    this = Run(RunConfig(bot="careful").resolved(None), None, lambda share: None)
    this.judged.simulate(seed=0, start=this.config.start())
    engine = this.exchange.venue.engine
    assert engine is not None
    opened, traded = this.exchange.venue.accounts["main"], this.judged.judge.facts.traded
    totals = {a: sum(both) for a, both in engine.state.ledger.balances("main").items()}
    changes = {asset: total - opened.get(asset, 0) for asset, total in totals.items()}
    assert {a: n for a, n in changes.items() if n} == {a: n for a, n in traded.total.items() if n}
    assert traded.total["USDT"] < 0, "it has paid fees"
    assert sum(gain.changes["BTC"] for gain in traded.newest(0)) == traded.total["BTC"]
    assert traded.newest(this.exchange.venue.clock.now()) == []


def test_nobody_reading_is_not_a_clean_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """`run | head -1` must not tell a build that all is well."""

    def gone(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(text, "show", gone)
    monkeypatch.setattr("os.dup2", lambda *_: None)
    monkeypatch.setattr("sys.stdout.fileno", lambda: 1, raising=False)
    assert main(["run", "--duration", "60"]) == exit_codes.COULD_NOT_RUN


def test_the_headline_is_one_number_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    """In the table, in the first line, in the file: the same sum, with its definition."""
    main(["run", "--bot", "naive"])
    out, found = capsys.readouterr().out, results()
    money = found["headline"]["money"]
    assert money == found["verdict"]["money"] > 0
    assert f"{money:,.2f} USDT are lost or at risk" in found["headline"]["sentence"]
    assert "largest of the sums" in found["headline"]["means"]
    row = next(line for line in out.splitlines() if "lost or at risk" in line)
    assert row.split() == ["lost", "or", "at", "risk", f"{money:,.2f}", "USDT"]
    sums = [r["money"] for r in found["verdict"]["results"] if r["severity"] == "money"]
    assert money == max(found["verdict"]["wrong"], *sums)


@pytest.mark.parametrize(
    ("bot", "frames"),
    [
        ("dies", ['"mybot.py", line 6, in dies', '"mybot.py", line 9, in deeper']),
        ("refused", ['"mybot.py", line 12, in refused']),
        pytest.param(
            "turns", ["turns(), waits in __sleep0() at mybot.py:16"], marks=pytest.mark.slow
        ),
    ],
)
def test_a_death_is_told_once_with_the_bots_own_lines(
    bot: str, frames: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Our frames, and asyncio's, say nothing about the bot's bug."""
    assert main(["run", "--bot", f"mybot.py:{bot}", "--mode", "NONE"]) == exit_codes.FINDINGS
    out = capsys.readouterr().out
    traceback = results()["verdict"]["traceback"]
    for frame in frames:
        assert frame in traceback
        assert out.count(frame) == 1
    assert "site-packages" not in traceback
    assert "failing_exchange/" not in traceback


def test_a_bot_that_never_waits_is_stopped() -> None:
    """`while True: pass` would hang the command for ever; that it excepts everything is no help."""
    this = Run(RunConfig(bot="mybot.py:spins", modes=()).resolved(None), None, lambda share: None)
    with watched(spin_s=0.2):
        this.judged.simulate(seed=0, start=this.config.start())
    verdict = this.judged.verdict
    assert verdict is not None
    assert "in spins() at mybot.py:" in str(verdict.crashed)
    assert 'File "mybot.py"' in verdict.traceback


def test_a_bot_that_never_waits_is_stopped_in_real_time_too() -> None:
    """The same watch, for a loop that does not count its turns; one that waits is left alone."""

    async def waits() -> int:
        for _ in range(50_000):
            await asyncio.sleep(0)
        return 7

    async def spins() -> None:
        while True:
            pass

    with watched(spin_s=0.2):
        assert asyncio.run(waits()) == 7
    with pytest.raises(Spins, match=r"in spins\(\) at .*test_runs.py"), watched(spin_s=0.2):
        asyncio.run(spins())


@pytest.mark.parametrize(
    "options",
    [
        ["--mode", "NONE"],
        ["--modes", "TIMEOUT", "BAN", "--probabilities", "0.05", "0.01", "--timeout", "3"],
        ["--scenario", "order_timeout_after_accept", "--mode", "TIMEOUT", "--calm", "7m"],
        ["--maintenance", "--maintenance-start", "05:30", "--maintenance-duration", "20"],
        ["--rate-limit", "90", "--seed", "3", "--journal", "run.jsonl", "--calm", "0"],
    ],
)
def test_the_line_that_runs_it_again_has_every_option(options: list[str]) -> None:
    """It gives the same run, to the last number; the journal of the first is left alone."""
    main(["run", "--bot", "naive", "--duration", "20m", *options])
    first = results()
    journal = Path("run.jsonl")
    before = journal.read_bytes() if journal.exists() else b""
    main([*first["again"].split()[1:], "--output", "again.json"])
    second = json.loads(Path("again.json").read_text("utf-8"))
    first["config"]["journal"] = None
    assert second == first
    assert (journal.read_bytes() if journal.exists() else b"") == before


@pytest.mark.parametrize("journal", ["run.jsonl", "run.db"])
def test_a_run_with_a_journal_is_replayed(journal: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The journal belongs to the first run: it is neither written again nor in the way."""
    main(["run", "--duration", "15m", "--mode", "TIMEOUT", "--journal", journal])
    before = Path(journal).read_bytes()
    assert main(["replay", "exchange_test.json", "--output", "again.json"]) == exit_codes.CLEAN
    assert main(["report", "again.json"]) == exit_codes.CLEAN
    assert "the same as recorded" in capsys.readouterr().out
    assert Path(journal).read_bytes() == before


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[]", "something else"),
        ('{"kind": "card"}', "a report card; run one of its scenarios"),
        ('{"kind": "run"}', "`config` is missing"),
        ('{"kind": "run", "config": {"bot": 7}}', "config.bot = 7; expected a string"),
        ("[" * 100_000, "not a results file"),
    ],
)
def test_what_is_no_results_file_is_refused(
    text: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a sentence, before anything runs."""
    Path("r.json").write_text(text, "utf-8")
    assert main(["replay", "r.json"]) == exit_codes.COULD_NOT_RUN
    assert says in capsys.readouterr().err


def test_a_replay_has_every_part_of_the_run_but_the_files_it_wrote() -> None:
    """A limit of real time that is left out ends a long run where the first one went on."""
    written = {"journal", "keep_files"}
    assert FIELDS.keys() == {one.name for one in fields(RunConfig)} - written
    recorded = json.loads(json.dumps(asdict(RunConfig(wall_seconds=300.0).resolved(None))))
    assert config_of(recorded, "f").wall_seconds == 300.0


@pytest.mark.parametrize("failure", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_results_that_can_not_be_written_leave_the_older_ones(
    failure: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, or Ctrl-C, comes when half of the file is written."""
    path = tmp_path / "results.json"
    write_results(path, {"seed": 1})
    path.chmod(0o640)
    older, mode = path.read_bytes(), path.stat().st_mode
    whole = Path.write_text

    def half(self: Path, data: str, **options: Any) -> int:
        whole(self, data[:5], **options)
        raise failure

    with monkeypatch.context() as full:
        full.setattr(Path, "write_text", half)
        with pytest.raises((ConfigurationError, KeyboardInterrupt)):
            write_results(path, {"seed": 2})
    assert path.read_bytes() == older
    write_results(path, {"seed": 3})
    assert json.loads(path.read_text("utf-8"))["seed"] == 3
    assert path.stat().st_mode == mode
    assert sorted(one.name for one in tmp_path.iterdir()) == ["mybot.py", "results.json"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there, and there is no /dev")
def test_results_go_through_a_link_and_to_a_device(tmp_path: Path) -> None:
    """What the user has put there stays what it is: `/dev/stdout` is not replaced by a file."""
    link, path = tmp_path / "link.json", tmp_path / "results.json"
    path.write_text("{}", "utf-8")
    link.symlink_to(path)
    write_results(link, {"seed": 1})
    assert link.is_symlink()
    assert json.loads(path.read_text("utf-8"))["seed"] == 1
    write_results(Path(os.devnull), {"seed": 1})
    assert not Path(os.devnull).is_file()


def test_a_replay_names_foreign_code_before_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A results file that came by mail may name any file of this machine."""
    main(["run", "--bot", f"{tmp_path}/mybot.py:dies", "--duration", "60"])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    capsys.readouterr()
    main(["replay", "../exchange_test.json"])
    said = capsys.readouterr().out
    note = f"note: this runs {(tmp_path / 'mybot.py').resolve()}, outside the working directory"
    assert said.startswith(note)
    assert "the same as recorded" in said


def test_what_is_given_goes_before_the_scenario() -> None:
    """Also 0, and what equals a default."""
    Path("s.toml").write_text("seed = 7\nlatency = 5\nbackground = false\ntimeout = 3\n", "utf-8")
    assert FailingExchange(scenario="s.toml").seed == 7
    given = FailingExchange(scenario="s.toml", seed=0, connection_timeout=10.0, background=True)
    assert given.seed == 0
    assert given.connection_timeout == 10.0
    assert given.venue.background
    assert FailingExchange(scenario="s.toml").connection_timeout == 3.0


def test_a_run_takes_what_is_given_then_the_scenario_then_a_default() -> None:
    """`--seed 0` is a seed like any other, and `--calm 0` means none."""
    said: dict[str, Any] = {
        "seed": 7,
        "rate_limit": 90,
        "calm": 100.0,
        "duration": 600.0,
        "timeout": 3.0,
    }
    text = "\n".join(f"{name} = {value}" for name, value in said.items())
    scenario = scenarios.read(text)
    given: dict[str, Any] = {
        "seed": 0,
        "rate_limit": 0,
        "calm": 0.0,
        "duration": 900.0,
        "timeout": TIMEOUT_S,
    }
    usual = {"seed": 0, "rate_limit": RATE_LIMIT, "calm": calm_of(DURATION_S),
             "duration": DURATION_S, "timeout": TIMEOUT_S}  # fmt: skip
    runs = [
        (RunConfig(**given).resolved(scenario), given),
        (RunConfig().resolved(scenario), said),
        (RunConfig().resolved(None), usual),
    ]
    for found, expected in runs:
        assert {name: getattr(found, name) for name in expected} == expected


def test_a_script_that_raises_shows_its_own_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """With `simulate`, too: runpy and our frames are left out."""
    Path("script.py").write_text(
        "import asyncio\nasync def main():\n    1 / 0\nasyncio.run(main())\n"
    )
    assert main(["simulate", "script.py"]) == exit_codes.FINDINGS
    said = capsys.readouterr().err
    assert 'File "script.py", line 3, in main' in said
    assert "runpy" not in said
    assert said.count("ZeroDivisionError") == 1


def test_every_command_shows_the_exit_codes() -> None:
    """One table, in one module, in the manual, and in each --help."""
    manual = (Path(__file__).parent.parent / "docs" / "exit_codes.md").read_text("utf-8")
    for code, meaning in exit_codes.TABLE.items():
        assert f"| {code} | {meaning} |" in manual
    commands = next(a.choices for a in parser()._actions if isinstance(a.choices, dict))
    for made in commands.values():
        assert made.epilog == exit_codes.HELP
