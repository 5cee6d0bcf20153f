"""Install a wheel or an sdist in a fresh environment, and use it as somebody new does.

`make package` builds both and calls this. Needs nothing but a Python with venv; installs what the
package needs. Each step is one that the documentation names, in an empty folder.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from urllib.request import urlopen

SECONDS_MAX = 300  # for one command
PLUGIN = """\
async def test_it(failing_exchange):
    assert (await failing_exchange.fetch_balance())["total"]["USDT"] > 0
"""
BOT = """\
async def main(exchange):
    await exchange.create_order("BTC/USDT", "limit", "buy", 0.01, 40_000)
"""
IMPORT = """\
import sys, failing_exchange
assert failing_exchange.__version__ == {version!r}, failing_exchange.__version__
assert not [m for m in ("aiohttp", "ccxt", "rich") if m in sys.modules]
failing_exchange.FailingExchange()
"""


def main() -> int:
    """Try each file that is named; the exit code is 0 only if every step worked."""
    files = [Path(name).absolute() for name in sys.argv[1:]]
    if not files:
        print("usage: python try_package.py FILE...", file=sys.stderr)
        return 2
    for file in files:
        with tempfile.TemporaryDirectory(prefix="try package ") as folder:  # with a blank
            Trial(Path(folder), file).run()
    return 0


class Trial:
    """One file in one environment."""

    def __init__(self, folder: Path, file: Path) -> None:
        self.folder = folder
        self.file = file
        self.bin = folder / "env" / ("Scripts" if os.name == "nt" else "bin")

    def run(self) -> None:
        """All steps; an error ends it with the output of the command."""
        print(f"{self.file.name} on Python {sys.version.split()[0]}", flush=True)
        venv.create(self.folder / "env", with_pip=True)
        self.python("-m", "pip", "install", "--quiet", str(self.file), "pytest>=9,<10")
        version = re.split(r"[-]|\.tar|\.whl", self.file.name)[1]
        self.python("-c", IMPORT.format(version=version))
        self.ours("--version")
        self.ours("doctor")
        self.ours("demo")
        (self.folder / "test_it.py").write_text(PLUGIN, encoding="utf-8")
        assert "1 passed" in self.python("-m", "pytest", "-q", "test_it.py")
        (self.folder / "bot.py").write_text(BOT, encoding="utf-8")
        if hasattr(os, "fork"):
            self.ours("explore", "bot.py:main", "--seeds", "3", "--ignore", "resolves", code=(0, 1))
        self.ours("init", "bot.py:main", "--folder", "first")
        self.served()
        self.ours("report", str(self.results()), "-o", "report.html")

    def results(self) -> Path:
        """A results file."""
        self.ours("run", "--bot", "careful", "--duration", "10m", "--output", "run.json")
        return self.folder / "run.json"

    def served(self) -> None:
        """The server answers, and its page comes whole from the package."""
        server = subprocess.Popen(
            [
                self.bin / "failing-exchange", "serve", "binance", "--page",
                "--port", "0", "--control-port", "0",
            ],
            stdout=subprocess.PIPE, text=True, cwd=self.folder,
        )  # fmt: skip
        try:
            assert server.stdout is not None
            said = ""
            while "page: " not in said:
                line = server.stdout.readline()
                assert line, f"serve has ended: {said}"
                said += line
            (page,) = re.findall(r"page: (\S+)", said)
            venue = re.findall(r"http://127\.0\.0\.1:\d+", said)[0]
            assert b"serverTime" in fetched(f"{venue}/api/v3/time")
            html = fetched(page).decode()
            base = page[: page.index("/", 8)]
            for path in re.findall(r'(?:src|href)="([^"#:]+)"', html):
                assert fetched(base + path if path.startswith("/") else f"{base}/{path}"), path
        finally:
            server.terminate()
            server.wait(timeout=30)

    def ours(self, *arguments: str, code: tuple[int, ...] = (0,)) -> str:
        """Run our command."""
        return self.command(self.bin / "failing-exchange", *arguments, code=code)

    def python(self, *arguments: str) -> str:
        """Run the environment's Python."""
        return self.command(self.bin / "python", *arguments, code=(0,))

    def command(self, *command: str | Path, code: tuple[int, ...]) -> str:
        """Run a command in the folder; what it said."""
        ran = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=SECONDS_MAX,
            check=False,
        )  # fmt: skip
        named = " ".join([Path(command[0]).name, *map(str, command[1:])])
        if ran.returncode not in code:
            raise SystemExit(f"{named}: exit code {ran.returncode}\n{ran.stdout}{ran.stderr}")
        print(f"  ok  {named[:90].splitlines()[0]}", flush=True)
        return ran.stdout


def fetched(url: str) -> bytes:
    """What a URL of loopback answers."""
    with urlopen(url, timeout=10) as answer:
        found: bytes = answer.read()
        return found


if __name__ == "__main__":
    sys.exit(main())
