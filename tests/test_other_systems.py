"""The commands where a system lacks what Linux has: Windows and macOS, as far as Linux can tell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from failing_exchange.server.certificate import context
from tests.other_system import LINUX_ALONE, POSIX_ALONE
from tests.sources import ROOT
from tests.test_system import SOME_SYSTEMS

BOT = """\
async def main(exchange):
    print("\N{BOX DRAWINGS LIGHT HORIZONTAL} \N{CJK UNIFIED IDEOGRAPH-5E01} \N{BITCOIN SIGN}")
    await exchange.create_order("BTC/USDT", "limit", "buy", 0.01, 49_000)
"""
SCRIPT = """\
import asyncio, threading, time
print("\N{BITCOIN SIGN}")
time.sleep(3_600)
thread = threading.Thread(target=time.sleep, args=(5,))
thread.start(); thread.join()
asyncio.run(asyncio.sleep(5))
print("the end")
"""
CLIENT = """\
import os, subprocess, sys, urllib.request
print(urllib.request.urlopen(os.environ["EXCHANGE_URL"] + "/api/v3/time").read())
again = [sys.executable, "-m", "tests.other_system", sys.argv[1], "serve", "--port", "0"]
refused = subprocess.run([*again, "--journal", "a venue.db"], capture_output=True, text=True)
assert "is in use by another venue" in refused.stderr, refused.stderr
"""
BOTH = pytest.mark.parametrize("system", ["windows", "macos"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Its name has a blank, as home folders have."""
    made = tmp_path / "my bots"
    made.mkdir()
    for name, text in (("my bot.py", BOT), ("a script.py", SCRIPT), ("client.py", CLIENT)):
        (made / name).write_text(text, encoding="utf-8")
    return made


def command(system: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command there; its output has the encoding of a Windows pipe."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "cp1252"}
    return subprocess.run(
        [sys.executable, "-m", "tests.other_system", system, *arguments],
        cwd=cwd, env=environment, capture_output=True, encoding="cp1252", timeout=120, check=False,
    )  # fmt: skip


def test_what_is_taken_away_is_what_must_stand_in_one_module() -> None:
    """What the sources are searched for is missing in these tests, too."""
    taken = {name for table in (LINUX_ALONE, POSIX_ALONE) for names in table.values()
             for name in names}  # fmt: skip
    own = {"add_signal_handler", "remove_signal_handler", "getrusage", "waitpid"}
    assert SOME_SYSTEMS - own <= taken


def test_a_certificate_needs_no_file_that_is_opened_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows refuses that: there `serve --tls` ended with a PermissionError."""
    monkeypatch.delattr("tempfile.NamedTemporaryFile")
    assert context().cert_store_stats()


@pytest.mark.slow
@BOTH
def test_a_bot_runs_and_is_judged(system: str, folder: Path) -> None:
    """With a name that has a blank, and output that the terminal's encoding lacks."""
    ran = command(system, "run", "--duration", "10m", "--bot", "my bot.py:main", "--seed", "1",
                  cwd=folder)  # fmt: skip
    assert ran.returncode in (0, 1), ran.stderr
    assert r"\u2500 \u5e01 \u20bf" in ran.stdout
    assert "Traceback" not in ran.stderr
    wrote = (folder / "exchange_test.json").read_bytes()
    assert json.loads(wrote)["kind"] == "run"
    assert b"\r\n" not in wrote


@pytest.mark.slow
@BOTH
def test_a_blocking_script_runs_in_virtual_time(system: str, folder: Path) -> None:
    """Threads, and asyncio, whose loop makes a pair of sockets in another way on Windows."""
    ran = command(system, "simulate", "a script.py", cwd=folder)
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (0, "the end"), ran.stderr


@pytest.mark.slow
@BOTH
def test_runs_are_compared(system: str, folder: Path) -> None:
    """What a bot prints is a part of the trace, in any characters."""
    ran = command(system, "check-determinism", "my bot.py:main", cwd=folder)
    assert (ran.returncode, "are the same" in ran.stdout) == (0, True), ran.stderr


@pytest.mark.slow
@BOTH
def test_exploring_works_or_names_the_way_out(system: str, folder: Path) -> None:
    """A bot that prints what the terminal lacks has not died of a bug of its own."""
    ran = command(system, "explore", "my bot.py:main", "--seeds", "2", "--hours", "1m", cwd=folder)
    if system == "windows":
        assert (ran.returncode, "explore needs `fork`" in ran.stderr) == (2, True)
    else:
        assert "UnicodeEncodeError" not in ran.stdout + ran.stderr
        assert ran.returncode == 0, ran.stdout


@pytest.mark.slow
@BOTH
def test_a_venue_is_served_beside_a_program(system: str, folder: Path) -> None:
    """With TLS, a page and a journal that belongs to one venue at a time."""
    program = ("--", sys.executable, "client.py", system)
    ran = command(system, "serve", "--port", "0", "--control-port", "0", "--journal", "a venue.db",
                  *program, cwd=folder)  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "stopped after 1 requests" in ran.stdout


@pytest.mark.slow
@BOTH
def test_the_doctor_finds_the_system_well(system: str, folder: Path) -> None:
    """And says what it can't do."""
    ran = command(system, "doctor", cwd=folder)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ("all but `explore` works" in ran.stdout) is (system == "windows")
