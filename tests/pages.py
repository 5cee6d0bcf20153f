"""The examples of README.md and of the pages in docs/: which there are, and how a reader runs them.

A fence with a title is a file, as ```python title="bot.py"; one of `sh` is commands; one of `text`
right behind commands is lines of what the last of them prints, `…` standing for what is left out.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.sources import ROOT

FENCE = re.compile(
    r"^( *)```(\w*)(?: +title=\"([^\"]+)\")?\n(.*?)^ *```$", re.MULTILINE | re.DOTALL
)
EXIT = re.compile(r"#.*\bexit code (\d+)")  # in the comment behind a command
PORTS = ("8080", "8090")  # that the pages name; free ones take their places
PATIENCE_S = 120.0  # of one command, in real seconds
INSTALLS = ("pip ", "git ", "docker ", "cd ")  # this environment has what they would install


class Example(NamedTuple):
    """A fenced block of a page."""

    language: str
    title: str  # the file that it is; empty: none
    text: str
    line: int  # of the page, where it begins


def pages() -> list[Path]:
    """README.md and every page of docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def examples(page: Path) -> list[Example]:
    """The blocks of a page, in order."""
    source = page.read_text(encoding="utf-8")
    return [
        Example(language, title, re.sub(f"^{indent}", "", text, flags=re.MULTILINE),
                source.count("\n", 0, found.start()) + 1)
        for found in FENCE.finditer(source)
        for indent, language, title, text in [found.groups(default="")]
    ]  # fmt: skip


def commands(text: str) -> list[str]:
    """The commands of a block of `sh`, each in one line."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


class Walk:
    """A reader who does what a page says, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
        self.printed = ""  # by the last command
        bin_ = Path(sys.executable).parent
        self.environment = os.environ | {"PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
                                         "COLUMNS": "100"}  # fmt: skip
        self._servers = ExitStack()

    def __enter__(self) -> Walk:
        return self

    def __exit__(self, *_: object) -> None:
        self._servers.close()

    def take(self, example: Example) -> None:
        """Write a file, run commands, or compare what the last one printed."""
        if example.title:
            path = self.folder / example.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._here(example.text), encoding="utf-8")
        elif example.language == "sh":
            for command in commands(example.text):
                if not command.startswith(INSTALLS):
                    self.run(command)
        elif example.language == "text" and self.printed:
            missing = self.missing(example.text)
            assert not missing, f"not printed: {missing}\n--- printed:\n{self.printed}"

    def run(self, command: str) -> None:
        """Run a command to its end; start it where it serves until it is stopped."""
        wanted = int(found[1]) if (found := EXIT.search(command)) else 0
        words = shlex.split(self._here(command), comments=True)
        if words[:2] == ["failing-exchange", "serve"] and "--" not in words:
            self._servers.enter_context(self._served(words))
            return
        ended = subprocess.run(
            words, cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        self.printed = ended.stdout + ended.stderr
        assert ended.returncode == wanted, f"{command}: {ended.returncode}\n{self.printed}"

    def missing(self, shown: str) -> list[str]:
        """The lines that a page shows and that were not printed, in order."""
        printed, at = self._there(" ".join(self.printed.split())), 0
        missing = []
        for line in shown.splitlines():
            for part in (" ".join(part.split()) for part in line.split("…")):
                found = printed.find(part, at)
                if found < 0:
                    missing.append(line)
                else:
                    at = found + len(part)
        return missing

    def _here(self, text: str) -> str:
        for named, free in self.ports.items():
            text = re.sub(rf"\b{named}\b", free, text)
        return text

    def _there(self, text: str) -> str:
        for named, free in self.ports.items():
            text = re.sub(rf"\b{free}\b", named, text)
        return text

    @contextmanager
    def _served(self, words: list[str]) -> Iterator[None]:
        """A server, from when it listens until the page ends."""
        said = self.folder / "served.txt"
        with said.open("w", encoding="utf-8") as out:
            server = subprocess.Popen(
                words, cwd=self.folder, env=self.environment, stdout=out, stderr=out
            )
        try:
            until = time.monotonic() + PATIENCE_S
            while "failing-exchange: " not in said.read_text("utf-8"):
                assert server.poll() is None, said.read_text("utf-8")
                assert time.monotonic() < until, f"{words}: does not listen"
                time.sleep(0.05)
            self.printed = said.read_text("utf-8")
            yield
        finally:
            server.terminate()
            server.wait(PATIENCE_S)


def _free_ports(number: int) -> list[str]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [str(one.getsockname()[1]) for one in sockets]
